import { describe, expect, it } from '@jest/globals';
import { type Command } from '#libs/event-sourcing/command';
import { createLog } from '#libs/platform/logging';
import { type UserId } from '#libs/published/ids';
import { type Instant, systemClock } from '#libs/time/time';
import { type Lockout, Lockouts } from './lockouts.ts';

const ada: Lockout = { userId: 'ada' as UserId, until: '2026-01-31T12:15:00Z' as Instant };

/** Fails so many times at first. */
const telling = (failures: number) => {
  const told: Readonly<{ lockout: Lockout; command: Command }>[] = [];
  const lines: string[] = [];
  const tried: string[] = [];
  const lockouts = new Lockouts(
    { clock: systemClock, log: createLog('info', { write: (line) => void lines.push(line) }) },
    (lockout, command) => {
      tried.push(command.id);
      if (tried.length <= failures) return Promise.reject(new Error('no store'));
      told.push({ lockout, command });
      return Promise.resolve();
    },
  );
  const ending = new AbortController();
  const work = lockouts.background();
  const running = work.run(ending.signal);
  const end = async (): Promise<void> => {
    ending.abort();
    await running;
  };
  return { lockouts, work, told, tried, lines, end };
};

describe('that a user is locked out', () => {
  it('is told beside the login that failed, once', async () => {
    const { lockouts, work, told, end } = telling(0);
    lockouts.note(ada);
    await new Promise((resume) => setImmediate(resume));
    expect([told, await work.idle?.()]).toEqual([[], false]);
    for (let waited = 0; told.length === 0 && waited < 100; waited++) await new Promise((resume) => setTimeout(resume, 20));
    expect([told.map(({ lockout }) => lockout), await work.idle?.()]).toEqual([[ada], true]);
    expect(told[0]?.command).toMatchObject({ principal: { id: 'login' }, keyed: false });
    await end();
    expect(told).toHaveLength(1);
  });

  it('is told at last when the process ends', async () => {
    const { lockouts, told, lines, end } = telling(0);
    lockouts.note(ada);
    await end();
    expect([told.map(({ lockout }) => lockout), lines]).toEqual([[ada], []]);
  });

  it('is tried again as the same command, and the process’s log says so', async () => {
    const { lockouts, told, tried, lines, end } = telling(1);
    lockouts.note(ada);
    await end();
    expect(told.map(({ lockout }) => lockout)).toEqual([ada]);
    expect([tried.length, new Set(tried).size]).toEqual([2, 1]);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ level: 'error', ...ada }]);
  });

  it('is in the process’s log where it could not be told at all', async () => {
    const { lockouts, told, lines, end } = telling(100);
    lockouts.note(ada);
    await end();
    expect(told).toEqual([]);
    expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({ userId: 'ada', msg: 'could not tell that a user was locked out' });
  });
});
