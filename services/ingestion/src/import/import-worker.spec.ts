import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImportWorker } from './import-worker.ts';

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(1);
};

/** A worker over a list: what is done leaves it. */
const working = (run: (id: string, signal: AbortSignal) => Promise<void>) => {
  const waiting: { id: string }[] = [];
  const failures: unknown[] = [];
  const ending = new AbortController();
  const worker = new ImportWorker<{ id: string }>({
    next: () => Promise.resolve(waiting[0]),
    run: async (item, signal) => {
      await run(item.id, signal);
      waiting.shift();
    },
    failed: (error) => failures.push(error),
  });
  const ended = worker.run(ending.signal);
  return {
    worker,
    failures,
    ask: (...ids: readonly string[]) => {
      waiting.push(...ids.map((id) => ({ id })));
      worker.wake();
    },
    end: async () => {
      ending.abort();
      await ended;
    },
  };
};

describe('running imports', () => {
  it('takes one after the other, those that come later too', async () => {
    const log: string[] = [];
    const { ask, end, worker } = working(async (id) => {
      log.push(`begin ${id}`);
      await sleep(5);
      log.push(`end ${id}`);
    });
    ask('a', 'b');
    await until(() => log.length === 3);
    ask('c');
    await until(() => log.length === 6);
    expect(log).toEqual(['begin a', 'end a', 'begin b', 'end b', 'begin c', 'end c']);
    await until(() => !worker.isRunning('c'));
    expect(await worker.idle()).toBe(true);
    await end();
  });

  it('cancels the one that runs and no other', async () => {
    const cancelled: string[] = [];
    const { ask, end, worker } = working((id, signal) =>
      sleep(10_000, undefined, { signal }).catch(() => {
        cancelled.push(id);
      }),
    );
    ask('a', 'b');
    await until(() => worker.isRunning('a'));
    worker.cancel('b');
    worker.cancel('a');
    await until(() => worker.isRunning('b'));
    expect(cancelled).toEqual(['a']);
    await end();
    expect(cancelled).toEqual(['a', 'b']);
  });

  it('says what could not be run, and tries it again', async () => {
    let attempts = 0;
    const { ask, end, worker, failures } = working(() => {
      if (++attempts === 1) throw new Error('no room');
      return Promise.resolve();
    });
    ask('a');
    await until(() => failures.length === 1);
    expect([worker.isFailing, await worker.idle()]).toEqual([true, false]);
    await until(() => attempts === 2);
    await until(() => !worker.isFailing);
    await end();
  });
});
