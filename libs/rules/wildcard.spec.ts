import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { matchesWildcard } from './wildcard.ts';

describe('matching a name against a pattern', () => {
  it.each([
    ['*SP*', 'PRODSP1'],
    ['* SP*', 'PRODSP1'],
    ['SP', 'sp'],
    ['*', ''],
    ['*', 'anything'],
    ['* * *', 'anything'],
    ['a*a', 'aa'],
    ['Amazon * Cloud', 'AmazonElasticCloud'],
    ['*.m5.*', 'BoxUsage:m5.large.m5.x'],
  ])('%s matches %s', (pattern, text) => {
    expect(matchesWildcard(pattern, text)).toBe(true);
  });

  it.each([
    ['SP', 'PRODSP1'],
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['a.c', 'abc'],
    ['[a-z]+', 'abc'],
    ['*ab*ab', 'ab'],
    ['a b', 'ab'],
  ])('%s does not match %s', (pattern, text) => {
    expect(matchesWildcard(pattern, text)).toBe(false);
  });

  it('agrees with a regular expression on every pattern', () => {
    const symbols = fc.array(fc.constantFrom('a', 'b', '*', '.', 'A'), { maxLength: 7 }).map((all) => all.join(''));
    const texts = fc.array(fc.constantFrom('a', 'b', '.', 'B'), { maxLength: 9 }).map((all) => all.join(''));
    fc.assert(
      fc.property(symbols, texts, (pattern, text) => {
        const source = pattern
          .split('*')
          .map((piece) => piece.replaceAll('.', '\\.'))
          .join('[^]*');
        expect(matchesWildcard(pattern, text)).toBe(new RegExp(`^${source}$`, 'i').test(text));
      }),
    );
  });

  it('does not backtrack', () => {
    expect(matchesWildcard(`${'a*'.repeat(200)}b`, 'a'.repeat(20_000))).toBe(false);
  });
});
