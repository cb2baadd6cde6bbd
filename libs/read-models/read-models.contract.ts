import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type DomainEvent, type JsonValue } from '#libs/event-sourcing/event';
import { alphabetical, alphabeticalPart } from './alphabetical.ts';
import { type DocumentStore } from './document-store.ts';
import { type Encoded } from './fold.ts';
import { part, type Projection, projection } from './projection.ts';
import { type Condition, type Filter, type Query, type ReadModels, type Scalar, type Sort } from './read-model.ts';

/** Read models over an empty log, and the ways into them. */
export type ReadModelsSubject = Readonly<{
  readModels: ReadModels;
  /** Resolves once queries see the events. */
  append: (stream: string, ...events: readonly DomainEvent[]) => Promise<void>;
  documents: (of: Projection) => DocumentStore | Promise<DocumentStore>;
  close: () => Promise<void>;
}>;

type Thing = Readonly<{ id: string; [path: string]: JsonValue | undefined }>;
type ThingEvent = DomainEvent<'ThingPut', Thing> | DomainEvent<'ThingRemoved', { id: string }>;

const things = projection({
  name: 'things',
  version: 1,
  parts: {
    thing: part<ThingEvent, { row: Thing | null }>('things.thing', {
      document: ({ data }) => data.id,
      evolve: (_, { type, data }) => {
        if (type === 'ThingRemoved') return { row: null };
        if (data['name'] === 'poison') throw new Error('poison');
        return { row: data };
      },
    }),
  },
  row: ({ thing }) => thing?.row ?? undefined,
  indexes: [['name'], ['kind', 'rank'], ['detail.size']],
  elements: ['path'],
});

const put = (id: string, row: Omit<Thing, 'id'> = {}): ThingEvent => ({ type: 'ThingPut', data: { id, ...row } });
const removed = (id: string): ThingEvent => ({ type: 'ThingRemoved', data: { id } });

/** What every adapter of the read models does. */
export const readModelsContract = (
  open: (projections: readonly Projection[]) => Promise<ReadModelsSubject>,
  { randomSorts = 150 }: Readonly<{ randomSorts?: number }> = {},
): void => {
  let subject: ReadModelsSubject;
  const put1 = (id: string, row: Omit<Thing, 'id'> = {}): Promise<void> => subject.append(`things.thing-${id}`, put(id, row));
  const model = () => subject.readModels.of(things);
  const ids = async (query: Partial<Query>): Promise<readonly string[]> =>
    (await model().find({ limit: 100, ...query })).items.map(({ id }) => id);

  const fresh = (): void => {
    beforeEach(async () => {
      subject = await open([things]);
    });
    afterEach(() => subject.close());
  };

  describe('getting a row', () => {
    fresh();

    it('answers the row as it was projected, unicode, nulls and empty arrays included', async () => {
      const row = { name: 'Łódź 🚢 "x"', kind: null, path: [], detail: { size: 1.5, text: '' }, yes: true };
      await put1('a', row);
      expect(await model().get('a')).toEqual({ id: 'a', ...row });
    });

    it('answers nothing for an unknown or removed one', async () => {
      await put1('a');
      await subject.append('things.thing-a', removed('a'));
      expect(await model().get('a')).toBeUndefined();
      expect(await model().get('b')).toBeUndefined();
      expect(await model().find({ limit: 10 })).toEqual({ items: [], nextCursor: null, total: 0 });
    });

    it('takes a projection that was not registered for a programming error', () => {
      expect(() => subject.readModels.of({ ...things, name: 'others' })).toThrow(TypeError);
    });
  });

  describe('filtering rows', () => {
    fresh();

    beforeEach(async () => {
      await put1('a', { name: 'Ann', rank: 1, kind: 'x', path: ['r', 'a'], yes: true, tags: ['t'], detail: { size: 5 } });
      await put1('b', { name: 'BEN É', rank: 2, kind: null, path: ['r', 'b'], yes: false, tags: [], detail: { size: 7 } });
      await put1('c', { name: null, rank: 10, kind: 'y', path: ['r', 'b', 'c'], tags: [1], detail: null });
      await put1('d', { name: '10%_*[?]^', rank: 'z', kind: 'x', path: 'r' });
    });

    const cases: readonly [Filter, readonly string[]][] = [
      [{}, ['a', 'b', 'c', 'd']],
      [{ name: 'Ann' }, ['a']],
      [{ name: 'ann' }, []],
      [{ name: null }, ['c']],
      [{ yes: true }, ['a']],
      [{ yes: false }, ['b']],
      [{ missing: null }, ['a', 'b', 'c', 'd']],
      [{ id: 'b' }, ['b']],
      [{ id: { in: ['b', 'd', 'e'] } }, ['b', 'd']],
      [{ kind: { in: ['y', null] } }, ['b', 'c']],
      [{ kind: { in: [] } }, []],
      [{ rank: { in: [1, 'z'] } }, ['a', 'd']],
      [{ kind: { not: 'x' } }, ['b', 'c']],
      [{ kind: { notIn: ['x'] } }, ['b', 'c']],
      [{ id: { notIn: ['b', 'd', 'e'] } }, ['a', 'c']],
      [{ kind: { notIn: [] } }, ['a', 'b', 'c', 'd']],
      [{ kind: { not: null } }, ['a', 'c', 'd']],
      [{ name: { contains: 'nn' } }, ['a']],
      [{ name: { contains: 'ben é' } }, ['b']],
      [{ name: { contains: '%_*[?]^' } }, ['d']],
      [{ name: { contains: '_' } }, ['d']],
      [{ name: { contains: '*n' } }, []],
      [{ rank: { gt: 1 } }, ['b', 'c']],
      [{ rank: { gte: 1, lt: 10 } }, ['a', 'b']],
      [{ rank: { lte: 10 } }, ['a', 'b', 'c']],
      [{ rank: { lt: 'zz' } }, ['d']],
      [{ rank: { gte: 'a' } }, ['d']],
      [{ name: { gt: 'B' } }, ['b']],
      [{ 'detail.size': 7 }, ['b']],
      [{ 'detail.size': { gte: 5 } }, ['a', 'b']],
      [{ path: { has: 'b' } }, ['b', 'c']],
      [{ path: { has: 'r' } }, ['a', 'b', 'c']],
      [{ tags: { has: 't' } }, ['a']],
      [{ tags: { has: 1 } }, ['c']],
      [{ path: { has: 'r' }, kind: 'x' }, ['a']],
    ];
    it.each(cases)('%j', async (filter, expected) => {
      expect(await ids({ filter })).toEqual(expected);
      expect((await model().find({ filter, limit: 1 })).total).toBe(expected.length);
      expect((await model().all(filter)).map(({ id }) => id)).toEqual(expected);
    });

    it('follows an array that changes, and forgets that of a removed row', async () => {
      await put1('c', { path: ['r', 'a', 'c'] });
      expect(await ids({ filter: { path: { has: 'b' } } })).toEqual(['b']);
      expect(await ids({ filter: { path: { has: 'a' } } })).toEqual(['a', 'c']);
      expect(await ids({ filter: { path: { has: 'r' } } })).toEqual(['a', 'b', 'c']);
      await put1('b', { path: 'r' });
      expect(await ids({ filter: { path: { has: 'r' } } })).toEqual(['a', 'c']);
      await subject.append('things.thing-c', removed('c'));
      expect(await ids({ filter: { path: { has: 'a' } } })).toEqual(['a']);
    });

    it('refuses a text that is too long to be searched for', async () => {
      await expect(ids({ filter: { name: { contains: 'x'.repeat(1_001) } } })).rejects.toMatchObject({ code: 'filter-too-long' });
    });

    it('takes no path that is not one', async () => {
      await expect(ids({ filter: { "name') OR 1 --": 'x' } })).rejects.toThrow(TypeError);
    });
  });

  describe('sorting and paging', () => {
    fresh();

    it('answers pages of the limit, the exact total on each, and no cursor at the end', async () => {
      for (const id of ['a', 'b', 'c', 'd', 'e']) await put1(id, { name: `n${id}` });
      const query = { sort: [{ by: 'name', direction: 'descending' }], limit: 2 } as const;
      const first = await model().find(query);
      expect([first.items.map(({ id }) => id), first.total]).toEqual([['e', 'd'], 5]);
      const second = await model().find({ ...query, cursor: first.nextCursor ?? '' });
      expect([second.items.map(({ id }) => id), second.total]).toEqual([['c', 'b'], 5]);
      const third = await model().find({ ...query, cursor: second.nextCursor ?? '' });
      expect([third.items.map(({ id }) => id), third.total, third.nextCursor]).toEqual([['a'], 5, null]);
    });

    it('has one alphabet for names, as every other store does', async () => {
      const names = [
        'ALPHA',
        'alpha',
        'alpha beta',
        'arg',
        'Ärger',
        'Beta',
        'Łódź',
        'Lund',
        'Straße',
        'Zeta',
        'Ωmega',
        '漢字',
        '😀',
      ];
      for (const [index, name] of names.toReversed().entries())
        await put1(String(index), { name: alphabetical(name), kind: name });
      const sort = [{ by: 'name', direction: 'ascending' }] as const;
      const found: unknown[] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await model().find({ sort, limit: 2, ...(cursor === undefined ? {} : { cursor }) });
        found.push(...page.items.map(({ kind }) => kind));
        cursor = page.nextCursor;
      }
      expect(found).toEqual(names);
    });

    it('finds names by whatever the alphabet takes as their letters', async () => {
      const names = ['A\u0308rger', 'Hauptstraße 7*', 'Işık [West]', 'οδός', 'Acme \u00b4', '한국 😀'];
      for (const [index, name] of names.entries()) await put1(String(index), { name: alphabetical(name) });
      const parts = ['\u00c4RGER', 'TSTRASSE', 'isik [w', 'ΟΔΟΣ', '\u00b4', '국 😀', '7*', 'zz'];
      const found = await Promise.all(parts.map((part) => ids({ filter: { name: { contains: alphabeticalPart(part) } } })));
      expect(found).toEqual([['0'], ['1'], ['2'], ['3'], ['4'], ['5'], ['1'], []]);
    });

    it('keeps its place while rows come and go', async () => {
      for (const id of ['b', 'c', 'd', 'e']) await put1(id);
      const first = await model().find({ limit: 2 });
      await put1('a');
      await subject.append('things.thing-c', removed('c'));
      expect(await ids({ cursor: first.nextCursor ?? '' })).toEqual(['d', 'e']);
    });

    it.each(['', 'nonsense', Buffer.from('[1,2]').toString('base64url'), Buffer.from('{}').toString('base64url')])(
      'refuses the cursor "%s"',
      async (cursor) => {
        await expect(model().find({ limit: 2, cursor })).rejects.toMatchObject({ refusal: 'invalid', code: 'invalid-cursor' });
      },
    );

    it('goes on where more or less is left out by then', async () => {
      for (const id of ['a', 'b', 'c', 'd']) await put1(id, { name: id, kind: 'x' });
      const page = (notIn: readonly string[], cursor?: string) =>
        model().find({
          filter: { kind: 'x', ...(notIn.length > 0 && { id: { notIn } }) },
          limit: 1,
          ...(cursor !== undefined && { cursor }),
        });
      const first = await page([]);
      const second = await page(['b'], first.nextCursor ?? '');
      const third = await page([], second.nextCursor ?? '');
      expect([first, second, third].map(({ items }) => items.map(({ id }) => id))).toEqual([['a'], ['c'], ['d']]);
    });

    it('refuses the cursor of another query', async () => {
      for (const id of ['a', 'b', 'c']) await put1(id, { name: id, kind: 'x' });
      const { nextCursor } = await model().find({ filter: { kind: 'x' }, limit: 1 });
      for (const other of [
        {},
        { filter: { kind: 'y' } },
        { filter: { kind: 'x' }, sort: [{ by: 'name', direction: 'ascending' }] },
      ] as const)
        await expect(model().find({ ...other, limit: 1, cursor: nextCursor ?? '' })).rejects.toBeInstanceOf(DomainError);
    });
  });

  describe('any sort of any rows', () => {
    beforeAll(async () => {
      subject = await open([things]);
      for (const row of ROWS) await put1(row.id, row);
    });
    afterAll(() => subject.close());

    it('is one total order, page by page the same as at once', async () => {
      await fc.assert(
        fc.asyncProperty(sorts, filters, fc.integer({ min: 1, max: 7 }), async (sort, filter, limit) => {
          const expected = ROWS.filter((row) => holds(row, filter)).toSorted(inOrder(sort));
          const paged: string[] = [];
          for (let cursor: string | null | undefined; cursor !== null;) {
            const page = await model().find({ filter, sort, limit, ...(cursor === undefined ? {} : { cursor }) });
            expect(page.total).toBe(expected.length);
            expect(page.items.length).toBeLessThanOrEqual(limit);
            paged.push(...page.items.map(({ id }) => id));
            cursor = page.nextCursor;
          }
          expect(paged).toEqual(expected.map(({ id }) => id));
          expect((await model().all(filter, sort)).map(({ id }) => id)).toEqual(paged);
        }),
        { numRuns: randomSorts },
      );
    });
  });

  describe('an element that very many rows hold', () => {
    fresh();

    it('is found, counted and paged as one that few hold', async () => {
      const count = 2_100;
      const numbers = Array.from({ length: count }, (_, n) => String(n).padStart(4, '0'));
      await Promise.all(numbers.map((n) => put1(n, { name: `n${n}`, kind: Number(n) % 2 ? 'odd' : 'even', path: ['r', n] })));
      const query = { filter: { path: { has: 'r' } }, sort: [{ by: 'name', direction: 'descending' }], limit: 500 } as const;
      const paged: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await model().find({ ...query, ...(cursor === undefined ? {} : { cursor }) });
        expect(page.total).toBe(count);
        paged.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      expect(paged).toEqual(numbers.toReversed());
      expect((await model().find({ filter: { path: { has: 'r' }, kind: 'odd' }, limit: 1 })).total).toBe(count / 2);
      expect((await model().find({ filter: { path: { has: 'nowhere' } }, limit: 1 })).total).toBe(0);
    });
  });

  describe('aggregating rows', () => {
    fresh();

    it('counts and sums per group, telling true from 1 and text from number', async () => {
      await put1('a', { kind: 'x', yes: true, rank: 1 });
      await put1('b', { kind: 'x', yes: true, rank: 2 });
      await put1('c', { kind: 'x', yes: false, rank: 4 });
      await put1('d', { kind: null, rank: 8 });
      expect(await model().aggregate({ groupBy: ['kind', 'yes'], sum: ['rank'] })).toEqual([
        { group: [null, null], count: 1, quarantined: 0, sums: [8] },
        { group: ['x', false], count: 1, quarantined: 0, sums: [4] },
        { group: ['x', true], count: 2, quarantined: 0, sums: [3] },
      ]);
      expect(await model().aggregate({ groupBy: [], filter: { kind: 'x' }, sum: ['rank', 'missing'] })).toEqual([
        { group: [], count: 3, quarantined: 0, sums: [7, 0] },
      ]);
      expect(await model().aggregate({ groupBy: ['kind'], filter: { kind: 'z' } })).toEqual([]);
    });

    it('refuses to sum what it could not sum exactly', async () => {
      await put1('a', { rank: '1.10' });
      await expect(model().aggregate({ groupBy: [], sum: ['rank'] })).rejects.toThrow(TypeError);
    });
  });

  describe('a row of which a part is quarantined', () => {
    fresh();

    beforeEach(async () => {
      await put1('a', { name: 'Ann', kind: 'x' });
      await put1('b', { name: 'Ben', kind: 'x' });
      await put1('c', { name: 'Cid', kind: 'y' });
      await put1('a', { name: 'poison', kind: 'x' });
    });

    it('answers 503 with the stream and the revision', async () => {
      await expect(model().get('a')).rejects.toMatchObject({
        refusal: 'unavailable',
        code: 'row-quarantined',
        message: expect.stringContaining('revision 1 of things.thing-a'),
      });
    });

    it('stands flagged in lists, beside the others', async () => {
      const { items, total } = await model().find({ limit: 10 });
      expect([items[0], total]).toEqual([{ id: 'a', name: 'Ann', kind: 'x', quarantined: true }, 3]);
      expect(items.slice(1).every((row) => !('quarantined' in row))).toBe(true);
      const kinds = await model().aggregate({ groupBy: ['kind'] });
      expect(kinds.map(({ quarantined }) => quarantined)).toEqual(expect.arrayContaining([1]));
    });

    it('lets nobody work with all rows that it belongs to, and with all others', async () => {
      await expect(model().all({ kind: 'x' })).rejects.toMatchObject({ refusal: 'unavailable' });
      expect(await model().all({ kind: 'y' })).toHaveLength(1);
      expect(await model().get('b')).toMatchObject({ name: 'Ben' });
    });
  });

  describe('writing documents', () => {
    fresh();

    const document = (id: string, version: number, name: string): Encoded => {
      const parts = {};
      return { id, parts, partsText: '{}', row: JSON.stringify({ id, name }), version, flagged: false };
    };

    it('writes the next version of what was loaded', async () => {
      const documents = await subject.documents(things);
      expect(await documents.save([document('a', 0, 'one')])).toEqual([]);
      expect(await documents.save([document('a', 1, 'two')])).toEqual([]);
      expect((await documents.load(['a', 'b'])).get('a')).toEqual({
        id: 'a',
        parts: {},
        row: '{"id":"a","name":"two"}',
        version: 2,
      });
    });

    it('refuses what was loaded before somebody else wrote, and only that', async () => {
      const documents = await subject.documents(things);
      await documents.save([document('a', 0, 'one')]);
      expect(await documents.save([document('a', 0, 'late'), document('b', 0, 'new')])).toEqual(['a']);
      await documents.save([document('a', 1, 'two')]);
      expect(await documents.save([document('a', 1, 'late')])).toEqual(['a']);
      expect(await documents.save([document('c', 3, 'never loaded')])).toEqual(['c']);
      const loaded = await documents.load(['a', 'b', 'c']);
      expect([...loaded.values()].map(({ id, row }) => [id, row])).toEqual([
        ['a', '{"id":"a","name":"two"}'],
        ['b', '{"id":"b","name":"new"}'],
      ]);
    });
  });
};

const VALUES: readonly (Scalar | undefined)[] = [null, undefined, 0, 1, -2.5, 10, '', 'a', 'B', 'b', 'é', '10', '🚢', '\uffee'];
const ROWS: readonly Thing[] = VALUES.flatMap((name, i) =>
  VALUES.slice(0, 5).map((rank, j) => {
    const row = {
      id: `t${String((i * 7 + j * 3) % 70).padStart(2, '0')}-${String(i)}${String(j)}`,
      name,
      kind: VALUES[(i + j) % 9],
      rank,
    };
    return { ...row, path: i % 2 === 0 ? ['r', String(j)] : ['r'] };
  }),
);

const direction = fc.constantFrom('ascending' as const, 'descending' as const);
const sorts: fc.Arbitrary<Sort> = fc.uniqueArray(
  fc.record({ by: fc.constantFrom('name', 'kind', 'rank', 'missing', 'id'), direction }),
  { maxLength: 3, selector: ({ by }) => by },
);
const filters: fc.Arbitrary<Filter> = fc.constantFrom<Filter>(
  {},
  { kind: 'a' },
  { kind: 1 },
  { kind: null },
  { path: { has: '2' } },
  { kind: { not: null } },
  { rank: { in: [0, null] } },
  { kind: { notIn: ['a', 'b'] } },
);

/** Nothing stands before numbers, numbers before texts; texts in the order of their bytes. */
const compare = (a: JsonValue | undefined, b: JsonValue | undefined): number => {
  const place = (value: JsonValue | undefined): number =>
    value === null || value === undefined ? 0 : typeof value === 'number' ? 1 : 2;
  if (place(a) !== place(b)) return place(a) - place(b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return typeof a === 'string' && typeof b === 'string' ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : 0;
};

const inOrder =
  (sort: Sort) =>
  (a: Thing, b: Thing): number => {
    const last = sort.at(-1)?.direction ?? 'ascending';
    for (const { by, direction: way } of [...sort, { by: 'id', direction: last }]) {
      const order = compare(a[by], b[by]);
      if (order !== 0) return way === 'ascending' ? order : -order;
    }
    return 0;
  };

const holds = (row: Thing, filter: Filter): boolean =>
  Object.entries(filter).every(([path, condition]: [string, Condition]) => {
    const value = row[path] ?? null;
    if (condition === null || typeof condition !== 'object') return value === condition;
    if ('in' in condition) return condition.in.some((one) => one === value);
    if ('not' in condition) return value !== condition.not;
    if ('notIn' in condition) return !condition.notIn.some((one) => one === value);
    return 'has' in condition && Array.isArray(value) && value.includes(condition.has as string);
  });
