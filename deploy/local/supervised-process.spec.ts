import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SupervisedProcess } from './supervised-process.ts';

describe('a process that is looked after', () => {
  let folder: string;
  let lines: string[];
  let pids: (number | undefined)[];
  let supervised: SupervisedProcess | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'supervised-'));
    lines = [];
    pids = [];
  });

  afterEach(async () => {
    await supervised?.stop(0);
    await rm(folder, { recursive: true });
  });

  const run = async (content: string, again = true): Promise<SupervisedProcess> => {
    const script = join(folder, 'script.mjs');
    await writeFile(script, content);
    supervised = new SupervisedProcess({
      label: 'tenants.1',
      script,
      environment: process.env,
      say: (line) => lines.push(line),
      changed: (pid) => pids.push(pid),
      ended: () => again,
    });
    supervised.start();
    return supervised;
  };

  const until = async (happened: () => boolean): Promise<void> => {
    for (let waited = 0; waited < 10_000; waited += 20) {
      if (happened()) return;
      await sleep(20);
    }
    throw new Error(`it did not happen: ${lines.join('\n')}`);
  };

  const STAYS = `console.log('up'); setInterval(() => undefined, 1000);`;

  it('has its name before each of its lines', async () => {
    await run(`console.log('one\\ntwo'); console.error('three'); setInterval(() => undefined, 1000);`);
    await until(() => lines.length === 3);
    expect(lines.toSorted()).toEqual(['tenants.1 | one', 'tenants.1 | three', 'tenants.1 | two']);
  });

  it('is started again when it is killed, which is said in a line', async () => {
    await run(STAYS);
    await until(() => lines.length === 1);
    process.kill(pids[0] ?? 0, 'SIGKILL');
    await until(() => lines.length === 3);
    expect(lines).toEqual([
      'tenants.1 | up',
      `tenants.1 (${String(pids[0])}) was ended by SIGKILL; it is started again in 0.5 s.`,
      'tenants.1 | up',
    ]);
    expect(pids).toEqual([expect.any(Number), undefined, expect.any(Number)]);
    expect(pids[2]).not.toBe(pids[0]);
  });

  it('is left alone when it gives up and that is to be', async () => {
    await run(`process.exitCode = 3;`, false);
    await until(() => lines.length === 1);
    expect(lines).toEqual([`tenants.1 (${String(pids[0])}) ended with 3.`]);
    await sleep(700);
    expect(pids).toEqual([expect.any(Number), undefined]);
  });

  it('ends when it is asked to, and is not started again', async () => {
    const process = await run(`process.on('SIGTERM', () => { console.log('bye'); process.exit(); }); ${STAYS}`);
    await until(() => lines.length === 1);
    await process.stop(10_000);
    expect(lines).toEqual(['tenants.1 | up', 'tenants.1 | bye']);
    await sleep(700);
    expect(pids).toEqual([expect.any(Number), undefined]);
  });

  it('is ended when it does not end in time', async () => {
    const process = await run(`process.on('SIGTERM', () => undefined); ${STAYS}`);
    await until(() => lines.length === 1);
    await process.stop(200);
    expect(pids).toEqual([expect.any(Number), undefined]);
  });
});
