import { describe, expect, it } from '@jest/globals';
import { TooManyAttempts } from '#libs/platform/problem';
import { type Clock, type Instant } from '#libs/time/time';
import { RequestRate } from './request-rate.ts';

const SECOND = 1_000;
let now = 0;
const clock: Clock = { now: () => new Date(now).toISOString() as Instant };

/** How many seconds a client has to wait; 0: it may ask. */
const waitOf = (rate: RequestRate, client: string, at: number): number => {
  now = at;
  try {
    rate.count(client);
    return 0;
  } catch (error) {
    if (error instanceof TooManyAttempts) return error.retryAfterSeconds;
    throw error;
  }
};

describe('how often a client may ask', () => {
  it('is so often within a minute, and says how long to wait for the next', () => {
    const rate = new RequestRate(6, clock);
    const waits = Array.from({ length: 8 }, () => waitOf(rate, 'a', 0));
    expect(waits).toEqual([0, 0, 0, 0, 0, 0, 10, 10]);
    expect(waitOf(rate, 'a', 9 * SECOND)).toBe(1);
    expect(waitOf(rate, 'a', 10 * SECOND)).toBe(0);
    expect(waitOf(rate, 'a', 10 * SECOND)).toBe(10);
  });

  it('is counted for each alone, and never more than a minute’s worth is saved up', () => {
    const rate = new RequestRate(2, clock);
    const asked = (client: string, at: number) => waitOf(rate, client, at);
    expect([asked('a', 0), asked('a', 0), asked('b', 0), asked('a', 0)]).toEqual([0, 0, 0, 30]);
    const later = 3_600 * SECOND;
    expect([asked('a', later), asked('a', later), asked('a', later)]).toEqual([0, 0, 30]);
  });

  it('may be of another time than a minute, and leaves out what is given back', () => {
    const rate = new RequestRate(2, clock, 3_600 * SECOND);
    const asked = (at: number) => waitOf(rate, 'a', at);
    expect([asked(0), asked(0), asked(0)]).toEqual([0, 0, 1_800]);
    rate.giveBack('a');
    rate.giveBack('nobody');
    expect([asked(0), asked(0), asked(1_800 * SECOND)]).toEqual([0, 1_800, 0]);
  });
});
