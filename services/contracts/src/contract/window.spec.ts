import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type AccountScope } from '#libs/published/contract-terms';
import { type ManagementAccountId } from '#libs/published/ids';
import { addDays, day, type Day, daysBetween } from '#libs/time/time';
import { claimedWindow, type Covering, lastCoveredDay, nextTermEnd, overlap } from './window.ts';

const contract = (
  start: string,
  end: string | null,
  rest: Partial<Omit<Covering, 'terms'>> & Readonly<{ auto?: boolean; scope?: readonly string[] }> = {},
): Covering => {
  const { auto = false, scope, ...covering } = rest;
  return {
    marked: true,
    agreedEnd: end === null ? null : day(end),
    endedOn: null,
    ...covering,
    terms: {
      start: day(start),
      end: end === null ? null : day(end),
      renewalPolicy: auto ? 'auto-renewal' : 'fixed-term',
      managementAccounts: scope ? (scope as readonly ManagementAccountId[]) : 'all',
    },
  };
};

describe('the days that a contract claims', () => {
  it('run from its start to its end, both included', () => {
    expect(claimedWindow(contract('2026-01-16', '2026-01-31'))).toEqual({ from: '2026-01-16', to: '2026-01-31' });
  });
  it('are none before it was marked ready', () => {
    expect(claimedWindow(contract('2026-01-16', null, { marked: false }))).toBeUndefined();
  });
  it('end the day before a cancellation takes effect', () => {
    expect(claimedWindow(contract('2026-01-16', null, { endedOn: day('2026-02-01') }))).toEqual({
      from: '2026-01-16',
      to: '2026-01-31',
    });
  });
  it('are none when it was cancelled from its start on', () => {
    expect(claimedWindow(contract('2026-01-16', null, { endedOn: day('2026-01-16') }))).toBeUndefined();
  });
});

describe('the overlap of two contracts', () => {
  const days = fc.integer({ min: 0, max: 20 }).map((count) => addDays(day('2026-01-20'), count));
  const scopes: fc.Arbitrary<AccountScope> = fc.oneof(
    fc.constant('all' as const),
    fc.subarray(['1', '2', '3'], { minLength: 1 }).map((some) => some as unknown as readonly ManagementAccountId[]),
  );
  const windows = fc.record({ start: days, end: fc.option(days), endedOn: fc.option(days), scope: scopes });
  type Sample = Readonly<{ start: Day; end: Day | null; endedOn: Day | null; scope: AccountScope }>;
  const covers = ({ start, end, endedOn, scope }: Sample, on: Day, account: string): boolean =>
    start <= on &&
    (end === null || on <= end) &&
    (endedOn === null || on < endedOn) &&
    (scope === 'all' || scope.some((one) => one === account));
  const covering = ({ start, end, endedOn, scope }: Sample): Covering => ({
    marked: true,
    agreedEnd: end,
    endedOn,
    terms: { start, end, renewalPolicy: 'fixed-term', managementAccounts: scope },
  });

  it('is there exactly when some account and day is covered by both', () => {
    fc.assert(
      fc.property(windows, windows, (a, b) => {
        const both = Array.from({ length: 60 }, (_, count) => addDays(day('2026-01-10'), count)).some((on) =>
          ['1', '2', '3'].some((account) => covers(a, on, account) && covers(b, on, account)),
        );
        expect(overlap(covering(a), covering(b)) !== undefined).toBe(both);
        expect(overlap(covering(b), covering(a))).toEqual(overlap(covering(a), covering(b)));
      }),
    );
  });
});

describe('the last day of a contract', () => {
  const year = contract('2026-01-01', '2026-12-31', { auto: true });

  it('is its end without automatic renewal, whatever comes after', () => {
    expect(lastCoveredDay(contract('2026-01-01', '2026-12-31'), [contract('2027-02-01', null)])).toBe('2026-12-31');
  });
  it('does not come with automatic renewal and no successor', () => {
    expect(lastCoveredDay(year, [])).toBeNull();
  });
  it('is the day before the first successor for all accounts', () => {
    expect(lastCoveredDay(year, [contract('2028-01-01', null), contract('2027-02-01', '2027-02-28')])).toBe('2027-01-31');
  });
  it('does not come when a successor takes some accounts of all', () => {
    expect(lastCoveredDay(year, [contract('2027-02-01', null, { scope: ['1'] })])).toBeNull();
  });
  it('is the day before the last of its accounts has a successor', () => {
    const two = contract('2026-01-01', '2026-12-31', { auto: true, scope: ['1', '2'] });
    const successors = [contract('2027-02-01', null, { scope: ['1'] }), contract('2027-05-01', null, { scope: ['2', '3'] })];
    expect(lastCoveredDay(two, successors)).toBe('2027-04-30');
    expect(lastCoveredDay(two, successors.slice(0, 1))).toBeNull();
  });
  it('does not come by a successor that was cancelled before it covered a day', () => {
    expect(lastCoveredDay(year, [contract('2027-02-01', null, { endedOn: day('2027-02-01') })])).toBeNull();
  });
});

describe('the end of the next term', () => {
  it.each([
    ['2026-01-01', '2026-12-31', '2026-12-31', '2027-12-31'],
    ['2026-01-01', '2026-12-31', '2027-12-31', '2028-12-31'],
    ['2024-02-29', '2025-02-27', '2025-02-27', '2026-02-27'],
    ['2026-02-01', '2026-02-28', '2026-02-28', '2026-03-31'],
    ['2026-01-31', '2026-02-27', '2026-02-27', '2026-03-30'],
    ['2026-01-01', '2026-01-28', '2026-01-28', '2026-02-25'],
    ['2026-01-01', '2026-01-28', '2026-02-10', '2026-02-25'],
  ])('%s to %s, after %s: %s', (start, agreed, after, next) => {
    expect(nextTermEnd(day(start), day(agreed), day(after))).toBe(next);
  });
  it('is the first of the terms, counted one by one from the start, that ends later', () => {
    const start = fc.integer({ min: 0, max: 1_000 }).map((count) => addDays(day('2024-01-01'), count));
    fc.assert(
      fc.property(start, fc.integer({ min: 28, max: 800 }), fc.integer({ min: 0, max: 4_000 }), (from, length, beyond) => {
        const agreed = addDays(from, length - 1);
        const after = addDays(agreed, beyond);
        let end = agreed;
        while (end <= after) {
          const next = nextTermEnd(from, agreed, end);
          // Whole months differ by at most three days a month, so no term is skipped or repeated.
          expect(Math.abs(daysBetween(end, next) - length)).toBeLessThanOrEqual(3 * Math.ceil(length / 28));
          end = next;
        }
        expect(nextTermEnd(from, agreed, after)).toBe(end);
      }),
      { numRuns: 50 },
    );
  });
});
