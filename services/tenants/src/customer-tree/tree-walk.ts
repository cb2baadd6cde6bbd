import { createHash } from 'node:crypto';
import { type TenantTreeRow, tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type TenantId } from '#libs/published/ids';
import { cursorTo, foreignCursor, placeOf } from '#libs/read-models/cursor';
import { type Filter, type Page, type ReadModels, type Scalar, type Sort } from '#libs/read-models/read-model';
import { customerList, type CustomerRow, listUnder } from '../customer-list/customer-list.projection.ts';
import { allAsTheyStood, type AsItStood } from './as-it-stood.ts';
import { countsAsActive, sortedWithin } from './sight.ts';
import { type Walk } from './walk.ts';

/** A customer in its place; one that is there for those below it only does not match the filter itself. */
export type Placed = Readonly<{ row: AsItStood<CustomerRow>; depth: number; matches: boolean }>;

type Asked = Readonly<{ limit: number; cursor?: string }>;

/** How far the walk is among the customers of one tenant: after which of them, as their list says it. */
type Frame = Readonly<{ parent: TenantId; depth: number; after: string | null }>;

/** Some siblings in order, each with what to say to go on after it. */
type Siblings = Readonly<{ rows: readonly Readonly<{ row: AsItStood<CustomerRow>; after: string | null }>[]; more: boolean }>;

/**
 * A tenant and everybody below it, each before its own customers, siblings in the order asked for. With a filter those that match and
 * whoever stands above one. Who these are is found out once for all pages.
 */
export const openTree = async (readModels: ReadModels, walk: Walk): Promise<(asked: Asked) => Promise<Page<Placed>>> => {
  const shape = await shapeOf(readModels, walk);
  return (asked) => pageOf(readModels, walk, shape, asked);
};

const pageOf = async (readModels: ReadModels, walk: Walk, shape: Shape, { limit, cursor }: Asked): Promise<Page<Placed>> => {
  const frames: Frame[] = cursor === undefined ? [] : framesIn(cursor, walk);
  await refuseStrangers(readModels, walk.top, frames);
  const items: Placed[] = [];
  if (cursor === undefined) {
    const [row] = await shape.itself();
    if (row) items.push({ row, depth: 0, matches: shape.matches(row) });
    if (shape.total > items.length) frames.push({ parent: walk.top.id, depth: 1, after: null });
  }
  while (items.length < limit) {
    const frame = frames.at(-1);
    if (!frame) break;
    const isLast = shape.isLast(frame.parent);
    const { rows, more } = await shape.siblings(frame, isLast ? limit - items.length : 1);
    for (const { row } of rows) items.push({ row, depth: frame.depth, matches: shape.matches(row) });
    const last = rows.at(-1);
    if (more && last) frames.splice(-1, 1, { ...frame, after: last.after });
    else frames.pop();
    if (last && !isLast && last.row.tier !== 'endCustomer')
      frames.push({ parent: last.row.id, depth: frame.depth + 1, after: null });
  }
  return { items, nextCursor: frames.length > 0 ? cursorOf(frames, walk) : null, total: shape.total };
};

/** Who is to be shown under whom. */
type Shape = Readonly<{
  total: number;
  itself: () => Promise<readonly AsItStood<CustomerRow>[]>;
  matches: (row: CustomerRow) => boolean;
  /** Nobody below this tenant's customers is to be shown. */
  isLast: (parent: TenantId) => boolean;
  siblings: (frame: Frame, limit: number) => Promise<Siblings>;
}>;

const shapeOf = (readModels: ReadModels, walk: Walk): Promise<Shape> => {
  if (walk.allowed !== 'all') return shapeOfSome(readModels, walk, walk.allowed);
  return Object.keys(walk.filter).length === 0 ? shapeOfAll(readModels, walk) : shapeOfMatches(readModels, walk);
};

/** Everybody: each list is read as far as the page goes. */
const shapeOfAll = async (readModels: ReadModels, { top, sort }: Walk): Promise<Shape> => {
  const customers = readModels.of(customerList);
  const { total } = await customers.find({ filter: { within: { has: top.id } }, limit: 1 });
  const tiers = new Map([[top.id, top.tier]]);
  return {
    total,
    itself: () => listedAs(readModels, top.id),
    matches: () => true,
    isLast: (parent) => (tiers.get(parent) ?? 'reseller') === 'reseller',
    siblings: (frame, limit) => stored(readModels, { list: listUnder(frame.parent) }, sort, frame, limit),
  };
};

/** Matches and those above them: who these are is found out first, they are as many as there are tenants with customers at most. */
const shapeOfMatches = async (readModels: ReadModels, { top, filter, sort }: Walk): Promise<Shape> => {
  const customers = readModels.of(customerList);
  const found = await customers.aggregate({ filter: { ...filter, within: { has: top.id } }, groupBy: ['parentId'] });
  const parentIds = found.flatMap(({ group: [id] }) => (typeof id === 'string' ? [id as TenantId] : []));
  const parents = await allAsTheyStood(readModels.of(tenantTree), { id: { in: parentIds } });
  const below = parents.filter(({ path }) => path.includes(top.id));
  const above = new Set(below.flatMap(({ path }) => path.slice(path.indexOf(top.id))));
  const shown = await allAsTheyStood(customers, { id: { in: [...above, top.id] }, ...filter });
  const matching = new Set(shown.map(({ id }) => id));
  const matches = found.reduce((sum, { count }) => sum + count, 0);
  const others = [...above].filter((id) => !matching.has(id)).length;
  const between = [...above].filter((id) => id !== top.id);
  const isLast = (parent: TenantId): boolean => parent !== top.id || between.length === 0;
  const list = (parent: TenantId): Filter => ({ list: listUnder(parent) });
  let ofTop: Promise<readonly CustomerRow[]> | undefined;
  /** The walk comes back here after each of them. */
  const shownUnderTop = async (): Promise<readonly CustomerRow[]> => {
    const matched = await allAsTheyStood(customers, { ...list(top.id), ...filter });
    const ids = [...new Set([...matched.map(({ id }) => id), ...between])];
    return allAsTheyStood(customers, { ...list(top.id), id: { in: ids } }, sort);
  };
  return {
    total: matches + others,
    itself: async () => (above.has(top.id) || matching.has(top.id) ? listedAs(readModels, top.id) : []),
    matches: (row) => !above.has(row.id) || matching.has(row.id),
    isLast,
    siblings: async (frame, limit) =>
      isLast(frame.parent)
        ? stored(readModels, { ...list(frame.parent), ...filter }, sort, frame, limit)
        : listed(await (ofTop ??= shownUnderTop()), frame, limit),
  };
};

/** A few by name: whoever stands under nobody that is shown stands under the top. */
const shapeOfSome = async (
  readModels: ReadModels,
  { top, filter, sort, sight }: Walk,
  allowed: readonly TenantId[],
): Promise<Shape> => {
  const customers = readModels.of(customerList);
  const reached: Filter = { within: { has: top.id }, id: { in: [...allowed] } };
  const stood = await allAsTheyStood(customers, reached, sort);
  const all = sight ? sortedWithin(sight, stood, sort) : stood;
  const found = Object.keys(filter).length === 0 ? all : await allAsTheyStood(customers, { ...reached, ...filter });
  const matched = sight ? found.filter((row) => countsAsActive(sight, row)) : found;
  const matching = new Set(matched.map(({ id }) => id));
  const above = new Set(matched.flatMap(({ path }) => path));
  const shown = all.filter(({ id }) => matching.has(id) || above.has(id));
  const ids = new Set(shown.map(({ id }) => id));
  const under = new Map<TenantId, CustomerRow[]>();
  for (const row of shown) {
    if (row.id === top.id) continue;
    const parent = row.path.slice(0, -1).findLast((id) => ids.has(id)) ?? top.id;
    const siblings = under.get(parent);
    if (siblings) siblings.push(row);
    else under.set(parent, [row]);
  }
  return {
    total: shown.length,
    itself: () => Promise.resolve(shown.filter(({ id }) => id === top.id)),
    matches: ({ id }) => matching.has(id),
    isLast: (parent) => (under.get(parent) ?? []).every(({ id }) => !under.has(id)),
    siblings: (frame, limit) => Promise.resolve(listed(under.get(frame.parent) ?? [], frame, limit)),
  };
};

const listedAs = (readModels: ReadModels, id: TenantId): Promise<readonly AsItStood<CustomerRow>[]> =>
  allAsTheyStood(readModels.of(customerList), { id, listed: true });

const stored = async (readModels: ReadModels, filter: Filter, sort: Sort, { after }: Frame, limit: number): Promise<Siblings> => {
  const page = await readModels.of(customerList).find({ filter, sort, limit, ...(after === null ? {} : { cursor: after }) });
  return { rows: page.items.map((row) => ({ row, after: page.nextCursor })), more: page.nextCursor !== null };
};

const listed = (rows: readonly CustomerRow[], { after }: Frame, limit: number): Siblings => {
  const from = after === null ? 0 : rows.findIndex(({ id }) => id === after) + 1;
  if (after !== null && from === 0) throw foreignCursor();
  const found = rows.slice(from, from + limit);
  return { rows: found.map((row) => ({ row, after: row.id })), more: rows.length > from + found.length };
};

/** A cursor belongs to one tenant, filter and order. */
const digestOf = ({ top, filter, sort, sight }: Walk): string =>
  createHash('sha256')
    .update(JSON.stringify([top.id, Object.entries(filter).toSorted(([a], [b]) => (a < b ? -1 : 1)), sort, sight?.since ?? null]))
    .digest('base64url')
    .slice(0, 16);

const cursorOf = (frames: readonly Frame[], walk: Walk): string =>
  cursorTo([digestOf(walk), ...frames.flatMap(({ parent, depth, after }): Scalar[] => [parent, depth, after])]);

/** @throws DomainError `invalid-cursor` */
const framesIn = (cursor: string, walk: Walk): Frame[] => {
  const [digest, ...values] = placeOf(cursor);
  if (digest !== digestOf(walk) || values.length === 0 || values.length % 3 !== 0) throw foreignCursor();
  return Array.from({ length: values.length / 3 }, (_, index) => {
    const [parent, depth, after] = values.slice(3 * index);
    const isSound = typeof parent === 'string' && typeof depth === 'number' && (after === null || typeof after === 'string');
    if (!isSound || !Number.isSafeInteger(depth) || depth < 1) throw foreignCursor();
    return { parent: parent as TenantId, depth, after };
  });
};

/** A cursor opens no other tree, whoever made it. @throws DomainError `invalid-cursor` */
const refuseStrangers = async (readModels: ReadModels, top: TenantTreeRow, frames: readonly Frame[]): Promise<void> => {
  for (const { parent } of frames) {
    if (parent === top.id) continue;
    const [tenant] = await allAsTheyStood(readModels.of(tenantTree), { id: parent });
    if (tenant?.path.includes(top.id) !== true) throw foreignCursor();
  }
};
