import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addDays,
  day,
  dayOf,
  daysBetween,
  daysIn,
  firstDay,
  type Instant,
  isDay,
  isMonth,
  lastDay,
  month,
  monthOf,
  nextMonth,
  startOf,
  systemClock,
} from './time.ts';

const anyDay = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9990-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => day(date.toISOString().slice(0, 10)));

describe('a day', () => {
  it.each(['2024-02-29', '2000-02-29', '2025-12-31', '0001-01-01', '9998-12-31'])('is %s', (text) => {
    expect(isDay(text)).toBe(true);
  });

  it.each([
    '2025-02-29',
    '9999-12-31',
    '1900-02-29',
    '2025-04-31',
    '2025-13-01',
    '2025-00-10',
    '2025-01-00',
    '2025-1-1',
    '20250101',
    '2025-01-01T00:00',
    ' 2025-01-01',
    '2025-01-01\n',
    '+002025-01-01',
    '',
  ])('is not %j', (text) => {
    expect(isDay(text)).toBe(false);
    expect(() => day(text)).toThrow(`"${text}" is not a day (YYYY-MM-DD)`);
  });

  it('moves and measures without regard to clocks', () => {
    fc.assert(
      fc.property(anyDay, fc.integer({ min: -3_000, max: 3_000 }), (from, count) => {
        fc.pre(from > '0010' && from < '9980');
        const to = addDays(from, count);
        expect(isDay(to)).toBe(true);
        expect(daysBetween(from, to)).toBe(count);
        expect(from < to).toBe(count > 0);
      }),
    );
  });

  it('begins at midnight UTC and ends with the next', () => {
    expect(startOf(day('2025-03-30'))).toBe('2025-03-30T00:00:00.000Z');
    expect(dayOf('2025-03-30T23:59:59.999Z' as Instant)).toBe('2025-03-30');
  });
});

describe('the last day there is', () => {
  it('is followed by a day that sorts after it, for an end that is exclusive', () => {
    expect(addDays(day('9998-12-31'), 1)).toBe('9999-01-01');
    expect(lastDay(month('9998-12'))).toBe('9998-12-31');
    expect(isMonth('9999-01')).toBe(false);
  });
});

describe('a month', () => {
  it('is a year and a month', () => {
    expect(['2025-01', '2025-12'].every(isMonth)).toBe(true);
    expect(['2025-13', '2025-00', '2025-1', '2025', '2025-01-01', '2025-01\n'].some(isMonth)).toBe(false);
    expect(() => month('2025-13')).toThrow('"2025-13" is not a month (YYYY-MM)');
  });

  it.each([
    ['2024-02', 29, '2024-03'],
    ['2025-02', 28, '2025-03'],
    ['2025-04', 30, '2025-05'],
    ['2025-12', 31, '2026-01'],
  ])('%s has %i days and is followed by %s', (text, days, next) => {
    expect(daysIn(month(text))).toBe(days);
    expect(nextMonth(month(text))).toBe(next);
    expect(lastDay(month(text))).toBe(`${text}-${String(days)}`);
  });

  it('is made of the days from its first to its last', () => {
    fc.assert(
      fc.property(anyDay, (of) => {
        const within = monthOf(of);
        expect(firstDay(within) <= of && of <= lastDay(within)).toBe(true);
        expect(addDays(lastDay(within), 1)).toBe(firstDay(nextMonth(within)));
        expect(daysBetween(firstDay(within), lastDay(within)) + 1).toBe(daysIn(within));
      }),
    );
  });
});

describe('the system clock', () => {
  it('tells instants that compare as text', () => {
    const [earlier, later] = [systemClock.now(), systemClock.now()];
    expect(earlier).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(earlier <= later).toBe(true);
  });
});
