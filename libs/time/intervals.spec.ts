import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addDays, type Day, day } from './time.ts';
import { assign, covers, type Holdings, type Interval, intersection, isEmpty, release, without } from './intervals.ts';

const FIRST = day('2026-01-01');
/** Bounds fall on twelve days, so that touching and equal bounds are frequent; the days looked at reach beyond both ends. */
const DAYS = Array.from({ length: 16 }, (_, index) => addDays(FIRST, index - 2));
const bound = fc.option(fc.integer({ min: 0, max: 11 }).map((index) => addDays(FIRST, index)));
const interval: fc.Arbitrary<Interval> = fc.record({ from: bound, to: bound });
const step = fc.record({
  interval,
  holder: fc.constantFrom('a', 'b', 'c'),
  kind: fc.constantFrom('assign', 'release', 'give up'),
});

type Step = Readonly<{ interval: Interval; holder: string; kind: string }>;

const apply = (holdings: Holdings<string>, { interval: days, holder, kind }: Step): Holdings<string> => {
  if (kind === 'assign') return assign(holdings, days, holder);
  return kind === 'release' ? release(holdings, days) : release(holdings, days, (whose) => whose === holder);
};

const holderOn = (holdings: Holdings<string>, on: Day): string | undefined => holdings.find((held) => covers(held, on))?.holder;

/** The rule itself, day by day. */
const expectedOn = (steps: readonly Step[], on: Day): string | undefined =>
  steps.reduce<string | undefined>((before, { interval: days, holder, kind }) => {
    if (!covers(days, on)) return before;
    if (kind === 'assign') return holder;
    return kind === 'release' || before === holder ? undefined : before;
  }, undefined);

const from = (text: string, to: string | null = null): Interval => ({ from: day(text), to: to === null ? null : day(to) });

describe('holding a thing by intervals of days', () => {
  it('gives every day to whom the last step gave it, and changes no other day', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const holdings = steps.reduce(apply, []);
        for (const on of DAYS) expect(holderOn(holdings, on)).toBe(expectedOn(steps, on));
      }),
    );
  });

  it('never has two holders on one day, no empty interval, and no two that could be one', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const holdings = steps.reduce(apply, []);
        for (const on of DAYS) expect(holdings.filter((held) => covers(held, on)).length).toBeLessThanOrEqual(1);
        expect(holdings.some(isEmpty)).toBe(false);
        holdings.slice(1).forEach((held, index) => {
          const before = holdings[index];
          expect((before?.to ?? '~') <= (held.from ?? '')).toBe(true);
          expect(before?.to === held.from && before?.holder === held.holder).toBe(false);
        });
      }),
    );
  });

  it('finds the days of both and the days that are left', () => {
    fc.assert(
      fc.property(interval, fc.array(interval, { maxLength: 4 }), (days, taken) => {
        const left = without(days, taken);
        for (const on of DAYS) {
          const inTaken = taken.some((cut) => covers(cut, on));
          expect(left.some((rest) => covers(rest, on))).toBe(covers(days, on) && !inTaken);
          const common = taken.map((cut) => intersection(days, cut));
          expect(common.some((part) => part !== undefined && covers(part, on))).toBe(covers(days, on) && inTaken);
        }
      }),
    );
  });

  it('ends the former holding on the day on which the next begins', () => {
    const first = assign<string>([], { from: null, to: null }, 'first');
    expect(assign(first, from('2026-01-16'), 'second')).toEqual([
      { from: null, to: '2026-01-16', holder: 'first' },
      { from: '2026-01-16', to: null, holder: 'second' },
    ]);
  });

  it('keeps what holds behind an interval that ends', () => {
    const all = assign<string>([], { from: null, to: null }, 'first');
    expect(assign(all, from('2026-02-01', '2026-03-01'), 'guest').map(({ holder }) => holder)).toEqual([
      'first',
      'guest',
      'first',
    ]);
  });
});
