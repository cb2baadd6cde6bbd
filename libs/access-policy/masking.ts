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

/**
 * An event's data, or what an activity log tells of it, as somebody sees it: without amounts everything that is not known to be free of
 * them is null, so that a field added later is not shown by mistake.
 */
export const maskedData = (
  category: Category,
  data: Readonly<Record<string, unknown>>,
  visible: boolean,
): Readonly<Record<string, unknown>> => {
  if (visible || !FINANCIAL_SERVICES.has(category.slice(0, category.indexOf('.')))) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, NOT_FINANCIAL.has(key) ? value : null]));
};
