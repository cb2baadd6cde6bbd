import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Instant } from '#libs/time/time';
import { type Page, type Query, type Scalar } from './read-model.ts';

/** A place in a list as callers carry it: opaque to them. */
export const cursorTo = (place: readonly Scalar[]): string => Buffer.from(JSON.stringify(place)).toString('base64url');

/** Empty for a text that no `cursorTo` gave. */
export const placeOf = (cursor: string): readonly unknown[] => {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(place) ? place : [];
  } catch {
    return [];
  }
};

export const foreignCursor = (): DomainError =>
  new DomainError('invalid', 'invalid-cursor', 'The cursor does not belong to this query: start again without one.', [
    { path: 'cursor', message: 'is not a cursor of this query' },
  ]);

/**
 * A page of a list that is in memory whole, in ascending order of its keys (which are unique).
 * @throws DomainError `invalid` `invalid-cursor`
 */
export const pageOf = <Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { limit, cursor }: Pick<Query, 'limit' | 'cursor'>,
): Page<Item> => {
  const after = cursor === undefined ? undefined : keyIn(cursor);
  const rest = after === undefined ? items : items.filter((item) => keyOf(item) > after);
  const page = rest.slice(0, limit);
  const last = rest.length > page.length ? page.at(-1) : undefined;
  return { items: page, nextCursor: last === undefined ? null : cursorTo([keyOf(last)]), total: items.length };
};

const keyIn = (cursor: string): string => {
  const [key, ...more] = placeOf(cursor);
  if (typeof key !== 'string' || more.length > 0) throw foreignCursor();
  return key;
};

/**
 * A page of a list whose filter depends on the time: each is as of the moment of the first one, which the cursors carry on.
 * @throws DomainError `invalid` `invalid-cursor`
 */
export const pageAsOf = async <Item>(
  cursor: string | undefined,
  now: Instant,
  find: (asOf: Instant, within: Pick<Query, 'cursor'>) => Promise<Page<Item>>,
): Promise<Page<Item>> => {
  const [asOf, within] = cursor === undefined ? [now, {}] : momentIn(cursor);
  const found = await find(asOf, within);
  return { ...found, nextCursor: found.nextCursor === null ? null : cursorTo([asOf, found.nextCursor]) };
};

const momentIn = (cursor: string): readonly [Instant, Pick<Query, 'cursor'>] => {
  const [asOf, within, ...more] = placeOf(cursor);
  if (typeof asOf !== 'string' || typeof within !== 'string' || more.length > 0) throw foreignCursor();
  return [asOf as Instant, { cursor: within }];
};
