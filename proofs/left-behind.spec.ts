import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const LEFT_BEHIND = pathToFileURL(resolve('proofs/left-behind.ts')).href;

/** Makes a folder of its own and a process, tells the process's id, and goes on as `then` says. */
const programOf = (below: string, then: string): string => `
  import { spawn } from 'node:child_process';
  import { writeFile } from 'node:fs/promises';
  import { join } from 'node:path';
  import { endsWithUs, ownFolder } from '${LEFT_BEHIND}';
  const folder = await ownFolder(${JSON.stringify(below)}, 'own-');
  await ownFolder(${JSON.stringify(below)}, 'kept-', { stays: true });
  await writeFile(join(folder, 'data'), 'x');
  const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  endsWithUs(child);
  process.stdout.write(String(child.pid));
  ${then}`;

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a proof', () => {
  let below: string;
  beforeEach(async () => {
    below = await mkdtemp(join(tmpdir(), 'left-behind-'));
  });
  afterEach(() => rm(below, { recursive: true }));

  it.each([
    ['SIGINT', 'setInterval(() => {}, 1000)', 130],
    ['SIGTERM', 'setInterval(() => {}, 1000)', 143],
    [undefined, 'throw new Error("the start fails")', 1],
    [undefined, 'process.exit(0)', 0],
  ] as const)(
    'leaves neither folder nor process behind: %s, %s',
    async (signal, then, code) => {
      const running = spawn(process.execPath, ['--input-type=module', '--eval', programOf(below, then)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = once(running, 'close');
      const [pid] = (await once(running.stdout, 'data')) as [Buffer];
      if (signal) running.kill(signal);
      expect((await ended)[0]).toBe(code);
      expect(await readdir(below)).toEqual([expect.stringMatching(/^kept-/)]);
      // Until whoever adopted it has taken note of its end.
      for (let patience = 0; patience < 400 && isThere(Number(pid)); patience++)
        await new Promise((done) => setTimeout(done, 20));
      expect(isThere(Number(pid))).toBe(false);
    },
    20_000,
  );
});
