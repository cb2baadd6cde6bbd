import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { comparable, comparableScalar, originalOf, queryableOf } from './queryable.ts';

const texts = fc.string({
  unit: fc.oneof(
    fc.constantFrom('a', 'é', '\ud7fd', '\ud7fe', '\ud7ff', '\ue000', '\uffee', '🚢', '\u{10ffff}', '\u0000'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});
const sign = (order: number): number => Math.sign(order);

describe('a comparable text', () => {
  it('is ordered by code points as UTF-16 and as UTF-8', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const expected = sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const [left, right] = [comparable(a), comparable(b)];
        expect(left < right ? -1 : left > right ? 1 : 0).toBe(expected);
        expect(sign(Buffer.compare(Buffer.from(left), Buffer.from(right)))).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives the text back', () => {
    fc.assert(fc.property(texts, (text) => originalOf(comparable(text)) === text));
  });

  it('is nearly always the text itself', () => {
    expect(comparable('Łódź "x" \n 1.10')).toBe('Łódź "x" \n 1.10');
  });
});

describe('the copy that is queried', () => {
  it('holds what paths can name, arrays a level deeper, and tells where true and false were', () => {
    const row = { id: 'a', on: true, detail: { off: false, 'a.b': 1 }, list: ['x', true, { y: 1 }, null], $set: 1, none: null };
    expect(queryableOf(JSON.stringify(row))).toEqual({
      copy: { id: 'a', on: 1, detail: { off: 0 }, list: { '[]': ['x', 1, null] }, none: null },
      booleans: ['on', 'detail.off'],
    });
  });

  it('compares with scalars only', () => {
    expect(() => comparableScalar({ $ne: null })).toThrow(TypeError);
  });
});
