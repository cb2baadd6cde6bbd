/** Beyond so many characters the text itself decides: a few letters are written as many, and cursors carry these keys. */
const COMPARED = 200;

/** What Latin, Greek and Cyrillic letters carry. In other scripts marks are letters of their own. */
const DIACRITICS = /[\u0300-\u036f]/g;

/** Letters whose stroke or bond Unicode does not take apart, and the sigma that ends a word. */
const UNDIVIDED: Readonly<Record<string, string>> = { ø: 'o', đ: 'd', ħ: 'h', ł: 'l', ŧ: 't', æ: 'ae', œ: 'oe', ς: 'σ' };

/** Lower than whatever stands in a name, so that a name comes before those that begin with it. */
const END = '\u0001';

/** As many letters as are compared, without regard to case and diacritics. */
const lettersOf = (text: string): string => {
  const letters = text
    .normalize('NFKD')
    // By way of the upper case of small letters, where ß is SS and ı is I; its letters may come apart again.
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(DIACRITICS, '')
    .replaceAll(/[øđħłŧæœς]/g, (letter) => UNDIVIDED[letter] ?? letter);
  return letters.length > COMPARED ? [...letters].slice(0, COMPARED).join('') : letters;
};

/**
 * By what rows are sorted for people to look up a text: one alphabet without regard to case and diacritics, the text itself only where
 * these are all that differs. A row holds it beside the text, and lists sort by it; compared by code points, as every store does, since
 * the collations of two engines never agree.
 */
export const alphabetical = (text: string): string => lettersOf(text) + END + text;

/**
 * What the keys of those texts contain that hold this part: a search finds what the alphabet takes as equal, among the letters that
 * are compared. A part without letters (marks, blanks) would be in every key: it is looked for as it stands, in the text itself.
 */
export const alphabeticalPart = (part: string): string => {
  const letters = lettersOf(part);
  return letters.trim() === '' ? part : letters;
};
