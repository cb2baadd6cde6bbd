import { masked, seesFinancials } from '#libs/access-policy/masking';
import { decide, type Standing } from '#libs/access-policy/policy';
import { type Currency } from '#libs/money/currency';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type OnboardingTask, type Tier } from '#libs/published/tenants';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Instant, type Month } from '#libs/time/time';
import { type ContractCounts, type CustomerRow } from '../customer-list/customer-list.projection.ts';
import { type TaskProgress } from '../onboarding/onboarding.ts';
import { type Reach, visiblePath } from '../reach.ts';
import { type Column } from './columns.ts';
import { countsOfInvoices, type InvoiceCounts } from './invoice-summary.ts';
import { invoiceId, type InvoiceRow, invoices as invoicesProjection } from './invoices.projection.ts';
import { people } from './people.projection.ts';
import { type Placed } from './tree-walk.ts';

export type StatusCell = Readonly<{ progress: number; position: OnboardingTask; tasks: readonly TaskProgress[] }>;

type Cells = Readonly<{
  customerCode: string | null;
  /** The first of its own admins; null: none yet. */
  admin: Readonly<{ id: UserId; name: string }> | null;
  /** Null once it is set up. */
  status: StatusCell | null;
  sourceData: HealthStatus;
  contracts: ContractCounts | null;
  invoices: InvoiceCounts | null;
  mrr: string | null;
  ports: number | null;
  vcs: number | null;
  cloud: number | null;
  lastActivity: Instant | null;
  lastOrder: Instant | null;
  currency: Currency;
  primaryDomain: string | null;
  registeredAt: Instant;
}>;

type Place = Readonly<{
  id: TenantId;
  parentId: TenantId | null;
  depth: number;
  matches: boolean;
  tier: Tier;
  name: string;
  quarantined?: true;
}>;

/** With all columns. */
export type FullRow = Place & Cells;

/** A customer as the Customers page shows it. Columns that were not asked for are left out. */
export type TreeRow = Place & Partial<Cells>;

/** Whoever sees no amounts sees the customer, but not what it orders, what that costs, nor when it was about. */
const EMPTY_FOR_SUPPORT = ['invoices', 'mrr', 'ports', 'vcs', 'cloud', 'lastActivity', 'lastOrder'] as const;

/** @param month of whose invoices a reseller sees the counts; null: no invoices for whoever looks from elsewhere */
export type View = Readonly<{
  standing: Standing;
  anchor: Reach;
  month: Month | null;
  columns: readonly Column[];
}>;

export const treeRows = async (readModels: ReadModels, placed: readonly Placed[], view: View): Promise<readonly FullRow[]> => {
  const wants = (column: Column): boolean => view.columns.includes(column);
  const [names, counts] = await Promise.all([
    wants('admin') ? namesOf(readModels, placed) : new Map<UserId, string>(),
    wants('invoices') && view.month !== null ? invoicesOf(readModels, placed, view.month) : undefined,
  ]);
  return placed.map(({ row, depth, matches }) => {
    const { id, path, tier, name, adminIds } = row;
    const [adminId] = adminIds;
    const cells: Cells = {
      customerCode: row.customerCode,
      admin: adminId === undefined ? null : { id: adminId, name: names.get(adminId) ?? '' },
      status: statusOf(row, view.anchor),
      sourceData: row.sourceData,
      contracts: decide(view.standing, 'contracts:read', path) === 'allowed' ? row.contracts : null,
      invoices:
        counts && tier === 'endCustomer' && decide(view.standing, 'bills:read', path) === 'allowed'
          ? countsOfInvoices(counts.get(id) ?? [])
          : null,
      // Network services come later: nobody has any.
      mrr: null,
      ports: null,
      vcs: null,
      cloud: null,
      lastActivity: row.lastActivity,
      lastOrder: null,
      currency: row.currency,
      primaryDomain: row.primaryDomain,
      registeredAt: row.registeredAt,
    };
    const parentId = visiblePath(view.standing, path).at(-2) ?? null;
    const place: Place = { id, parentId, depth, matches, tier, name, ...(row.quarantined && { quarantined: true }) };
    return { ...place, ...masked(cells, EMPTY_FOR_SUPPORT, seesFinancials(view.standing, path)) };
  });
};

/** The same without the columns that nobody asked for. */
export const withColumns = (row: FullRow, columns: readonly Column[]): TreeRow => {
  const { id, parentId, depth, matches, tier, name, quarantined } = row;
  const place: Place = { id, parentId, depth, matches, tier, name, ...(quarantined && { quarantined }) };
  return { ...place, ...Object.fromEntries(columns.map((column) => [column, row[column]])) };
};

/** A reseller does not see its own: it is about what the tenant above does. */
export const hidesStatus = ({ id, tier }: Pick<CustomerRow, 'id' | 'tier'>, anchor: Reach): boolean =>
  tier === 'reseller' && id === anchor;

const statusOf = (row: CustomerRow, anchor: Reach): StatusCell | null => {
  const { progress, position, tasks } = row.onboarding;
  return position === null || hidesStatus(row, anchor) ? null : { progress, position, tasks };
};

const namesOf = async (readModels: ReadModels, placed: readonly Placed[]): Promise<ReadonlyMap<UserId, string>> => {
  const ids = new Set(placed.flatMap(({ row }) => row.adminIds.slice(0, 1)));
  const found = ids.size > 0 ? await readModels.of(people).all({ id: { in: [...ids] } }) : [];
  return new Map(found.map(({ id, name }) => [id, name]));
};

const invoicesOf = async (
  readModels: ReadModels,
  placed: readonly Placed[],
  month: Month,
): Promise<ReadonlyMap<TenantId, readonly InvoiceRow[]>> => {
  const ids = placed.filter(({ row }) => row.tier === 'endCustomer').map(({ row }) => invoiceId(row.id, month));
  const found = ids.length > 0 ? await readModels.of(invoicesProjection).all({ id: { in: ids } }) : [];
  return new Map(found.map((invoice) => [invoice.tenantId, [invoice]]));
};
