/** Beyond so many characters the text itself decides: a few letters are written as many, and cursors carry these keys. */
const COMPARED = 200;

/** What Latin, Greek and Cyrillic letters carry. In other scripts marks are letters of their own. */
const DIACRITICS = /[\u0300-\u036f]/g;

/** Letters whose stroke or bond Unicode does not take apart. */
const UNDIVIDED: Readonly<Record<string, string>> = { ø: 'o', đ: 'd', ħ: 'h', ł: 'l', ŧ: 't', æ: 'ae', œ: 'oe' };

/** Lower than whatever stands in a name, so that a name comes before those that begin with it. */
const END = '\u0001';

/**
 * By what rows are sorted for people to look up a text: one alphabet without regard to case and diacritics, the text itself only where
 * these are all that differs. A row holds it beside the text, and lists sort by it; compared by code points, as every store does, since
 * the collations of two engines never agree.
 */
export const alphabetical = (text: string): string => {
  // By way of the upper case, where ß is SS and there is but one sigma; its letters may come apart again.
  const letters = text
    .normalize('NFKD')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(DIACRITICS, '')
    .replaceAll(/[øđħłŧæœ]/g, (letter) => UNDIVIDED[letter] ?? letter);
  return (letters.length > COMPARED ? [...letters].slice(0, COMPARED).join('') : letters) + END + text;
};
