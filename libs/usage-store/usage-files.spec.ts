import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DataSourceId, type ImportId } from '#libs/published/ids';
import { month } from '#libs/time/time';
import { isDimension, textOf } from './columns.ts';
import { DuckDb } from './duckdb.ts';
import { UsageFiles, usageIn } from './usage-files.ts';

let folder: string;
let files: UsageFiles;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'usage='));
  files = new UsageFiles(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('usage files', () => {
  const relative = () => files.relativePath('source' as DataSourceId, month('2026-01'), 'import' as ImportId, 'attempt');

  it('lie by source and month, and are named by import and attempt', () => {
    expect(relative()).toBe('source/2026-01/import.attempt.parquet');
    expect(files.absolute(relative())).toBe(path.join(folder, 'source/2026-01/import.attempt.parquet'));
  });

  it('are sealed with the digest of what was written', async () => {
    await writeFile(await files.prepare(relative()), 'content');
    expect(await files.seal(relative())).toBe(createHash('sha256').update('content').digest('hex'));
    expect(await files.has(relative())).toBe(true);
    await files.remove(relative());
    expect(await files.has(relative())).toBe(false);
  });

  it.each(['../outside.parquet', '/etc/passwd', 'a/../../b', ''])('are nowhere but in their folder: "%s"', (outside) => {
    expect(() => files.absolute(outside)).toThrow(RangeError);
  });

  it('have no columns but their own, whatever their folder is called', async () => {
    const duckDb = await DuckDb.open({ tempDirectory: folder });
    const file = await files.prepare(relative());
    await duckDb.run(`COPY (SELECT 1 AS a) TO '${file}' (FORMAT parquet)`);
    expect(await duckDb.all(`SELECT * FROM ${usageIn([file])}`)).toEqual([{ a: 1 }]);
    duckDb.close();
  });
});

describe('dimensions of conditions', () => {
  it.each([
    ['ServiceName', true],
    ['x_Marketplace', true],
    ['Tags/user:env', true],
    ['Tags/', false],
    ['BilledCost', false],
    ['x_Row', false],
    ['servicename', false],
    ['toString', false],
  ])('%s: %s', (name, expected) => {
    expect(isDimension(name)).toBe(expected);
  });

  it('refuses to write SQL for anything else', () => {
    expect(() => textOf("ServiceName' OR 1=1")).toThrow(RangeError);
  });

  it('reads a tag by its whole key, and an absent one as the empty text', async () => {
    const duckDb = await DuckDb.open({ tempDirectory: folder });
    const keys = ['user:env', 'a/b~c', "it's", 'say "hi"', '$.x', 'absent'];
    const tags = JSON.stringify({ 'user:env': 'prod', 'a/b~c': 1, "it's": true, 'say "hi"': null, '$.x': 'ä' });
    const [row] = await duckDb.all(
      `SELECT ${keys.map((key, index) => `${textOf(`Tags/${key}`)} AS t${String(index)}`).join(', ')} FROM (SELECT ?::VARCHAR AS Tags)`,
      [tags],
    );
    expect(Object.values(row ?? {})).toEqual(['prod', '1', 'true', '', 'ä', '']);
    duckDb.close();
  });
});
