import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '#libs/money/decimal';
import { type DataSourceId } from '#libs/published/ids';
import { matchesCondition } from '#libs/rules/condition';
import { type Day } from '#libs/time/time';
import { DuckDb } from './duckdb.ts';
import { type Grouping, KeptGroups, type UsageSlice } from './grouping.ts';
import { type UsageGroup } from './usage-group.ts';
import { sourceLines } from './source-lines.ts';
import { usageStatementsOver } from './statement.ts';
import { type WrittenLine, writeUsage } from './testing/write-usage.ts';

const source = 'source-1' as DataSourceId;
let folder: string;
let duckDb: DuckDb;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'grouping-'));
  duckDb = await DuckDb.open({ tempDirectory: folder, threads: 2 });
});
afterAll(async () => {
  duckDb.close();
  await rm(folder, { recursive: true });
});

let files = 0;
const sliceOf = async (...parts: readonly (readonly WrittenLine[])[]): Promise<UsageSlice> => {
  const names = parts.map(() => path.join(folder, `${String(files++)}.parquet`));
  for (const [index, lines] of parts.entries()) await writeUsage(duckDb, names[index] ?? '', lines);
  return { dataSourceId: source, files: names };
};

const plainText = (line: WrittenLine, dimension: string): string => {
  if (!dimension.startsWith('Tags/')) return line[dimension as keyof WrittenLine] ?? '';
  const tags = JSON.parse(line.Tags ?? '{}') as Record<string, string>;
  return tags[dimension.slice('Tags/'.length)] ?? '';
};

/** The same, line by line. */
const plainGroups = (lines: readonly WrittenLine[], { cuts, dimensions, conditions }: Grouping): readonly UsageGroup[] => {
  const groups = new Map<string, UsageGroup>();
  for (const line of lines) {
    const day = (line.ChargePeriodStart ?? '').slice(0, 10) as Day;
    const cost = Decimal.of(line.BilledCost ?? '');
    const given = line.PricingQuantity ?? null;
    const quantity = given === null ? undefined : Decimal.of(given);
    const alike = {
      dataSourceId: source,
      accountId: line.SubAccountId ?? '',
      segment: cuts.filter((cut) => cut <= day).length,
      currency: line.BillingCurrency ?? '',
      serviceName: line.ServiceName ?? '',
      chargeCategory: line.ChargeCategory ?? '',
      marketplace: line.x_Marketplace === 'true',
      values: Object.fromEntries(dimensions.map((dimension) => [dimension, plainText(line, dimension)])),
      truths: Object.fromEntries(
        conditions.map(({ key, dimension, values }) => [key, matchesCondition(values, plainText(line, dimension))]),
      ),
      unitRateApplies: quantity !== undefined && quantity.sign() * cost.sign() >= 0,
    };
    const key = JSON.stringify(alike);
    const before = groups.get(key);
    groups.set(key, {
      ...(alike as unknown as UsageGroup),
      lines: (before?.lines ?? 0) + 1,
      billedCost: (before?.billedCost ?? Decimal.zero).plus(cost),
      pricingQuantity: (before?.pricingQuantity ?? Decimal.zero).plus(quantity ?? Decimal.zero),
      firstDay: before && before.firstDay < day ? before.firstDay : day,
      lastDay: before && before.lastDay > day ? before.lastDay : day,
    });
  }
  return [...groups.values()];
};

const asText = (groups: readonly UsageGroup[]): readonly string[] => groups.map((group) => JSON.stringify(sorted(group))).sort();
const sorted = (group: UsageGroup) => Object.fromEntries(Object.entries(group).sort(([a], [b]) => (a < b ? -1 : 1)));

const decimalText = fc
  .tuple(fc.boolean(), fc.bigInt(0n, 10n ** 12n), fc.bigInt(0n, 10n ** 18n - 1n), fc.integer({ min: 0, max: 18 }))
  .map(([negative, whole, fraction, places]) => {
    const digits = fraction.toString().padStart(18, '0').slice(0, places);
    return `${negative ? '-' : ''}${whole.toString()}${digits === '' ? '' : `.${digits}`}`;
  });
const tricky = fc.constantFrom(
  'a',
  'A%b',
  'a_b',
  'a\\b',
  "o'b",
  'SP',
  'PRODSP1',
  'prodsp1',
  'é',
  'É',
  'ΟΔΟΣ',
  'οδος',
  'İx',
  '',
  'a b',
  'a\nb',
  '*',
  'K',
  'k',
  '%',
  '_',
  'aXXb',
);
const pattern = fc.oneof(
  tricky,
  fc.constantFrom('*', '* SP*', 'a*b', 'A%*', '*_*', '*\\*', 'É', '*Σ', 'i̇*', '* *', 'a * b', "*'*", '%', '_'),
);
const nullable = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null, freq: 4 });
const lineOf: fc.Arbitrary<WrittenLine> = fc.record({
  SubAccountId: fc.constantFrom('111', '222'),
  BillingCurrency: fc.constantFrom('USD', 'EUR'),
  ServiceName: nullable(fc.constantFrom('EC2', 'S3')),
  ChargeCategory: fc.constantFrom('Usage', 'Tax', 'Credit'),
  x_Marketplace: fc.constantFrom('true', 'false'),
  ChargePeriodStart: fc
    .tuple(
      fc.constantFrom('2025-12-31', '2026-01-01', '2026-01-15', '2026-01-16', '2026-01-31', '2026-02-01'),
      fc.constantFrom('00:00:00', '23:59:59.999'),
    )
    .map(([on, at]) => `${on} ${at}`),
  BilledCost: fc.oneof(fc.constant('0'), decimalText),
  PricingQuantity: nullable(fc.oneof(fc.constant('0'), decimalText)),
  RegionId: nullable(tricky),
  ResourceId: nullable(tricky),
  Tags: nullable(fc.tuple(tricky, tricky).map(([team, slash]) => JSON.stringify({ team, 'a/b~c': slash }))),
});
const groupingOf: fc.Arbitrary<Grouping> = fc
  .record({
    cuts: fc.subarray(['2020-01-01', '2026-01-01', '2026-01-16', '2026-01-31', '2030-01-01'] as Day[]),
    dimensions: fc.subarray(['ServiceName', 'RegionId', 'Tags/team', 'Tags/a/b~c', 'x_Marketplace']),
    asked: fc.array(fc.tuple(fc.constantFrom('ResourceId', 'Tags/team'), fc.array(pattern, { minLength: 1, maxLength: 3 })), {
      maxLength: 3,
    }),
  })
  .map(({ cuts, dimensions, asked }) => ({
    cuts,
    dimensions,
    conditions: asked.map(([dimension, values], index) => ({ key: `condition ${String(index)}`, dimension, values })),
  }));

describe('grouping the lines of a slice', () => {
  it('comes to the same as going line by line, to the last digit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(lineOf, { minLength: 1, maxLength: 30 }), groupingOf, async (lines, grouping) => {
        const groups = await new KeptGroups(duckDb).of(await sliceOf(lines), grouping);
        expect(asText(groups)).toEqual(asText(plainGroups(lines, grouping)));
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('finds the source lines of any of its groups again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(lineOf, { minLength: 1, maxLength: 20 }),
        groupingOf,
        fc.infiniteStream(fc.boolean()),
        async (lines, grouping, coin) => {
          const slice = await sliceOf(lines);
          const groups = (await new KeptGroups(duckDb).of(slice, grouping)).filter(() => coin.next().value === true);
          const wanted = new Set(asText(groups));
          const expected = lines.flatMap((line, index) => {
            const [own] = plainGroups([line], grouping);
            const whole = plainGroups(lines, grouping).find((group) => own && sameSignature(group, own));
            return whole && wanted.has(asText([whole])[0] ?? '') ? [BigInt(index + 1)] : [];
          });
          const found: unknown[] = [];
          for (let after: { slice: number; row: bigint } | null | undefined; after !== null;) {
            const page = await sourceLines(duckDb, [{ slice, grouping, groups }], { ...(after && { after }), limit: 3 });
            expect(page.total).toBe(expected.length);
            found.push(...page.items.map((line) => line['x_Row']));
            after = page.next;
          }
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);

  it('sums over several files, and an empty slice has no groups', async () => {
    const line = {
      SubAccountId: '1',
      BillingCurrency: 'USD',
      ChargeCategory: 'Usage',
      ChargePeriodStart: '2026-01-01',
      BilledCost: '0.000000000000000001',
    };
    const grouping = { cuts: [], dimensions: [], conditions: [] };
    const kept = new KeptGroups(duckDb);
    const [group, ...others] = await kept.of(await sliceOf([line], [], [line]), grouping);
    expect(others).toEqual([]);
    expect([group?.lines, group?.billedCost.toString()]).toEqual([2, '0.000000000000000002']);
    expect(await kept.of(await sliceOf([]), grouping)).toEqual([]);
    expect(await kept.of({ dataSourceId: source, files: [] }, grouping)).toEqual([]);
  });

  it('takes a null text for an empty one: one group', async () => {
    const line = {
      SubAccountId: '1',
      BillingCurrency: 'USD',
      ChargeCategory: 'Usage',
      ChargePeriodStart: '2026-01-01',
      BilledCost: '1',
    };
    const lines = [
      { ...line, RegionId: null },
      { ...line, RegionId: '' },
    ];
    const grouping = { cuts: [], dimensions: ['RegionId'], conditions: [] };
    const groups = await new KeptGroups(duckDb).of(await sliceOf(lines), grouping);
    expect(groups.map((group) => [group.lines, group.billedCost.toString(), group.values['RegionId']])).toEqual([[2, '2', '']]);
  });

  it('knows characters beyond ASCII that a tag writes in ASCII', async () => {
    const line = {
      SubAccountId: '1',
      BillingCurrency: 'USD',
      ChargeCategory: 'Usage',
      ChargePeriodStart: '2026-01-01',
      BilledCost: '1',
      Tags: '{"team":"\\u00c9quipe"}',
    };
    const grouping = { cuts: [], dimensions: [], conditions: [{ key: 'asked', dimension: 'Tags/team', values: ['éq*'] }] };
    const [group] = await new KeptGroups(duckDb).of(await sliceOf([line]), grouping);
    expect(group?.truths).toEqual({ asked: true });
  });

  it('keeps the groups of a slice until its files or what must stay apart in it change', async () => {
    const line = {
      SubAccountId: '1',
      BillingCurrency: 'USD',
      ChargeCategory: 'Usage',
      ChargePeriodStart: '2026-01-10',
      BilledCost: '1',
    };
    const slice = await sliceOf([line, { ...line, ChargePeriodStart: '2026-01-20' }]);
    const kept = new KeptGroups(duckDb);
    const grouping: Grouping = { cuts: ['2026-01-15' as Day], dimensions: [], conditions: [] };
    const first = await kept.of(slice, grouping);
    await rm(slice.files[0] ?? '');
    expect(await kept.of(slice, grouping)).toBe(first);
    expect(first.map(({ segment }) => segment).sort()).toEqual([0, 1]);

    const later = await kept.of(slice, { ...grouping, cuts: ['2025-01-01', '2026-01-15', '2027-01-01'] as Day[] });
    expect(later.map(({ segment }) => segment).sort()).toEqual([1, 2]);
    await expect(kept.of(slice, { ...grouping, cuts: ['2026-01-16'] as Day[] })).rejects.toThrow('No files found');
  });

  it('forgets the groups used longest ago when there are too many', async () => {
    const line = {
      SubAccountId: '1',
      BillingCurrency: 'USD',
      ChargeCategory: 'Usage',
      ChargePeriodStart: '2026-01-10',
      BilledCost: '1',
    };
    const [one, other] = [await sliceOf([line]), await sliceOf([line])];
    const kept = new KeptGroups(duckDb, 1);
    const grouping = { cuts: [], dimensions: [], conditions: [] };
    const first = await kept.of(one, grouping);
    const second = await kept.of(other, grouping);
    expect(await kept.of(other, grouping)).toBe(second);
    expect(await kept.of(one, grouping)).not.toBe(first);
  });
});

describe('statements over usage', () => {
  it('have no DOUBLE anywhere', async () => {
    const { files: over } = await sliceOf([]);
    const statements = usageStatementsOver(over);
    expect(statements.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['profile of a slice', 'groups of a slice', 'source lines of groups']),
    );
    for (const { name, sql } of statements)
      for (const column of await duckDb.describe(sql)) expect(`${name}: ${column.type}`).not.toMatch(/DOUBLE|FLOAT|REAL/);
  });
});

const sameSignature = (a: UsageGroup, b: UsageGroup): boolean => signature(a) === signature(b);
const signature = ({
  lines: _lines,
  billedCost: _cost,
  pricingQuantity: _quantity,
  firstDay: _first,
  lastDay: _last,
  ...rest
}: UsageGroup): string => JSON.stringify(rest);
