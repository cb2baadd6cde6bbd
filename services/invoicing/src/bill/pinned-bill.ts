import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type TenantId } from '#libs/published/ids';
import { type BillEvent } from '#libs/published/invoicing';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Month } from '#libs/time/time';
import { billList } from '../bill-list/bill-list.projection.ts';
import { bill, billId } from './bill.ts';

/** One revision of a bill, whole. */
export type PinnedBill = Readonly<{ revision: Revision; bill: BillEvent['data'] }>;

/** The bill as of a revision, the newest one unless given. @throws DomainError `not-found` */
export const pinnedBill = async (
  store: EventStore,
  readModels: ReadModels,
  tenantId: TenantId,
  month: Month,
  revision?: Revision,
): Promise<PinnedBill> => {
  const wanted = revision ?? (await readModels.of(billList).get(billId(tenantId, month)))?.revision;
  const stream = bill.stream(billId(tenantId, month));
  const { events } =
    wanted === undefined ? { events: [] } : await store.read<BillEvent>(stream, { after: wanted - 1, upTo: wanted });
  const [event] = events;
  if (!event || wanted === undefined)
    throw new DomainError(
      'not-found',
      'bill-not-found',
      revision === undefined
        ? `There is no bill for ${month} yet.`
        : `The bill for ${month} has no revision ${String(revision)}.`,
    );
  return { revision: wanted, bill: event.data };
};
