import { type Category } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { inPerson, ownMembership } from './own.ts';
import { decide, decideFromAbove, type Standing, type Verdict } from './policy.ts';
import { type Permission } from './roles.ts';

export type Masked<Row, Field extends keyof Row> = Readonly<{
  [Key in keyof Row]: Key extends Field ? Row[Key] | null : Row[Key];
}>;

/** May they see amounts of money of the tenant at the end of `path`? Otherwise fields with amounts are null for them. */
export const seesFinancials = (standing: Standing, path: readonly TenantId[]): boolean =>
  decide(standing, 'financials:read', path) === 'allowed';

/** A row as somebody sees it who may see amounts, or may not: then its financial fields are null. */
export const masked = <Row extends object, Field extends keyof Row>(
  row: Row,
  financial: readonly Field[],
  visible: boolean,
): Masked<Row, Field> => {
  if (visible) return row as Masked<Row, Field>;
  // Spread types do not follow a list of keys; what is put in place of each is null, as the type says.
  return { ...row, ...Object.fromEntries(financial.map((field) => [field, null])) } as Masked<Row, Field>;
};

/**
 * What it takes to read all that a category's events tell: these permissions, in the tenant or in the one above it, or in the tenant
 * as one of its own users.
 */
type Readable = Readonly<{
  needs: readonly Permission[];
  from?: 'above' | 'itself';
  /** What is no secret of the tenant, whoever asks. */
  free: readonly string[];
}>;

const NOT_FINANCIAL = [
  'tenantId',
  'rootId',
  'path',
  'contractId',
  'dataSourceId',
  'managementAccountId',
  'importId',
  'rebillingRunId',
  'month',
  'status',
  'at',
];

const USAGE: Readable = { needs: ['usage:read', 'financials:read'], free: NOT_FINANCIAL };
const OF_THE_TENANT: Readable = { needs: ['tenants:read'], free: ['tenantId'] };
const OF_USERS: Readable = { needs: ['users:read'], free: ['tenantId'] };

/** As the route asks from which one reads the thing itself, and amounts only by those who may see amounts. */
const READABLE: Readonly<Record<string, Readable>> = {
  'tenants.tenant': OF_THE_TENANT,
  'tenants.linkedAccount': OF_THE_TENANT,
  'tenants.autoAssignment': OF_THE_TENANT,
  'tenants.companyProfile': OF_THE_TENANT,
  'tenants.onboarding': OF_THE_TENANT,
  'tenants.contacts': { needs: ['contacts:read'], free: ['tenantId', 'contactId', 'contactType'] },
  'ingestion.dataSource': USAGE,
  'ingestion.import': USAGE,
  'ingestion.usageMonth': USAGE,
  'contracts.tenantContracts': { needs: ['contracts:read', 'financials:read'], free: NOT_FINANCIAL },
  'invoicing.bill': { needs: ['bills:read', 'financials:read'], free: NOT_FINANCIAL },
  'access-control.membership': OF_USERS,
  'access-control.accessSettings': OF_USERS,
  'access-control.visits': { ...OF_USERS, free: ['tenantId', 'method', 'everywhere', 'until'] },
  'access-control.invitation': { ...OF_USERS, free: ['tenantId', 'invitationId'] },
  'access-control.role': { ...OF_USERS, free: ['tenantId', 'roleId'] },
  'access-control.customerLink': { ...OF_USERS, from: 'above' },
  'access-control.serviceAccount': { needs: ['service-accounts:write'], free: ['tenantId', 'serviceAccountId'] },
  'access-control.delegatedAccess': { needs: ['access:write'], from: 'itself', free: ['tenantId', 'delegatedAccessId'] },
  'access-control.impersonation': { needs: ['activity:read'], free: ['tenantId', 'impersonationId'] },
};

/** Whoever came from above, by whatever way and whatever else they are, is none of the tenant's own users; the platform sees all. */
const decideFromWithin = (standing: Standing, permission: Permission, path: readonly TenantId[]): Verdict => {
  const isOfPlatform = inPerson(standing).memberships.some(({ tenantId }) => tenantId === 'platform');
  return isOfPlatform || ownMembership(standing, path) ? decide(standing, permission, path) : 'denied';
};

const JUDGES = { above: decideFromAbove, itself: decideFromWithin } as const;

/** Whether somebody may read all that a category's events tell of a tenant. */
export type Sight = (category: Category) => boolean;

export const sightOf = (standing: Standing, path: readonly TenantId[]): Sight => {
  const known = new Map<Category, boolean>();
  return (category) => {
    const found = known.get(category);
    if (found !== undefined) return found;
    const readable = READABLE[category];
    const judge = readable?.from === undefined ? decide : JUDGES[readable.from];
    const whole = readable?.needs.every((permission) => judge(standing, permission, path) === 'allowed') === true;
    known.set(category, whole);
    return whole;
  };
};

/**
 * An event's data, or what an activity log tells of it, as somebody sees it: of what they may not read everything is null that is not
 * known to be free, so that a field added later is not shown by mistake.
 */
export const maskedData = (
  category: Category,
  data: Readonly<Record<string, unknown>>,
  sight: Sight,
): Readonly<Record<string, unknown>> => {
  if (sight(category)) return data;
  const free = READABLE[category]?.free ?? [];
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, free.includes(key) ? value : null]));
};
