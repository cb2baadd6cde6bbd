import { describe, expect, it } from '@jest/globals';
import { CHECKS, type Run, show } from './checks.ts';

/** A check that ends with these exit codes. */
const ending =
  (green: number, sabotaged: number): Run =>
  (_, guard) =>
    Promise.resolve({ exitCode: guard === undefined ? green : sabotaged, output: '', seconds: 0 });

const check = { guard: 'float', what: 'a check', command: [] };

describe('a check under sabotage', () => {
  it('holds when it is green and turns red', async () => {
    expect((await show(check, ending(0, 1))).holds).toBe(true);
  });

  it('does not hold when it stays green, or was red before', async () => {
    expect((await show(check, ending(0, 0))).holds).toBe(false);
    expect((await show(check, ending(1, 1))).holds).toBe(false);
  });

  it('is there for every guard that can be switched off', () => {
    expect([...new Set(CHECKS.map(({ guard }) => guard))]).toEqual([
      'float',
      'tenant-filter',
      'revocation',
      'ack-before-commit',
      'revision-check',
      'late-fold',
    ]);
  });
});
