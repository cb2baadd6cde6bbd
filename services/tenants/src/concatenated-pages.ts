import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Page } from '#libs/read-models/read-model';

type Asked = Readonly<{ limit: number; cursor?: string | undefined }>;

/** A list that is read page by page. */
export type Pages<Item> = (asked: Asked) => Promise<Page<Item>>;

/** Several lists one after the other as one: a page may end one and begin the next. */
export const concatenated =
  <Item>(lists: readonly Pages<Item>[]): Pages<Item> =>
  async ({ limit, cursor }) => {
    const place = cursor === undefined ? { list: 0, inner: '' } : placeOf(cursor, lists.length);
    const items: Item[] = [];
    let total = 0;
    let nextCursor: string | null = null;
    for (const [index, list] of lists.entries()) {
      const room = limit - items.length;
      const reads = index >= place.list && room > 0;
      const inner = index === place.list && place.inner !== '' ? place.inner : undefined;
      const page = await list(reads ? { limit: room, cursor: inner } : { limit: 1 });
      total += page.total;
      if (reads) {
        items.push(...page.items);
        if (page.nextCursor !== null) nextCursor = `${String(index)}.${page.nextCursor}`;
      } else if (index > place.list && page.total > 0) nextCursor ??= `${String(index)}.`;
    }
    return { items, nextCursor, total };
  };

/** A list that is there already, in ascending order of its keys (which are unique). */
export const inMemory =
  <Item>(items: readonly Item[], keyOf: (item: Item) => string): Pages<Item> =>
  ({ limit, cursor }) => {
    const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString();
    const rest = after === undefined ? items : items.filter((item) => keyOf(item) > after);
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    const more = last !== undefined && rest.length > page.length;
    return Promise.resolve({
      items: page,
      nextCursor: more ? Buffer.from(keyOf(last)).toString('base64url') : null,
      total: items.length,
    });
  };

const placeOf = (cursor: string, lists: number): Readonly<{ list: number; inner: string }> => {
  const [, list = '', inner = ''] = /^(\d{1,6})\.(.*)$/.exec(cursor) ?? [];
  if (list === '' || Number(list) >= lists)
    throw new DomainError('invalid', 'invalid-cursor', 'The cursor does not belong to this query: start again without one.', [
      { path: 'cursor', message: 'is not a cursor of this query' },
    ]);
  return { list: Number(list), inner };
};
