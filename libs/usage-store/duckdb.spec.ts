import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';
import { Decimal } from '#libs/money/decimal';
import { DuckDb, sharedDuckDb } from './duckdb.ts';

const FOREVER = 'SELECT sum(a.range * b.range)::HUGEINT AS s FROM range(1000000) a, range(1000000) b';

describe('the engine over usage', () => {
  let duckDb: DuckDb;
  beforeAll(async () => {
    duckDb = await DuckDb.open({ tempDirectory: tmpdir() });
  });
  afterAll(() => {
    duckDb.close();
  });

  it('answers decimals as exact decimals, times and days as text', async () => {
    const [row] = await duckDb.all(
      `SELECT '12345678901234567890.123456789012345678'::DECIMAL(38,18) AS amount, 3::BIGINT AS lines,
              TIMESTAMP '2024-01-01 10:00:00' AS at, DATE '2024-02-29' AS day, ['a', 'b'] AS list, NULL AS nothing, ?::VARCHAR AS given`,
      ['x'],
    );
    expect(row).toEqual({
      amount: Decimal.of('12345678901234567890.123456789012345678'),
      lines: 3n,
      at: '2024-01-01T10:00:00.000Z',
      day: '2024-02-29',
      list: ['a', 'b'],
      nothing: null,
      given: 'x',
    });
    expect(String(row?.['amount'])).toBe('12345678901234567890.123456789012345678');
  });

  it('refuses to read a float', async () => {
    await expect(duckDb.all('SELECT 1.5::DOUBLE AS a')).rejects.toThrow('DOUBLE is not read');
  });

  it('describes a query without running it', async () => {
    expect(await duckDb.describe('SELECT avg(1.5::DECIMAL(4,2)) AS mean, sum(1.5::DECIMAL(4,2)) AS total')).toEqual([
      { name: 'mean', type: 'DOUBLE' },
      { name: 'total', type: 'DECIMAL(38,2)' },
    ]);
  });

  it('ends a running statement when its signal says so', async () => {
    const ending = new AbortController();
    setTimeout(() => {
      ending.abort(new Error('cancelled'));
    }, 50);
    await expect(duckDb.all(FOREVER, [], { signal: ending.signal })).rejects.toThrow('cancelled');
  });

  it('never begins a statement whose signal has already ended it', async () => {
    await expect(duckDb.run(FOREVER, [], { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow('too late');
  });

  it('ends a statement that takes too long, and others go on', async () => {
    const [ended, other] = await Promise.allSettled([
      duckDb.run(`CREATE TEMP TABLE t AS ${FOREVER}`, [], { timeoutMs: 50 }),
      duckDb.all('SELECT count(*) AS n FROM range(1000000)'),
    ]);
    expect(ended.status).toBe('rejected');
    expect(other).toEqual({ status: 'fulfilled', value: [{ n: 1_000_000n }] });
  });

  it('is one for the process, open until its last user has let go', async () => {
    const first = await sharedDuckDb({ tempDirectory: tmpdir() });
    const second = await sharedDuckDb({ tempDirectory: tmpdir() });
    expect(second.duckDb).toBe(first.duckDb);
    await first.release();
    await first.release();
    expect(await second.duckDb.all('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await second.release();
    await expect(second.duckDb.all('SELECT 1 AS n')).rejects.toThrow('closed');
  });
});
