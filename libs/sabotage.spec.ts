import { afterEach, describe, expect, it } from '@jest/globals';
import { sabotaged } from './sabotage.ts';

const before = { ...process.env };
afterEach(() => {
  process.env['NODE_ENV'] = before['NODE_ENV'];
  delete process.env['SABOTAGE'];
});

describe('a sabotaged guard', () => {
  it('is one that a test names', () => {
    expect(sabotaged('revision-check')).toBe(false);
    process.env['SABOTAGE'] = 'other,revision-check';
    expect([sabotaged('revision-check'), sabotaged('other'), sabotaged('revision')]).toEqual([true, true, false]);
  });

  it('never is one outside tests', () => {
    process.env['SABOTAGE'] = 'revision-check';
    process.env['NODE_ENV'] = 'production';
    expect(sabotaged('revision-check')).toBe(false);
  });
});
