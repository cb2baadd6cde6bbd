import { foreignCursor } from '#libs/read-models/cursor';
import { type Page, type Query } from '#libs/read-models/read-model';

/** A list that is read page by page. */
export type Pages<Item> = (asked: Pick<Query, 'limit' | 'cursor'>) => Promise<Page<Item>>;

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
      const resumed = index === place.list && place.inner !== '' ? { cursor: place.inner } : {};
      const page = await list(reads ? { limit: room, ...resumed } : { limit: 1 });
      total += page.total;
      if (reads) {
        items.push(...page.items);
        if (page.nextCursor !== null) nextCursor = `${String(index)}.${page.nextCursor}`;
      } else if (index > place.list && page.total > 0) nextCursor ??= `${String(index)}.`;
    }
    return { items, nextCursor, total };
  };

const placeOf = (cursor: string, lists: number): Readonly<{ list: number; inner: string }> => {
  const [, list = '', inner = ''] = /^(\d{1,6})\.(.*)$/.exec(cursor) ?? [];
  if (list === '' || Number(list) >= lists) throw foreignCursor();
  return { list: Number(list), inner };
};
