import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal } from '#libs/money/decimal';
import { DuckDb } from '#libs/usage-store/duckdb';
import { writeGeneratedUsage } from './generated-usage.ts';

const usage = {
  managementAccount: '900000000001',
  month: '2026-01',
  rows: 500,
  accounts: ['900000000011', '900000000012'],
  seed: 7,
};

describe('generating a month of usage', () => {
  let folder: string;
  let duckDb: DuckDb;
  const text = async (name: string, seed: number): Promise<string> => {
    await writeGeneratedUsage(duckDb, { ...usage, seed }, join(folder, name));
    return gunzipSync(await readFile(join(folder, name))).toString('utf8');
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'generated-usage-'));
    duckDb = await DuckDb.open({ tempDirectory: folder });
  });
  afterAll(async () => {
    duckDb.close();
    await rm(folder, { recursive: true });
  });

  it('writes the same lines for the same seed and others for another', async () => {
    const first = await text('a.csv.gz', 7);
    expect(await text('b.csv.gz', 7)).toBe(first);
    expect(await text('c.csv.gz', 8)).not.toBe(first);
  });

  it('answers the control totals of what it wrote', async () => {
    const totals = await writeGeneratedUsage(duckDb, usage, join(folder, 'd.csv.gz'));
    const [header = '', ...rows] = gunzipSync(await readFile(join(folder, 'd.csv.gz')))
      .toString('utf8')
      .trim()
      .split('\n');
    const cost = header.split(',').indexOf('lineItem/UnblendedCost');
    expect(totals.rows).toBe(rows.length);
    expect(totals.billedCost).toBe(Decimal.sum(rows.map((row) => Decimal.of(row.split(',')[cost] ?? ''))).toString());
  });
});
