import { BUILT_IN_ROLES, type TenantPermission } from '#libs/access-policy/roles';
import { type Claim, normalised, sameValue } from '#libs/event-sourcing/claims';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision } from '#libs/event-sourcing/event';
import { type RoleEvent } from '#libs/published/access-control';
import { type RoleId, type TenantId } from '#libs/published/ids';
import { refuseUnmet } from './needs.ts';

export type RoleDefinition = Readonly<{ name: string; permissions: readonly TenantPermission[] }>;

/** A bundle of permissions that a tenant put together. `revision`: that of its last event, its ETag. */
export type CustomRole = RoleDefinition & Readonly<{ tenantId: TenantId; revision: Revision }>;

/** Null: never, or no longer. */
export const customRoleOf = decider<CustomRole | null, RoleEvent, RoleId>(
  'access-control.role',
  null,
  (_before, { type, data }, revision) =>
    type === 'RoleDefined' ? { tenantId: data.tenantId, name: data.name, permissions: data.permissions, revision } : null,
);

type Place = Readonly<{ id: TenantId; path: readonly TenantId[] }>;

/** The order and repetitions of permissions say nothing. */
const sorted = (permissions: readonly TenantPermission[]): readonly TenantPermission[] => [...new Set(permissions)].toSorted();

const definition = ({ id: tenantId, path }: Place, roleId: RoleId, { name, permissions }: RoleDefinition): RoleEvent => {
  refuseUnmet(permissions);
  return { type: 'RoleDefined', data: { tenantId, path, roleId, name, permissions: sorted(permissions) } };
};

/** Without what separates words: "Read-Only" is `readOnly`. */
const lettersOf = (name: string): string => normalised(name).replace(/[^\p{L}\p{N}]/gu, '');

/** Whoever is shown the name of a role must not take it for one that every tenant has. */
const refuseBuiltIn = (name: string): void => {
  if (!BUILT_IN_ROLES.some((role) => lettersOf(role) === lettersOf(name))) return;
  const message = `there is a role "${name}" that every tenant has`;
  throw new DomainError('rejected', 'role-name-built-in', `The name is taken: ${message}.`, [{ path: 'name', message }]);
};

/** What must be unique about a role: its name, among those of its tenant. */
export const claimOfName = (tenantId: TenantId, name: string): Claim => ({
  service: 'access-control',
  kind: 'role-name',
  scope: tenantId,
  value: name,
  taken: { code: 'role-name-taken', message: `The tenant has a role "${name}" already.`, path: 'name' },
});

/** The name that a change brings and that must be claimed first; the role's own in other letters is its own already. */
export const nameToClaim = (before: RoleDefinition, { name }: RoleDefinition): string | null =>
  sameValue(name, before.name) ? null : name;

export const define =
  (tenant: Place, roleId: RoleId, wanted: RoleDefinition) =>
  (known: CustomRole | null): RoleEvent[] => {
    if (known) throw new DomainError('conflict', 'role-exists', 'This role is there already.');
    refuseBuiltIn(wanted.name);
    return [definition(tenant, roleId, wanted)];
  };

/** The role, where it is this tenant's. @throws DomainError `not-found` `role-not-found` */
export const existing = (known: CustomRole | null, tenantId: TenantId): CustomRole => {
  if (known?.tenantId !== tenantId)
    throw new DomainError('not-found', 'role-not-found', 'The tenant has no such role of its own.');
  return known;
};

/**
 * Whoever has the role may do from now on what it says then. `claimed` is the name that the shell has claimed for this change, null
 * for none: another writer may have changed the name since the shell looked.
 */
export const redefine =
  (tenant: Place, roleId: RoleId, wanted: RoleDefinition, claimed: string | null) =>
  (known: CustomRole | null): RoleEvent[] => {
    const { name, permissions } = existing(known, tenant.id);
    if (name === wanted.name && permissions.join() === sorted(wanted.permissions).join()) return [];
    if (!sameValue(name, wanted.name)) refuseBuiltIn(wanted.name);
    if (!sameValue(name, wanted.name) && !sameValue(claimed, wanted.name))
      throw new DomainError('conflict', 'lost-race', 'Another writer changed the role’s name. Read again and repeat.');
    return [definition(tenant, roleId, wanted)];
  };

export const remove =
  (tenantId: TenantId, roleId: RoleId) =>
  (known: CustomRole | null): RoleEvent[] => {
    existing(known, tenantId);
    return [{ type: 'RoleRemoved', data: { tenantId, roleId } }];
  };
