import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openSqlite } from '#libs/sqlite/database';
import { projection } from '../projection.ts';
import { type Filter } from '../read-model.ts';
import { SqliteDocuments } from './sqlite-documents.ts';

type Thing = Readonly<{ id: string; kind: string; path: readonly string[] }>;

const things = projection({
  name: 'things',
  version: 1,
  parts: {},
  row: (): Thing | undefined => undefined,
  indexes: [['kind']],
  elements: ['path'],
});

const FILTERS: readonly Filter[] = [
  {},
  { kind: 'a' },
  { path: { has: 'r' } },
  { path: { has: 'r' }, kind: 'a' },
  { path: { has: 's' }, id: { not: '1' } },
];

const matches = (filter: Filter, thing: Thing): boolean =>
  (filter['kind'] === undefined || thing.kind === 'a') &&
  (filter['path'] === undefined || thing.path.includes(JSON.stringify(filter['path']).includes('"r"') ? 'r' : 's')) &&
  (filter['id'] === undefined || thing.id !== '1');

/** Documents without parts, and what should be stored of them; a null row is none. */
const opened = (): Readonly<{
  total: (filter: Filter) => number;
  expected: (filter: Filter) => number;
  write: (rows: ReadonlyMap<string, Thing | null>, undone?: boolean) => void;
  close: () => void;
}> => {
  const database = openSqlite('sqlite::memory:');
  const documents = new SqliteDocuments(database, things, 1);
  documents.create();
  for (const piece of documents.indexing()) piece();
  const stored = new Map<string, Thing | null>();
  const save = (rows: ReadonlyMap<string, Thing | null>): void => {
    const before = documents.load([...rows.keys()]);
    const lost = documents.save(
      [...rows].map(([id, row]) => ({
        id,
        parts: {},
        partsText: '{}',
        row: row && JSON.stringify(row),
        version: before.get(id)?.version ?? 0,
        flagged: false,
      })),
    );
    expect(lost).toEqual([]);
  };
  return {
    total: (filter) => documents.total(filter),
    expected: (filter) => [...stored.values()].filter((thing) => thing !== null && matches(filter, thing)).length,
    write: (rows, undone = false) => {
      const work = (): void => {
        database.transaction(() => {
          save(rows);
          if (undone) throw new RangeError('undone');
        });
      };
      if (undone) return expect(work).toThrow('undone');
      work();
      for (const [id, row] of rows) stored.set(id, row);
    },
    close: () => {
      database.close();
    },
  };
};

const thing = (id: string, kind: string, ...path: readonly string[]): Thing => ({ id, kind, path });

const rows = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 9 }).map(String), fc.constantFrom('a', 'b', null), fc.subarray(['r', 's'])), {
    minLength: 1,
    maxLength: 5,
    selector: ([id]) => id,
  })
  .map((some) => new Map(some.map(([id, kind, path]) => [id, kind === null ? null : thing(id, kind, ...path)])));

describe('totals', () => {
  it('are those of counting anew, whatever is written, undone and asked in between', () => {
    const steps = fc.array(fc.record({ rows, undone: fc.boolean(), asked: fc.subarray([...FILTERS]) }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const subject = opened();
        for (const one of all) {
          subject.write(one.rows, one.undone);
          for (const filter of one.asked) expect(subject.total(filter)).toBe(subject.expected(filter));
        }
        for (const filter of FILTERS) expect(subject.total(filter)).toBe(subject.expected(filter));
        subject.close();
      }),
      { numRuns: 100 },
    );
  });

  it('are exact after more documents have changed than are looked at one by one', () => {
    const subject = opened();
    const many = (kind: string): ReadonlyMap<string, Thing> =>
      new Map(Array.from({ length: 600 }, (_, n) => [String(n), thing(String(n), kind, 'r')]));
    subject.write(many('a'));
    for (const filter of FILTERS) expect(subject.total(filter)).toBe(subject.expected(filter));
    subject.write(many('b'));
    for (const filter of FILTERS) expect(subject.total(filter)).toBe(subject.expected(filter));
    expect([subject.total({ kind: 'a' }), subject.total({ path: { has: 'r' } })]).toEqual([0, 600]);
    for (const kind of ['b', 'a', 'b', 'a', 'c', 'a']) subject.write(many(kind));
    for (const filter of FILTERS) expect(subject.total(filter)).toBe(subject.expected(filter));
    subject.close();
  });

  it('are exact for more filters than are kept', () => {
    const subject = opened();
    subject.write(new Map([['1', thing('1', 'k1')]]));
    const filters = Array.from({ length: 50 }, (_, n): Filter => ({ kind: `k${String(n)}` }));
    expect(filters.map((filter) => subject.total(filter)).filter((total) => total > 0)).toEqual([1]);
    subject.write(new Map([['2', thing('2', 'k1')]]));
    expect(subject.total({ kind: 'k1' })).toBe(2);
    subject.close();
  });
});
