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
  const generated = async (seed: number) => {
    const { files, totals } = await writeGeneratedUsage(duckDb, { ...usage, seed }, await mkdtemp(join(folder, 'seed-')));
    const parts = await Promise.all(files.map(async (file) => gunzipSync(await readFile(file)).toString('utf8')));
    return { parts, totals };
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
    const { parts } = await generated(7);
    expect((await generated(7)).parts).toEqual(parts);
    expect((await generated(8)).parts).not.toEqual(parts);
  });

  it('answers the control totals of what it wrote', async () => {
    const { parts, totals } = await generated(7);
    const costs = parts.flatMap((part) => {
      const [header = '', ...rows] = part.trim().split('\n');
      const cost = header.split(',').indexOf('lineItem/UnblendedCost');
      return rows.map((row) => Decimal.of(row.split(',')[cost] ?? ''));
    });
    expect(totals.rows).toBe(costs.length);
    expect(totals.billedCost).toBe(Decimal.sum(costs).toString());
  });
});
