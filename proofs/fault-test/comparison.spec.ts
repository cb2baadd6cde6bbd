import { describe, expect, it } from '@jest/globals';
import { differencesOf, timeless } from './comparison.ts';

describe('what is compared of an answer', () => {
  it('leaves out when things happened and how often they were tried', () => {
    const answer = { at: '2026-11-22T23:36:02.123Z', revision: 3, progress: { rowsPerSecond: 17.5, rows: 4 } };
    expect(timeless(JSON.stringify(answer))).toBe(
      '{"at":"an instant","revision":null,"progress":{"rowsPerSecond":null,"rows":4}}',
    );
  });

  it('keeps days, amounts, texts and the order of everything', () => {
    const answer = { to: '2026-01-31', from: '2026-01-01', amount: '0.10', revision: 'third', items: [2, 1] };
    expect(timeless(JSON.stringify(answer))).toBe(JSON.stringify(answer));
  });
});

describe('two sets of answers', () => {
  const reference = new Map([
    ['/bill', '{"net":"1.10"}'],
    ['/lines', '[]'],
  ]);

  it('are the same when every byte is', () => {
    expect(differencesOf(reference, new Map(reference))).toEqual([]);
  });

  it('differ by what is missing, what is new and what is said otherwise', () => {
    const found = new Map([
      ['/bill', '{"net":"1.11"}'],
      ['/users', '[]'],
    ]);
    expect(differencesOf(reference, found)).toEqual([
      '/bill: …{"net":"1.10"}… and …{"net":"1.11"}…',
      '/lines is missing',
      '/users is there and should not be',
    ]);
  });
});
