import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { allowedFiles, withNamedParts } from './intake.ts';

describe('the parts that a manifest names', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(path.join(tmpdir(), 'intake-')));
    await writeFile(path.join(folder, 'r-1.csv'), 'a\n1\n');
  });
  afterAll(() => rm(folder, { recursive: true }));

  const namedBy = async (reportKeys: readonly string[]): Promise<readonly string[]> => {
    await writeFile(path.join(folder, 'm.json'), JSON.stringify({ reportKeys }));
    const files = await withNamedParts(await allowedFiles(['m.json'], [folder]), [folder]);
    return files.map(({ name }) => name);
  };

  it('come along when they are there', async () => {
    expect(await namedBy(['cur/r-1.csv', 'cur/r-2.csv'])).toEqual(['m.json', 'r-1.csv']);
  });

  it('are not looked for when they are more than any delivery has, or named by more than a key', async () => {
    const others = Array.from({ length: 10_000 }, (_, part) => `x-${String(part)}.csv`);
    expect(await namedBy(['r-1.csv', ...others])).toEqual(['m.json']);
    expect(await namedBy([`${'a/'.repeat(1_000)}r-1.csv`])).toEqual(['m.json']);
  });
});
