import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pageOf } from '#libs/read-models/cursor';
import { concatenated, type Pages } from './concatenated-pages.ts';

const pagesOf =
  (list: readonly string[]): Pages<string> =>
  (asked) =>
    Promise.resolve(pageOf(list, (item) => item, asked));

const lists = fc.array(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { maxLength: 8 }), { minLength: 1, maxLength: 4 });

describe('several lists as one', () => {
  it('gives every item once and in order, whatever the size of a page, and always the same total', async () => {
    await fc.assert(
      fc.asyncProperty(lists, fc.integer({ min: 1, max: 5 }), async (unsorted, limit) => {
        const sorted = unsorted.map((list) => list.toSorted());
        const pages = concatenated(sorted.map(pagesOf));
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await pages({ limit, ...(cursor === undefined ? {} : { cursor }) });
          expect(page.items.length).toBeLessThanOrEqual(limit);
          expect(page.items.length > 0 || sorted.flat().length === 0).toBe(true);
          expect(page.total).toBe(sorted.flat().length);
          seen.push(...page.items);
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
        expect(seen).toEqual(sorted.flat());
      }),
    );
  });

  it('refuses a cursor that it never gave', async () => {
    const pages = concatenated([pagesOf(['a'])]);
    for (const cursor of ['', 'x', '7.', '-1.a']) await expect(pages({ limit: 1, cursor })).rejects.toThrow('cursor');
  });
});
