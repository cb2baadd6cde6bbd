import { describe, expect, it } from '@jest/globals';
import { Random } from '../random.ts';
import { focusFile, totalOf, usageOf } from './delivery.ts';
import { figuresOf, isOneOf } from './expected-figures.ts';

const inputs = { usage: { first: 1_000, second: 2_000, moving: 500, loose: 100 }, version: 100, movingIsWith: 'first' } as const;

describe('the figures that a delivery, a version and a move give', () => {
  it('bill the source to the distributor, list to the reseller, and the discounted part to the first customer', () => {
    // Version 100 takes 7 % off.
    expect(figuresOf('distributor', inputs)).toEqual({ billed: '3600', resold: '3500', margin: '-100', unassigned: '100' });
    expect(figuresOf('reseller', inputs)).toEqual({ billed: '3500', resold: '3395', margin: '-105', unassigned: '0' });
    expect(figuresOf('first', inputs)).toEqual({ billed: '1395', resold: null, margin: null, unassigned: '0' });
    expect(figuresOf('second', { ...inputs, movingIsWith: 'second' })).toMatchObject({ billed: '2500' });
  });

  it('are met to the last digit or not at all', () => {
    const seen = figuresOf('first', inputs);
    expect(isOneOf(seen, 'first', [{ ...inputs, version: 99 }, inputs])).toBe(true);
    expect(isOneOf({ ...seen, billed: '1395.0001' }, 'first', [inputs])).toBe(false);
    expect(isOneOf(seen, 'first', [{ ...inputs, version: 99 }])).toBe(false);
  });

  it('differ from delivery to delivery, for every customer', () => {
    for (const role of ['distributor', 'reseller', 'first', 'second'] as const) {
      const billed = Array.from({ length: 200 }, (_, n) => figuresOf(role, { ...inputs, usage: usageOf(n + 1) }).billed);
      expect(new Set(billed).size).toBe(200);
    }
  });
});

describe('a delivered file', () => {
  it('adds up to its usage', () => {
    const usage = usageOf(5);
    const [header, ...lines] = focusFile(usage, { managementAccountId: 'm', month: '2026-01' }, new Random(1)).trim().split('\n');
    expect(header).toMatch(/^BilledCost,/);
    expect(lines.reduce((sum, line) => sum + Number(line.split(',', 1)[0]), 0)).toBe(totalOf(usage));
  });
});
