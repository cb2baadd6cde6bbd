import { describe, expect, it } from '@jest/globals';
import { type Condition } from '#libs/published/contract-terms';
import { conditionKey, matchesCondition, scopeTest } from './condition.ts';

const service: Condition = { letter: 'A', dimension: 'ServiceName', values: ['AWS Support*', 'Lambda'] };
const type: Condition = { letter: 'B', dimension: 'x_LineItemType', values: ['Fee'] };

describe('a condition', () => {
  it('matches when any of its values does', () => {
    expect(matchesCondition(service.values, 'aws support (Business)')).toBe(true);
    expect(matchesCondition(service.values, 'lambda')).toBe(true);
    expect(matchesCondition(service.values, 'EC2')).toBe(false);
  });
  it('takes a null column or an absent tag as the empty text, which only a star matches', () => {
    expect(matchesCondition(['*'], '')).toBe(true);
    expect(matchesCondition([' * '], '')).toBe(true);
    expect(matchesCondition([''], '')).toBe(false);
    expect(matchesCondition(['a*', '*a'], '')).toBe(false);
    expect(matchesCondition([], '')).toBe(false);
  });
  it('has one key for one question', () => {
    expect(conditionKey({ dimension: 'ServiceName', values: ['lambda', 'AWS Support *'] })).toBe(conditionKey(service));
    expect(conditionKey({ ...service, dimension: 'SkuId' })).not.toBe(conditionKey(service));
  });
});

describe('a scope', () => {
  const holdsFor = (formula: string | null, ...isTrue: readonly Condition[]): boolean =>
    scopeTest({ conditions: [service, type], formula })((condition) => isTrue.includes(condition));

  it('needs all conditions without a formula', () => {
    expect(holdsFor(null, service, type)).toBe(true);
    expect(holdsFor(null, service)).toBe(false);
  });
  it('follows its formula', () => {
    expect(holdsFor('A OR B', type)).toBe(true);
    expect(holdsFor('A AND NOT B', service)).toBe(true);
  });
  it('holds for every line without conditions', () => {
    expect(scopeTest({ conditions: [], formula: null })(() => false)).toBe(true);
  });
});
