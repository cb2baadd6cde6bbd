import { type Allowed, allowedThroughout, allowedWithin } from '#libs/access-policy/reach';
import { type Standing } from '#libs/access-policy/policy';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type TenantId } from '#libs/published/ids';
import { segmentsOf, totalOrder } from '#libs/read-models/query';
import { type Path } from '#libs/read-models/projection';
import { type ReadModels, type Sort } from '#libs/read-models/read-model';
import { type Instant } from '#libs/time/time';
import { type CustomerRow } from '../customer-list/customer-list.projection.ts';
import { allAsTheyStood } from './as-it-stood.ts';
import { type Sight, type Walk } from './walk.ts';

const LAST_ACTIVITY = 'lastActivity';
const BY_NAME: Sort = [{ by: 'nameOrder', direction: 'ascending' }];

export const isByActivity = (sort: Sort): boolean => sort.some(({ by }) => by === LAST_ACTIVITY);

/** What somebody sees in a part of a tree only is sorted in memory, page by page: not worth everybody's wait where there are more. */
export const MOST_IN_PART = 2_000;

/** Where of what is shown somebody sees activity; nowhere, where that would be a part of very many. */
export const seesActivityIn = async (
  readModels: ReadModels,
  standing: Standing,
  { top, allowed }: Pick<Walk, 'top' | 'allowed'>,
): Promise<Allowed> => {
  if (allowed === 'all') {
    if (await allowedThroughout(readModels, standing, 'financials:read', top)) return 'all';
    const { total } = await readModels.of(tenantTree).find({ filter: { path: { has: top.id } }, limit: 1 });
    if (total > MOST_IN_PART) return [];
  }
  return allowedWithin(readModels, standing, 'financials:read', top);
};

/**
 * The walk where the sort or `since` is about activity, which somebody sees in `seen` only: elsewhere nobody's place tells when they
 * were about, and nobody is inactive. @param since whoever gave no sign from then on is left out; null: nobody is
 */
export const withinSight = async (
  readModels: ReadModels,
  walk: Omit<Walk, 'sight'>,
  since: Instant | null,
  seen: Allowed,
): Promise<Walk> => {
  const plain = since === null ? walk : { ...walk, filter: { ...walk.filter, lastSign: { gte: since } } };
  if (seen === 'all') return plain;
  const of = new Set(seen);
  const shown = of.size > 0 && walk.allowed === 'all' ? await everybodyBelow(readModels, walk.top.id) : walk.allowed;
  if (shown === 'all' || !shown.some((id) => of.has(id))) {
    const sort = walk.sort.filter(({ by }) => by !== LAST_ACTIVITY);
    return { ...walk, sort: sort.length > 0 ? sort : BY_NAME };
  }
  return shown.every((id) => of.has(id)) ? plain : { ...walk, allowed: shown, sight: { of, since } };
};

const everybodyBelow = async (readModels: ReadModels, top: TenantId): Promise<readonly TenantId[]> =>
  (await allAsTheyStood(readModels.of(tenantTree), { path: { has: top } })).map(({ id }) => id);

/** Does nothing that may be seen of it speak against it? */
export const countsAsActive = ({ of, since }: Sight, { id, lastSign }: CustomerRow): boolean =>
  since === null || !of.has(id) || lastSign >= since;

/** In the order that a store gives them, as if whoever is out of sight had never been about. */
export const sortedWithin = ({ of }: Sight, rows: readonly CustomerRow[], sort: Sort): readonly CustomerRow[] => {
  const order = totalOrder(sort);
  return rows
    .map((row) => ({ row, keys: order.map(({ by }) => (by === LAST_ACTIVITY && !of.has(row.id) ? null : keyAt(row, by))) }))
    .toSorted((a, b) => {
      for (const [index, { direction }] of order.entries()) {
        const compared = compare(a.keys[index] ?? null, b.keys[index] ?? null);
        if (compared !== 0) return direction === 'ascending' ? compared : -compared;
      }
      return 0;
    })
    .map(({ row }) => row);
};

/** Texts as their bytes, which compare as their code points do. */
type Key = number | Buffer | null;

const keyAt = (row: CustomerRow, path: Path): Key => {
  let at: unknown = row;
  for (const segment of segmentsOf(path)) at = typeof at === 'object' && at !== null ? Reflect.get(at, segment) : undefined;
  if (typeof at === 'number') return at;
  return typeof at === 'string' ? Buffer.from(at) : null;
};

/** Nothing stands before numbers, numbers before texts. */
const compare = (a: Key, b: Key): number => {
  if (a instanceof Buffer && b instanceof Buffer) return Buffer.compare(a, b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return placeOf(a) - placeOf(b);
};
const placeOf = (key: Key): number => (key === null ? 0 : typeof key === 'number' ? 1 : 2);
