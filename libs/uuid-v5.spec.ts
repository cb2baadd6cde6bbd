import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { v5 } from 'uuid';
import { uuidv5 } from './uuid-v5.ts';

describe('an id made of a name', () => {
  it('is what the library makes of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.uuid(), (name, namespace) => {
        expect(uuidv5(name, namespace)).toBe(v5(name, namespace));
      }),
    );
  });
});
