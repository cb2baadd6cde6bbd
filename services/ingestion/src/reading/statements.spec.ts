import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '#libs/money/decimal';
import { columnNames, COLUMNS, identifier } from '#libs/usage-store/columns';
import { usageStatementsOver } from '#libs/usage-store/statement';
import { writeUsage } from '#libs/usage-store/testing/write-usage';
import { usageIn } from '#libs/usage-store/usage-files';
import { Delivering, focusCsv, receiver } from '../testing/delivering.ts';
import './statements.ts';

let store: Delivering;
beforeAll(async () => {
  store = await Delivering.open();
});
afterAll(() => store.close());

describe('statements over deliveries', () => {
  it('have no DOUBLE anywhere', async () => {
    const file = await store.file('usage.parquet', '');
    await writeUsage(store.duckDb, file, [{ BilledCost: '1', BillingCurrency: 'USD' }]);
    const statements = usageStatementsOver([file]);
    expect(statements.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'checks of a delivered file',
        'odd amounts of a delivered file',
        'problems of a delivered file',
        'totals of a delivered file',
        'lines of a delivered file',
        'lines of a slice',
        'totals of a slice as written',
        'accounts of a slice',
      ]),
    );
    for (const { name, sql } of statements) {
      for (const { name: column, type } of await store.duckDb.describe(sql)) {
        expect(`${name}, ${column}: ${type}`).not.toMatch(/DOUBLE|FLOAT|REAL/);
      }
    }
  });

  it('write every column of the store in its type', async () => {
    const read = await store.deliver([await store.file('types.csv', focusCsv({}))], [receiver('111111111111')]);
    const [file] = read.slices[0]?.files ?? [];
    const columns = await store.duckDb.describe(`SELECT * FROM ${usageIn([store.usage.absolute(file?.path ?? '')])}`);
    expect(columns).toEqual(columnNames.map((name) => ({ name, type: COLUMNS[name] })));
  });
});

describe('amounts as text', () => {
  const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom('0', '1', '4', '5', '9'), maxLength });
  const number = fc
    .tuple(
      fc.constantFrom('', '-', '+'),
      digits(9),
      digits(26),
      fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '-', '+'), fc.nat(24))),
    )
    .filter(([, whole, fraction]) => whole + fraction !== '')
    .map(([sign, whole, fraction, exponent]) => {
      const point = fraction === '' ? '' : '.';
      return `${sign}${whole}${point}${fraction}${exponent ? exponent.join('') : ''}`;
    });
  const fits = (text: string): boolean => Decimal.of(text).round(18).abs().compare(Decimal.of('1e20')) < 0;

  it('are read as exact decimals read them, rounded once, and the roundings add up', async () => {
    const texts = fc.sample(number.filter(fits), { numRuns: 4_000, seed: 20_260_101 });
    const file = await store.file('numbers.csv', focusCsv(...texts.map((ListCost) => ({ ListCost }))));
    const read = await store.deliver([file], [receiver('111111111111')]);
    const stored = await store.query(read, identifier('ListCost'));
    expect(stored.map(({ ListCost }) => String(ListCost))).toEqual(texts.map((text) => String(Decimal.of(text).round(18))));
    const lost = texts.map((text) => Decimal.of(text)).filter((exact) => !exact.round(18).equals(exact));
    // Beyond 38 decimals a rounding is no longer measured.
    const added = lost.map((exact) => exact.round(18).minus(Decimal.of(truncated(exact))));
    expect(read.roundings).toEqual([
      { file: 'numbers.csv', column: 'ListCost', rows: lost.length, added: String(Decimal.sum(added)) },
    ]);
  });

  it('are refused when they are too large, and only then', async () => {
    const texts = fc.sample(
      number.filter((text) => !fits(text)),
      { numRuns: 200, seed: 20_260_102 },
    );
    const file = await store.file(
      'large.csv',
      focusCsv(...texts.map((ListCost) => ({ ListCost })), { ListCost: '99999999999999999999.999999999999999999' }),
    );
    const { problemCount } = await store.refusal([file], [receiver('111111111111')]);
    expect(problemCount).toBe(texts.length);
  });
});

const truncated = (exact: Decimal): string => {
  const [whole = '', fraction = ''] = String(exact).split('.');
  return fraction === '' ? whole : `${whole}.${fraction.slice(0, 38)}`;
};
