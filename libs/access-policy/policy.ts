import { type TenantId } from '#libs/published/ids';
import {
  ADDED_BY,
  type BuiltInRole,
  BUNDLES,
  type ChildTenantRole,
  type Extra,
  NEEDS,
  type Permission,
  PERMISSIONS,
  type Role,
} from './roles.ts';

/** Where a user is one of a tenant's own. `carriesOver`: the tenant's users keep their role in the tenants below. */
export type Membership = Readonly<{
  tenantId: TenantId | 'platform';
  role: Role;
  extras?: readonly Extra[];
  childTenantRole?: ChildTenantRole;
  carriesOver?: boolean;
}>;

/** Where a user of a tenant above was given a role: as if they were one of the tenant's own. */
export type CustomerLink = Readonly<{
  tenantId: TenantId;
  role: Role;
  carriesOver?: boolean;
  /** For a while only: granted by the tenant itself. */
  delegated?: true;
}>;

/** All that is known of a user. `bundles`: of the custom roles among theirs; one that is not there permits nothing. */
export type Standing = Readonly<{
  memberships: readonly Membership[];
  links: readonly CustomerLink[];
  bundles?: ReadonlyMap<Role, ReadonlySet<Permission>>;
  /** Of the person who acts here as somebody else: nothing counts that they could not do as themselves. */
  within?: Standing;
}>;

/** `hidden`: the tenant is outside the user's reach, and its existence is not revealed (404). `denied` is a 403. */
export type Verdict = 'allowed' | 'denied' | 'hidden';

/** Why somebody has a role in a tenant. */
type Through =
  | 'platform'
  /** Admin of a tenant above. */
  | 'admin'
  /** Member of the tenant, or linked to it. */
  | 'own'
  /** By the child-tenant role of a membership above. */
  | 'childTenantRole'
  /** By the access model of a tenant above. */
  | 'carryOver'
  /** Sales of a tenant above. */
  | 'sales';

/** What a user is in one tenant. Several roles: only what all of them permit, so the lowest wins. */
export type Effective = Readonly<{
  roles: readonly Role[];
  through: Through;
  /** The tenant as whose user they act: where the role comes from. */
  anchor: TenantId | 'platform';
}>;

type Held = Readonly<{ role: Role; carriesOver?: boolean }>;

const heldAt = ({ memberships, links }: Standing, tenantId: TenantId): readonly Held[] => [
  ...memberships.filter((one) => one.tenantId === tenantId),
  ...links.filter((one) => one.tenantId === tenantId),
];

const childTenantRoleAt = ({ memberships }: Standing, tenantId: TenantId): ChildTenantRole | undefined => {
  const chosen = memberships.flatMap((one) =>
    one.tenantId === tenantId && one.childTenantRole !== undefined ? [one.childTenantRole] : [],
  );
  return (['none', 'sales', 'admin'] as const).find((role) => chosen.includes(role));
};

/** An Admin is Admin of everything below, unless their own tenant gave them a child-tenant role; no tenant below takes that away. */
const isAdminBelow = (standing: Standing, ancestor: TenantId): boolean => {
  const held = heldAt(standing, ancestor);
  return held.length > 0 && held.every(({ role }) => role === 'admin') && childTenantRoleAt(standing, ancestor) === undefined;
};

/** What follows for the tenants below from the role alone. Two roles of which one reaches nothing below reach nothing. */
const impliedBy = (standing: Standing, ancestor: TenantId): Effective | undefined => {
  const held = heldAt(standing, ancestor);
  const roles = held.map(({ role }) => role);
  if (roles.length === 0) return undefined;
  if (held.every(({ carriesOver }) => carriesOver === true)) return { roles, through: 'carryOver', anchor: ancestor };
  return roles.every((role) => role === 'sales' || role === 'admin')
    ? { roles: ['sales'], through: 'sales', anchor: ancestor }
    : undefined;
};

const firstOf = <T, R>(candidates: readonly T[], found: (one: T) => R | undefined): R | undefined => {
  for (const one of candidates) {
    const result = found(one);
    if (result !== undefined) return result;
  }
  return undefined;
};

/**
 * What these make of a user in the tenant at the end of `path` (from its root); undefined: nothing, and the tenant is hidden. In this
 * order: an Admin of a tenant above is Admin; the tenant's own membership or link; the child-tenant role of the nearest tenant above
 * that gives one, where `none` shuts out; what the nearest tenant above implies, by carrying roles over or for Sales.
 */
export const effective = (standing: Standing, path: readonly TenantId[]): Effective | undefined => {
  if (standing.within && !effective(standing.within, path)) return undefined;
  const onPlatform = standing.memberships.filter(({ tenantId }) => tenantId === 'platform').map(({ role }) => role);
  if (onPlatform.length > 0) return { roles: onPlatform, through: 'platform', anchor: 'platform' };
  const tenantId = path.at(-1);
  if (tenantId === undefined) return undefined;
  const ancestors = path.slice(0, -1).reverse();
  const adminOf = ancestors.find((ancestor) => isAdminBelow(standing, ancestor));
  if (adminOf !== undefined) return { roles: ['admin'], through: 'admin', anchor: adminOf };
  const own = heldAt(standing, tenantId).map(({ role }) => role);
  if (own.length > 0) return { roles: own, through: 'own', anchor: tenantId };
  const said = firstOf(ancestors, (anchor) => {
    const role = childTenantRoleAt(standing, anchor);
    return role && { role, anchor };
  });
  if (said) return said.role === 'none' ? undefined : { roles: [said.role], through: 'childTenantRole', anchor: said.anchor };
  return firstOf(ancestors, (ancestor) => impliedBy(standing, ancestor));
};

/** A permission without what it needs does not count: a role of before such needs keeps it, and it says nothing. */
const includes = (standing: Standing, role: Role, permission: Permission): boolean => {
  const bundle = standing.bundles?.get(role) ?? (BUNDLES[role as BuiltInRole] as ReadonlySet<Permission> | undefined);
  const needs = NEEDS[permission];
  return bundle?.has(permission) === true && (needs === undefined || includes(standing, role, needs));
};

const permits = (standing: Standing, found: Effective, path: readonly TenantId[], permission: Permission): boolean => {
  if (standing.within && decide(standing.within, permission, path) !== 'allowed') return false;
  const { roles, through } = found;
  // Sales look down the tree from where they are; they do not step into it unless a child-tenant role or a link says so.
  if (permission === 'tenants:switch' && through === 'sales') return false;
  if (roles.every((role) => includes(standing, role, permission))) return true;
  return (
    roles.every((role) => role === 'admin') &&
    standing.memberships.some(
      ({ tenantId, extras }) =>
        path.some((id) => id === tenantId) && extras?.some((extra) => ADDED_BY[extra] === permission) === true,
    )
  );
};

/** All that they may do in the tenant at the end of `path`. */
export const permissionsIn = (standing: Standing, path: readonly TenantId[]): ReadonlySet<Permission> => {
  const found = effective(standing, path);
  return new Set(found ? PERMISSIONS.filter((permission) => permits(standing, found, path, permission)) : []);
};

/** May they do this to the tenant at the end of `path` (from its root; undefined: no such tenant)? */
export const decide = (standing: Standing, permission: Permission, path: readonly TenantId[] | undefined): Verdict => {
  const found = path && effective(standing, path);
  if (!found) return 'hidden';
  return permits(standing, found, path, permission) ? 'allowed' : 'denied';
};

/**
 * What is decided about a tenant by the tier above it: what they are in its parent counts, a root is its own. A tenant within reach
 * whose parent is not within it (a customer's own user) is denied, not hidden: that the tenant exists is no secret there.
 */
export const decideFromAbove = (standing: Standing, permission: Permission, path: readonly TenantId[] | undefined): Verdict => {
  const above = path && path.length > 1 ? path.slice(0, -1) : path;
  const verdict = decide(standing, permission, above);
  const itself = above === path ? verdict : decide(standing, permission, path);
  if (itself === 'hidden') return 'hidden';
  return verdict === 'hidden' ? 'denied' : verdict;
};

/** May they do this to the platform itself? */
export const decideOnPlatform = (standing: Standing, permission: Permission): Verdict =>
  standing.memberships.some(({ tenantId, role }) => tenantId === 'platform' && includes(standing, role, permission))
    ? 'allowed'
    : 'denied';

/** May they do this anywhere? For lists over all that they reach, which then show what each tenant allows. */
export const decideAnywhere = (standing: Standing, permission: Permission): Verdict => {
  const { memberships, links } = standing;
  const roles = [
    ...[...memberships, ...links].map(({ role }) => role),
    ...memberships.flatMap(({ childTenantRole: role }) => (role === undefined || role === 'none' ? [] : [role])),
  ];
  return roles.some((role) => includes(standing, role, permission)) ? 'allowed' : 'denied';
};
