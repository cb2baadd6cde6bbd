import { type Revision } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { type Bill, type BillEvent, type Proforma } from '#libs/published/invoicing';
import { alphabetical } from '#libs/read-models/alphabetical';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';
import { billId } from '../bill/bill.ts';

/** A proforma without its lines, which can be very many. */
type ProformaTotals = Omit<Proforma, 'lines'> & Readonly<{ lines: number }>;

/** A tenant's month as lists show it; `revision` is the bill's own. */
export type BillRow = Omit<Bill, 'proforma'> &
  Readonly<{
    id: string;
    /** `alphabetical`: what lists sort the name by. */
    nameOrder: string;
    rootId: TenantId;
    parentId: TenantId | null;
    proforma: ProformaTotals | null;
    unassignedAccounts: number;
    unbilledAccounts: number;
    revision: Revision;
    contentHash: string;
    revisedAt: Instant;
  }>;

export const billList = projection({
  name: 'invoicing-bill-list',
  version: 4,
  parts: {
    bill: part<BillEvent, BillRow>('invoicing.bill', {
      document: ({ data }) => billId(data.tenantId, data.month),
      evolve: (_before, { data: { proforma, inputDigest: _digest, ...data }, revision }) => ({
        ...data,
        id: billId(data.tenantId, data.month),
        nameOrder: alphabetical(data.name),
        rootId: data.path[0] ?? data.tenantId,
        parentId: data.path.at(-2) ?? null,
        proforma: proforma && { ...proforma, lines: proforma.lines.length },
        unassignedAccounts: data.unassigned.length,
        unbilledAccounts: data.unbilled.length,
        revision,
      }),
    }),
  },
  row: ({ bill }): BillRow | undefined => bill,
  indexes: [
    ['rootId', 'month'],
    ['tenantId', 'month'],
    ['parentId', 'month'],
  ],
  elements: ['path'],
});
