import { describe, expect, it } from '@jest/globals';
import { WAYS } from './lane.ts';
import { Tally, wayOf } from './plan.ts';

describe('the trials', () => {
  it('take every way, all but the slow one about as often', () => {
    const count = new Map<string, number>(WAYS.map((way) => [way, 0]));
    for (let n = 0; n < 700; n++) count.set(wayOf(n), (count.get(wayOf(n)) ?? 0) + 1);
    const { session, ...others } = Object.fromEntries(count);
    expect(session).toBe(14);
    for (const times of Object.values(others)) expect(Math.abs(times - 98)).toBeLessThanOrEqual(2);
  });

  it('are counted by way, with the longest time that somebody still got in, and every fault', () => {
    const tally = new Tally();
    tally.note('link', { fault: undefined, afterMs: 2 });
    tally.note('link', { fault: 'still in', afterMs: 7 });
    tally.note('key', { fault: undefined, afterMs: 0 });
    expect(tally.ways).toEqual([
      { way: 'link', trials: 2, longestMs: 7 },
      { way: 'key', trials: 1, longestMs: 0 },
    ]);
    expect([tally.done, tally.faults]).toEqual([3, ['still in']]);
  });
});
