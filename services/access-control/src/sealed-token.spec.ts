import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sealed, unsealed } from './sealed-token.ts';

const SECRET = Buffer.alloc(32, 1);
const OTHER = Buffer.alloc(32, 2);

describe('a sealed token', () => {
  it('gives back what it was made of, to whoever has the secret', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.nat()), { maxLength: 6 }), (fields) => {
        expect(unsealed(SECRET, sealed(SECRET, fields))).toEqual(fields);
        expect(unsealed(OTHER, sealed(SECRET, fields))).toBeUndefined();
      }),
    );
  });

  it('is none once a single character is another one', () => {
    const token = sealed(SECRET, ['ada', 1]);
    fc.assert(
      // The last character of the seal holds two bits that say nothing.
      fc.property(fc.nat(token.length - 2), fc.constantFrom(...'AZaz09-_.'), (at, character) => {
        fc.pre(token[at] !== character);
        expect(unsealed(SECRET, token.slice(0, at) + character + token.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  it.each(['', '.', 'x', 'x.y', `${'A'.repeat(5_000)}.${'A'.repeat(43)}`, 'WzFd'])('is not %j', (text) => {
    expect(unsealed(SECRET, text)).toBeUndefined();
  });
});
