import { customRoles } from '#libs/access-policy/custom-roles.projection';
import { permissionsIn, type Standing } from '#libs/access-policy/policy';
import { type BuiltInRole, BUNDLES, type ChildTenantRole, type Permission, type Role, roleIdIn } from '#libs/access-policy/roles';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Caller } from '#libs/platform/caller';
import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Grant } from '../membership/membership.ts';

type Giver = Readonly<{ standing: Standing; anchor: Caller['anchor'] }>;

/** The tenants on the path that the caller may know of: from the one as whose user they act on down. */
export const knownTo = (anchor: Caller['anchor'], path: readonly TenantId[]): readonly TenantId[] =>
  anchor === 'platform' ? path : path.filter((_id, index) => path.slice(0, index + 1).some((id) => id === anchor));

/** Undefined for a custom role that there is not, or that is of none of these tenants. */
const permissionsOf = async (
  readModels: ReadModels,
  role: Role,
  among: readonly TenantId[],
): Promise<Iterable<Permission> | undefined> => {
  const roleId = roleIdIn(role);
  if (roleId === undefined) return BUNDLES[role as BuiltInRole];
  const custom = await readModels.of(customRoles).get(roleId);
  return custom && among.includes(custom.tenantId) ? custom.permissions : undefined;
};

/** @throws DomainError `rejected` `role-beyond-yours` for a permission that the giver does not have in the tenant themselves */
export const refuseBeyond = (giver: Giver, path: readonly TenantId[], permissions: Iterable<Permission>, field: string): void => {
  const own = permissionsIn(giver.standing, path);
  const beyond = [...permissions].find((permission) => !own.has(permission));
  if (beyond === undefined) return;
  const message = `nobody can give ${beyond} without having it`;
  throw new DomainError('rejected', 'role-beyond-yours', `This is more than your own role: ${message}.`, [
    { path: field, message },
  ]);
};

/**
 * Nobody gives what they do not have themselves in that tenant; extras and a say over the tenants below are an Admin's to give.
 * @throws DomainError `rejected` `role-not-available`, `role-beyond-yours`
 */
export const refuseUngrantable = async (
  readModels: ReadModels,
  giver: Giver,
  path: readonly TenantId[],
  { role, extras = [], childTenantRole = null }: Partial<Grant>,
): Promise<void> => {
  if (role !== undefined) {
    const permissions = await permissionsOf(readModels, role, knownTo(giver.anchor, path));
    if (permissions === undefined) {
      const message = 'there is no such role here';
      throw new DomainError('rejected', 'role-not-available', `The role cannot be given: ${message}.`, [
        { path: 'role', message },
      ]);
    }
    refuseBeyond(giver, path, permissions, 'role');
  }
  if (extras.length > 0) refuseBeyond(giver, path, BUNDLES.admin, 'extras');
  if (childTenantRole !== null) refuseBeyond(giver, path, BUNDLES.admin, 'childTenantRole');
};

/**
 * Nobody changes a user who may do more than they, also by a role of a tenant above that they may not know of.
 * @throws DomainError `rejected` `role-beyond-yours`
 */
export const refuseAbove = async (
  readModels: ReadModels,
  giver: Giver,
  path: readonly TenantId[],
  { role, childTenantRole }: Readonly<{ role: Role | null; childTenantRole: ChildTenantRole | null }>,
): Promise<void> => {
  if (role !== null) refuseBeyond(giver, path, (await permissionsOf(readModels, role, path)) ?? [], 'userId');
  if (childTenantRole === 'admin') refuseBeyond(giver, path, BUNDLES.admin, 'userId');
};
