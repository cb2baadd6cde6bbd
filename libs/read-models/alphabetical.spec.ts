import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { alphabetical, alphabeticalPart } from './alphabetical.ts';

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

  it('has one sigma, wherever in a word', () => {
    expect(sorted('ΟΔΟΣΑ', 'οδός', 'ΟΔΟΣ Β')).toEqual(['οδός', 'ΟΔΟΣ Β', 'ΟΔΟΣΑ']);
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
        expect(lettersOf(name.toLowerCase())).toBe(lettersOf(name));
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

describe('a search by part of a name', () => {
  const finds = (part: string, name: string): boolean => alphabetical(name).includes(alphabeticalPart(part));

  it.each([
    ['ARGER', 'Ärger & Söhne'],
    ['a\u0308rger', '\u00c4rger'],
    ['\u00e4rger', 'A\u0308RGER'],
    ['isik', 'IŞIK'],
    ['ışık', 'Isik'],
    ['strasse', 'Hauptstraße 1'],
    ['STRAẞE', 'Hauptstrasse 1'],
    ['ΟΔΟΣ', 'οδοσα'],
    ['οδός', 'ΟΔΟΣΑ'],
    ['oresund', 'Øresund'],
    ['Æsir', 'aesir'],
    ['office', 'O\ufb03ce'],
  ])('finds by "%s" the name "%s"', (part, name) => {
    expect(finds(part, name)).toBe(true);
  });

  it('finds nobody by letters that are not there', () => {
    expect(finds('Ärger', 'Burger')).toBe(false);
    expect(finds('b', 'Acme')).toBe(false);
  });

  it('looks for marks and blanks alone as they stand, where the alphabet knows no such letter', () => {
    for (const part of ['\u0301', '\u00b4', '\u00a8']) {
      expect(finds(part, 'Acme West')).toBe(false);
      expect(finds(part, `Acme ${part} West`)).toBe(true);
    }
  });

  it('finds a name by whatever part of it, in whatever case and normal form', () => {
    const letters = fc.array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 1 }), fc.constantFrom(...'ΣσςßẞıIİéÄ﷼한 ')), {
      minLength: 1,
      maxLength: 10,
    });
    const written = fc.constantFrom(
      (text: string) => text,
      (text: string) => text.toUpperCase(),
      (text: string) => text.normalize('NFC'),
      (text: string) => text.normalize('NFD'),
      (text: string) => text.normalize('NFKC'),
    );
    fc.assert(
      fc.property(letters, fc.nat(10), fc.nat(10), written, (name, from, count, write) => {
        const part = write(name.slice(from, from + count + 1).join('')).trim();
        fc.pre(/\p{L}/u.test(part));
        expect(finds(part, name.join(''))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds a name of the longest by the whole of it', () => {
    for (const name of ['ﷺ'.repeat(200), 'ß'.repeat(200), '한'.repeat(200)]) expect(finds(name, name)).toBe(true);
  });
});
