import { type TenantId } from '#libs/published/ids';
import { type UnpricedUsage } from '#libs/published/invoicing';
import { cursorTo, foreignCursor, placeOf } from '#libs/read-models/cursor';
import { type Filter, type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Month } from '#libs/time/time';
import { billList, type BillRow } from './bill-list.projection.ts';

export type UnpricedItem = UnpricedUsage & Readonly<{ tenantId: TenantId; name: string; month: Month }>;

/** Where a page ends: behind this many items of this bill. */
type End = readonly [billId: string, items: number];

const BILLS_A_READ = 50;

const endOf = (cursor: string): End => {
  const [id, items] = placeOf(cursor);
  if (typeof id !== 'string' || typeof items !== 'number') throw foreignCursor();
  return [id, items];
};

/** The unassigned or unbilled usage on these bills, account by account, in the order of the bills' ids. */
export const unpricedUsage = async (
  readModels: ReadModels,
  kind: 'unassigned' | 'unbilled',
  of: Filter,
  page: Readonly<{ limit: number; cursor?: string }>,
): Promise<Page<UnpricedItem>> => {
  const bills = readModels.of(billList);
  const filter: Filter = { ...of, [`${kind}Accounts`]: { gt: 0 } };
  const [sums] = await bills.aggregate({ filter, groupBy: [], sum: [`${kind}Accounts`] });
  const total = sums?.sums[0] ?? 0;
  let end: End | undefined = page.cursor === undefined ? undefined : endOf(page.cursor);
  const items: UnpricedItem[] = [];
  for (let more = true; more;) {
    const from: Filter = end ? { id: { gte: end[0] } } : {};
    const rows: readonly BillRow[] = (
      await bills.find({ filter: { ...filter, ...from }, sort: [{ by: 'id', direction: 'ascending' }], limit: BILLS_A_READ })
    ).items;
    const begunAt: string | undefined = end?.[0];
    for (const { id, tenantId, name, month, [kind]: usage } of rows) {
      for (let index = end?.[0] === id ? end[1] : 0; index < usage.length; index++) {
        const one = usage[index];
        if (one === undefined) continue;
        if (items.length === page.limit && end) return { items, total, nextCursor: cursorTo(end) };
        items.push({ tenantId, name, month, ...one });
        end = [id, index + 1];
      }
      end = [id, usage.length];
    }
    more = rows.length === BILLS_A_READ && rows.at(-1)?.id !== begunAt;
  }
  return { items, total, nextCursor: null };
};
