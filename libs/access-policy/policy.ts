import { type TenantId } from '#libs/published/ids';

/** Roles are bundles of permissions. `operator` runs the platform: its membership is in `platform` and reaches every tree. */
export type Role = 'operator' | 'admin' | 'sales';

export type Permission =
  | 'tenants:read'
  | 'tenants:write'
  | 'roots:write'
  | 'contracts:read'
  | 'contracts:write'
  | 'usage:read'
  | 'usage:write'
  | 'bills:read'
  | 'users:read'
  | 'users:write'
  | 'operations:read'
  | 'operations:write';

const READ = ['tenants:read', 'contracts:read', 'usage:read', 'bills:read', 'users:read'] as const;
const WRITE = ['tenants:write', 'contracts:write', 'usage:write', 'users:write'] as const;

export const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  operator: [...READ, ...WRITE, 'roots:write', 'operations:read', 'operations:write'],
  admin: [...READ, ...WRITE],
  sales: READ,
};

/** Where a user holds which role; it reaches the tenant and everything below it. */
export type Membership = Readonly<{ tenantId: TenantId | 'platform'; role: Role }>;

/** `hidden`: the tenant is outside every membership's reach, and its existence is not revealed (404). `denied` is a 403. */
export type Verdict = 'allowed' | 'denied' | 'hidden';

/**
 * May these memberships do this to the tenant at the end of `path` (from its root; undefined: no such tenant)?
 * The membership nearest to the tenant decides.
 */
export const decide = (
  memberships: readonly Membership[],
  permission: Permission,
  path: readonly TenantId[] | undefined,
): Verdict => {
  if (!path) return 'hidden';
  const reach: readonly (TenantId | 'platform')[] = ['platform', ...path];
  const nearest = memberships
    .filter(({ tenantId }) => reach.includes(tenantId))
    .toSorted((a, b) => reach.indexOf(b.tenantId) - reach.indexOf(a.tenantId))[0];
  if (!nearest) return 'hidden';
  return PERMISSIONS[nearest.role].includes(permission) ? 'allowed' : 'denied';
};

/** May these memberships do this to the platform itself? */
export const decideOnPlatform = (memberships: readonly Membership[], permission: Permission): Verdict =>
  memberships.some(({ tenantId, role }) => tenantId === 'platform' && PERMISSIONS[role].includes(permission))
    ? 'allowed'
    : 'denied';
