import { afterEach, describe, expect, it } from '@jest/globals';
import { type TenantId } from '#libs/published/ids';
import { type Month } from '#libs/time/time';
import { type VersionedMonth } from '../rating-inputs/input-version.ts';
import { RatingWorker } from './rating-worker.ts';

const pace = { settleMs: 0, showMs: 0, firstRetryMs: 5, lastRetryMs: 20 };
const due = (month: string, inputVersion = 1): VersionedMonth => ({
  rootId: 'd1' as TenantId,
  month: month as Month,
  inputVersion,
});

/** A worker on a list of due months; `rate` takes one off the list unless told to fail. */
const working = (months: VersionedMonth[], failing: (month: Month) => boolean = () => false) => {
  const rated: string[] = [];
  const failures: unknown[] = [];
  const ended = new AbortController();
  const worker = new RatingWorker(
    {
      due: () => Promise.resolve([...months]),
      rate: (_root, month) => {
        rated.push(month);
        if (failing(month)) return Promise.reject(new Error('no such file'));
        months.splice(
          months.findIndex((one) => one.month === month),
          1,
        );
        return Promise.resolve();
      },
      failed: (error) => failures.push(error),
    },
    pace,
  );
  const running = worker.run(ended.signal);
  return {
    worker,
    rated,
    failures,
    end: async () => {
      ended.abort();
      await running;
    },
  };
};

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 3_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it never came about');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};

describe('the rating worker', () => {
  let work: ReturnType<typeof working>;
  afterEach(() => work.end());

  it('rates at its start what is due, in the order told', async () => {
    work = working([due('2026-02'), due('2026-01')]);
    await until(() => work.worker.idle());
    expect(work.rated).toEqual(['2026-02', '2026-01']);
  });

  it('rates once what still looks due because the list is behind, and again when its inputs change', async () => {
    const months = [due('2026-01')];
    const rated: number[] = [];
    work = working([]);
    const ended = new AbortController();
    const behind = new RatingWorker(
      {
        due: () => Promise.resolve([...months]),
        rate: () => Promise.resolve(void rated.push(months[0]?.inputVersion ?? 0)),
        failed: (error) => {
          throw error;
        },
      },
      { ...pace, showMs: 60_000 },
    );
    const running = behind.run(ended.signal);
    for (let look = 0; look < 20; look++) {
      behind.wake();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(rated).toEqual([1]);
    months.splice(0, 1, due('2026-01', 2));
    behind.wake();
    await until(() => rated.length > 1);
    expect(rated).toEqual([1, 2]);
    ended.abort();
    await running;
  });

  it('sleeps until it is woken', async () => {
    const months = [due('2026-01')];
    work = working(months);
    await until(() => work.worker.idle());
    months.push(due('2026-02'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(work.rated).toEqual(['2026-01']);
    work.worker.wake();
    await until(() => work.worker.idle());
    expect(work.rated).toEqual(['2026-01', '2026-02']);
  });

  it('does not miss a wake-up that comes while it looks what is due', async () => {
    const months: VersionedMonth[] = [];
    work = working(months);
    for (let round = 0; round < 50; round++) {
      months.push(due(`2026-${String((round % 12) + 1).padStart(2, '0')}`));
      work.worker.wake();
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => work.worker.idle());
  });

  it('goes on with other months while one fails, tries it again, and says so', async () => {
    let broken = true;
    work = working([due('2026-02'), due('2026-01')], (month) => broken && month === '2026-02');
    await until(() => work.rated.filter((month) => month === '2026-02').length >= 3);
    expect(work.rated).toContain('2026-01');
    expect(work.failures.length).toBeGreaterThanOrEqual(2);
    expect(work.worker.troubles()).toEqual([expect.stringMatching(/^rating 2026-02 of the tree d1 has failed \d+ time/)]);
    expect(work.worker.isFailing('d1' as TenantId, '2026-02' as Month)).toBe(true);
    broken = false;
    await until(() => work.worker.idle());
    expect(work.worker.troubles()).toEqual([]);
  });

  it('tries a failing month at once when its inputs have changed', async () => {
    const months = [due('2026-01')];
    let broken = true;
    const slow = { ...pace, firstRetryMs: 60_000, lastRetryMs: 60_000 };
    const ended = new AbortController();
    const rated: number[] = [];
    const worker = new RatingWorker(
      {
        due: () => Promise.resolve([...months]),
        rate: () => {
          rated.push(months[0]?.inputVersion ?? 0);
          if (broken) return Promise.reject(new Error('gone'));
          months.pop();
          return Promise.resolve();
        },
        failed: () => undefined,
      },
      slow,
    );
    const running = worker.run(ended.signal);
    work = { worker, rated: [], failures: [], end: async () => (ended.abort(), running) };
    await until(() => rated.length === 1);
    broken = false;
    months[0] = due('2026-01', 2);
    worker.wake();
    await until(() => worker.idle());
    expect(rated).toEqual([1, 2]);
  });

  it('survives that it cannot find out what is due', async () => {
    let answers = 0;
    const ended = new AbortController();
    const failures: unknown[] = [];
    const worker = new RatingWorker(
      {
        due: () => (++answers < 3 ? Promise.reject(new Error('behind')) : Promise.resolve([])),
        rate: () => Promise.resolve(),
        failed: (error) => failures.push(error),
      },
      pace,
    );
    const running = worker.run(ended.signal);
    work = { worker, rated: [], failures, end: async () => (ended.abort(), running) };
    await until(() => answers >= 3);
    expect(failures).toHaveLength(2);
  });
});
