import { type Category } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { decide, type Standing } from './policy.ts';

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

/** Of these services' events only who, what and when is no matter of money. */
const FINANCIAL_SERVICES: ReadonlySet<string> = new Set(['contracts', 'ingestion', 'invoicing']);

const NOT_FINANCIAL: ReadonlySet<string> = new Set([
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
  'reason',
  'at',
]);

/** Of contacts' events: who it is may be read by those who may read contacts. */
const CONTACTS = 'tenants.contacts';
const NOT_PERSONAL: ReadonlySet<string> = new Set(['tenantId', 'contactId', 'contactType']);

/** What of a tenant's events somebody may see. */
export type Sight = Readonly<{ financials: boolean; contacts: boolean }>;

export const sightOf = (standing: Standing, path: readonly TenantId[]): Sight => ({
  financials: seesFinancials(standing, path),
  contacts: decide(standing, 'contacts:read', path) === 'allowed',
});

/** What is known to be free of what they may not see; undefined: they may see everything. */
const freeOf = (category: Category, { financials, contacts }: Sight): ReadonlySet<string> | undefined => {
  if (!financials && FINANCIAL_SERVICES.has(category.slice(0, category.indexOf('.')))) return NOT_FINANCIAL;
  return !contacts && category === CONTACTS ? NOT_PERSONAL : undefined;
};

/**
 * An event's data, or what an activity log tells of it, as somebody sees it: without amounts, or without contacts, everything that is
 * not known to be free of them is null, so that a field added later is not shown by mistake.
 */
export const maskedData = (
  category: Category,
  data: Readonly<Record<string, unknown>>,
  sight: Sight,
): Readonly<Record<string, unknown>> => {
  const free = freeOf(category, sight);
  return free ? Object.fromEntries(Object.entries(data).map(([key, value]) => [key, free.has(key) ? value : null])) : data;
};
