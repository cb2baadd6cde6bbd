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

/** The membership that counts for the tenant at the end of `path`: that of the nearest tenant upwards, at last of the platform. */
export const nearestMembership = (memberships: readonly Membership[], path: readonly TenantId[]): Membership | undefined => {
  const reach: readonly (TenantId | 'platform')[] = ['platform', ...path];
  return memberships
    .filter(({ tenantId }) => reach.includes(tenantId))
    .toSorted((a, b) => reach.indexOf(b.tenantId) - reach.indexOf(a.tenantId))[0];
};

const permits = ({ role }: Membership, permission: Permission): boolean => PERMISSIONS[role].includes(permission);

/**
 * May these memberships do this to the tenant at the end of `path` (from its root; undefined: no such tenant)?
 * The membership nearest to the tenant decides.
 */
export const decide = (
  memberships: readonly Membership[],
  permission: Permission,
  path: readonly TenantId[] | undefined,
): Verdict => {
  const nearest = path && nearestMembership(memberships, path);
  if (!nearest) return 'hidden';
  return permits(nearest, permission) ? 'allowed' : 'denied';
};

/**
 * What is decided about a tenant by the tier above it: its parent's membership counts, a root is its own. A tenant within reach whose
 * parent is not within it (a customer's own user) is denied, not hidden: that the tenant exists is no secret there.
 */
export const decideFromAbove = (
  memberships: readonly Membership[],
  permission: Permission,
  path: readonly TenantId[] | undefined,
): Verdict => {
  const above = path && path.length > 1 ? path.slice(0, -1) : path;
  const verdict = decide(memberships, permission, above);
  return verdict === 'hidden' && decide(memberships, permission, path) !== 'hidden' ? 'denied' : verdict;
};

/** May these memberships do this to the platform itself? */
export const decideOnPlatform = (memberships: readonly Membership[], permission: Permission): Verdict =>
  memberships.some((membership) => membership.tenantId === 'platform' && permits(membership, permission)) ? 'allowed' : 'denied';

/** May these memberships do this anywhere? The route then filters by what is within reach. */
export const decideAnywhere = (memberships: readonly Membership[], permission: Permission): Verdict =>
  memberships.some((membership) => permits(membership, permission)) ? 'allowed' : 'denied';
