import { type RoleId } from '#libs/published/ids';

/** What a route can ask for; roles are bundles of these. */
export const PERMISSIONS = [
  'tenants:read',
  'tenants:write',
  'tenants:switch',
  'profile:write',
  'contacts:read',
  'contacts:write',
  'onboarding:write',
  'contracts:read',
  'contracts:write',
  'templates:write',
  'usage:read',
  'usage:write',
  'bills:read',
  'rebilling:write',
  /** Amounts of money wherever they stand: MRR, invoices, prices, totals. Without it they are empty. */
  'financials:read',
  'services:read',
  'services:write',
  'services:troubleshoot',
  'quotes:read',
  'quotes:write',
  'users:read',
  'users:write',
  'users:impersonate',
  'access:write',
  'service-accounts:write',
  'activity:read',
  'events:read',
  'roots:write',
  'operations:read',
  'operations:write',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** Of the platform itself: no tenant's role has them. */
const OF_THE_PLATFORM = ['roots:write', 'operations:read', 'operations:write'] as const satisfies readonly Permission[];

/** What a tenant may put into a role of its own. */
export type TenantPermission = Exclude<Permission, (typeof OF_THE_PLATFORM)[number]>;

export const isTenantPermission = (permission: Permission): permission is TenantPermission =>
  !OF_THE_PLATFORM.some((one) => one === permission);

export const TENANT_PERMISSIONS: readonly TenantPermission[] = PERMISSIONS.filter(isTenantPermission);

/** `operator` runs the platform: its membership is in `platform` and reaches every tree. */
export const BUILT_IN_ROLES = ['operator', 'admin', 'regular', 'readOnly', 'support', 'sales'] as const;

export type BuiltInRole = (typeof BUILT_IN_ROLES)[number];

/** A bundle that a tenant put together for itself and those below. */
export type CustomRole = `custom:${RoleId}`;

export type Role = BuiltInRole | CustomRole;

/** What only some Admins have. */
export const EXTRAS = ['billingUtilities', 'contractTemplates'] as const;

export type Extra = (typeof EXTRAS)[number];

export const ADDED_BY: Readonly<Record<Extra, Permission>> = {
  billingUtilities: 'rebilling:write',
  contractTemplates: 'templates:write',
};

/** What a member of a tenant is in every tenant below; `none` shuts them out. */
export const CHILD_TENANT_ROLES = ['admin', 'sales', 'none'] as const;

export type ChildTenantRole = (typeof CHILD_TENANT_ROLES)[number];

const LOOKING = ['tenants:read', 'contacts:read', 'services:read', 'activity:read', 'events:read', 'tenants:switch'] as const;
const LOOKING_AT_MONEY = ['contracts:read', 'usage:read', 'bills:read', 'financials:read'] as const;
const EXTRA_PERMISSIONS: readonly Permission[] = Object.values(ADDED_BY);

export const BUNDLES: Readonly<Record<BuiltInRole, ReadonlySet<Permission>>> = {
  operator: new Set(PERMISSIONS),
  admin: new Set(TENANT_PERMISSIONS.filter((permission) => !EXTRA_PERMISSIONS.includes(permission))),
  regular: new Set([...LOOKING, ...LOOKING_AT_MONEY, 'services:write', 'services:troubleshoot']),
  readOnly: new Set([...LOOKING, ...LOOKING_AT_MONEY, 'users:read']),
  support: new Set([...LOOKING, 'services:troubleshoot']),
  sales: new Set([...LOOKING, ...LOOKING_AT_MONEY, 'users:read', 'quotes:read', 'quotes:write']),
};

/**
 * What a permission does not count without: what shows amounts of money, or is written as them, needs the one to see amounts, and
 * whoever changes a thing is answered with it, and so needs the one to read it. Whoever delivers usage is not shown what it cost.
 */
export const NEEDS: Readonly<Partial<Record<Permission, Permission>>> = {
  'contracts:read': 'financials:read',
  'contracts:write': 'contracts:read',
  'templates:write': 'financials:read',
  'usage:read': 'financials:read',
  'bills:read': 'financials:read',
  'quotes:read': 'financials:read',
  'quotes:write': 'quotes:read',
  'tenants:write': 'tenants:read',
  'profile:write': 'tenants:read',
  'onboarding:write': 'tenants:read',
  'contacts:write': 'contacts:read',
  'users:write': 'users:read',
  'access:write': 'users:read',
};

/** The permissions among these that do not count, each with the one that it needs and that is not there. */
export const unmetIn = (
  permissions: Iterable<Permission>,
): readonly Readonly<{ permission: Permission; needs: Permission }>[] => {
  const given = new Set(permissions);
  return [...given].flatMap((permission) => {
    const needs = NEEDS[permission];
    return needs === undefined || given.has(needs) ? [] : [{ permission, needs }];
  });
};

const PREFIX = 'custom:';

export const customRole = (roleId: RoleId): CustomRole => `${PREFIX}${roleId}`;

/** Undefined for a built-in role. */
export const roleIdIn = (role: Role): RoleId | undefined =>
  role.startsWith(PREFIX) ? (role.slice(PREFIX.length) as RoleId) : undefined;

/** A role as events name it. */
export type GrantedRole = Readonly<{ role: BuiltInRole | 'custom'; /** Of a custom role. */ roleId?: RoleId }>;

export const grantedRole = (role: Role): GrantedRole => {
  const roleId = roleIdIn(role);
  return roleId === undefined ? { role: role as BuiltInRole } : { role: 'custom', roleId };
};

export const roleIn = ({ role, roleId }: GrantedRole): Role => {
  if (role !== 'custom') return role;
  if (roleId === undefined) throw new Error('a custom role without its id');
  return customRole(roleId);
};
