import { type Columns } from '#libs/csv/csv';
import { type ContractCounts } from '../customer-list/customer-list.projection.ts';
import { type Column } from './columns.ts';
import { type InvoiceCounts } from './invoice-summary.ts';
import { type FullRow } from './tree-row.ts';

const countsIn = (counts: ContractCounts | InvoiceCounts | null): string | null =>
  counts &&
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${status} ${String(count)}`)
    .join(', ');

const CELLS: Readonly<Record<Column, Columns<FullRow>[number][1]>> = {
  customerCode: ({ customerCode }) => customerCode,
  admin: ({ admin }) => admin?.name ?? null,
  status: ({ status }) => (status ? `${String(status.progress)} % ${status.position}` : '---'),
  sourceData: ({ sourceData }) => sourceData,
  contracts: ({ contracts }) => countsIn(contracts),
  invoices: ({ invoices }) => countsIn(invoices),
  mrr: ({ mrr }) => mrr,
  ports: ({ ports }) => ports,
  vcs: ({ vcs }) => vcs,
  cloud: ({ cloud }) => cloud,
  lastActivity: ({ lastActivity }) => lastActivity,
  lastOrder: ({ lastOrder }) => lastOrder,
  currency: ({ currency }) => currency,
  primaryDomain: ({ primaryDomain }) => primaryDomain,
  registeredAt: ({ registeredAt }) => registeredAt,
};

/** Of a CSV file: the place in the tree, then these columns. */
export const csvColumns = (columns: readonly Column[]): Columns<FullRow> => [
  ['id', ({ id }) => id],
  ['parentId', ({ parentId }) => parentId],
  ['depth', ({ depth }) => depth],
  ['matches', ({ matches }) => matches],
  ['tier', ({ tier }) => tier],
  ['name', ({ name }) => name],
  ...columns.map((column) => [column, CELLS[column]] as const),
];
