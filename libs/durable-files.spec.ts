import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDurably, writeDurably } from './durable-files.ts';

describe('writing a file durably', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'durable-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('takes the place of an earlier file and leaves nothing beside it', async () => {
    const file = join(folder, 'kept.json');
    await writeDurably(file, 'first', 'a');
    await writeDurably(file, 'second', 'b', 0o600);
    expect(await readFile(file, 'utf8')).toBe('second');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['kept.json']);
  });

  it('lets the first of several writers have it where none may replace another', async () => {
    const file = join(folder, 'once.json');
    const tries = await Promise.allSettled(['a', 'b', 'c'].map((text) => createDurably(file, text, text, 0o600)));
    const won = tries.findIndex(({ status }) => status === 'fulfilled');
    expect(tries.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    expect(await readFile(file, 'utf8')).toBe('abc'.charAt(won));
    expect((await readdir(folder)).filter((name) => name.startsWith('once'))).toEqual(['once.json']);
  });

  it('leaves nothing behind where it cannot put the file', async () => {
    const taken = join(folder, 'taken');
    await mkdir(join(taken, 'by a folder'), { recursive: true });
    await expect(writeDurably(taken, 'text', 'a')).rejects.toThrow();
    expect(await readdir(folder)).not.toContain('taken.a');
  });
});
