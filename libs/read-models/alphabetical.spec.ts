import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { alphabetical } from './alphabetical.ts';

const sorted = (...names: readonly string[]): readonly string[] =>
  names.toSorted((a, b) => (alphabetical(a) < alphabetical(b) ? -1 : 1));
const lettersOf = (name: string): string => alphabetical(name).slice(0, -name.length - 1);

/** What a name of any script consists of. */
const NAME = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });

describe('the alphabet of lists', () => {
  it('is one, whatever the case and the diacritics', () => {
    expect(sorted('Zeta', 'alpha', 'Beta', 'Ärger', 'arg', 'Östlich', 'orange', 'Øresund', 'Łódź', 'Lund', 'Mies')).toEqual([
      ...['alpha', 'arg', 'Ärger', 'Beta', 'Łódź', 'Lund', 'Mies', 'orange', 'Øresund', 'Östlich', 'Zeta'],
    ]);
  });

  it('takes letters as one that are written in two ways', () => {
    expect(lettersOf('Straße')).toBe(lettersOf('STRASSE'));
    expect(lettersOf('e\u0301')).toBe(lettersOf('\u00e9'));
    expect(lettersOf('ΟΔΟΣ')).toBe(lettersOf('οδος'));
    expect(lettersOf('Ａcme')).toBe(lettersOf('acme'));
  });

  it('has a name before those that begin with it', () => {
    expect(sorted('Acme West', 'acme-2', 'ACME')).toEqual(['ACME', 'Acme West', 'acme-2']);
  });

  it('leaves the marks of other scripts, which are vowels there', () => {
    expect(lettersOf('कि')).not.toBe(lettersOf('क'));
  });

  it('has the same place for a name in upper case and in whatever normal form, next to itself', () => {
    fc.assert(
      fc.property(NAME, fc.constantFrom('NFC', 'NFD', 'NFKC', 'NFKD'), (name, form) => {
        expect(lettersOf(name.normalize(form))).toBe(lettersOf(name));
        expect(lettersOf(name.toUpperCase())).toBe(lettersOf(name));
      }),
      { numRuns: 1000 },
    );
  });

  it('has the same place for a name with diacritics on any of its Latin letters', () => {
    const accented = fc.tuple(fc.constantFrom(...'abcxyzABCXYZ'), fc.constantFrom('', '\u0301', '\u0308', '\u0327'));
    fc.assert(
      fc.property(fc.array(accented), (letters) => {
        const name = letters.map(([letter, mark]) => (letter + mark).normalize('NFC')).join('');
        expect(lettersOf(name)).toBe(letters.map(([letter]) => letter.toLowerCase()).join(''));
      }),
    );
  });

  it('has one key a name, and a name a key, so that no two names ever change places', () => {
    fc.assert(
      fc.property(NAME, NAME, (one, other) => {
        expect(alphabetical(one) === alphabetical(other)).toBe(one === other);
      }),
    );
  });

  it('stays short, also where a letter is written as many', () => {
    expect([...alphabetical('ﷺ'.repeat(200))].length).toBeLessThanOrEqual(401);
    // No half of a character.
    expect(alphabetical('😀'.repeat(300))).not.toMatch(/\p{Cs}/u);
  });
});
