import { type Scalar } from '../read-model.ts';

/**
 * The copy of a row that filters and sorts look at. The row itself is kept as text, to the byte; this copy is made so that every
 * server answers as the embedded adapter does.
 * - Texts compare by code points, whether a server compares UTF-8 or UTF-16 (see `comparable`).
 * - True and false are 1 and 0, beside the list of paths where they stand.
 * - Arrays stand one level deeper, so that a comparison of the field never means one of the elements, and hold scalars only.
 * - What no path can name (`usd.de`, `$set`) is left out.
 */
export type Queryable = { [segment: string]: Scalar | Queryable | Elements };
type Elements = { [ELEMENTS]: Scalar[] };

/** No segment of a path can be called so. */
export const ELEMENTS = '[]';

const SEGMENT = /^[A-Za-z_]\w*$/;

/** The last plain character below the surrogates begins a character that is written as three. */
const WIDE = 0xd7fe;
const WIDE_MARK = String.fromCharCode(WIDE);
const NEEDS_CARE = /[\ud7fe-\uffff]/;
const FIRST = 0x20;

/** A text that is ordered by code points in UTF-8 and in UTF-16 alike; nearly all texts are so already. */
export const comparable = (text: string): string => {
  if (!NEEDS_CARE.test(text)) return text;
  let written = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    written +=
      code < WIDE
        ? character
        : WIDE_MARK + String.fromCharCode(FIRST + (code >> 12)) + String.fromCharCode(FIRST + (code & 0xfff));
  }
  return written;
};

/** The text that `comparable` was given. */
export const originalOf = (written: string): string => {
  if (!written.includes(WIDE_MARK)) return written;
  let text = '';
  for (let at = 0; at < written.length; at++) {
    if (written.charCodeAt(at) === WIDE) {
      text += String.fromCodePoint(((written.charCodeAt(at + 1) - FIRST) << 12) | (written.charCodeAt(at + 2) - FIRST));
      at += 2;
    } else text += written.charAt(at);
  }
  return text;
};

/** How a scalar stands in the copy. @throws TypeError for anything else: a filter may come from a caller. */
export const comparableScalar = (value: unknown): Exclude<Scalar, boolean> => {
  if (value === null || typeof value === 'number') return value;
  if (typeof value === 'string') return comparable(value);
  if (typeof value === 'boolean') return Number(value);
  throw new TypeError('Rows are compared with texts, numbers, true, false and null only.');
};

/** `booleans`: the paths at which true or false stands. */
export const queryableOf = (row: string): Readonly<{ copy: Queryable; booleans: readonly string[] }> => {
  const booleans: string[] = [];
  return { copy: copyOf(JSON.parse(row) as object, '', booleans), booleans };
};

const copyOf = (row: object, prefix: string, booleans: string[]): Queryable => {
  const copy: Queryable = {};
  for (const [segment, value] of Object.entries(row) as [string, unknown][]) {
    // "__proto__" would be set, not written.
    if (!SEGMENT.test(segment) || segment === '__proto__') continue;
    if (typeof value === 'boolean') booleans.push(prefix + segment);
    if (Array.isArray(value))
      copy[segment] = { [ELEMENTS]: value.filter((one) => one === null || typeof one !== 'object').map(comparableScalar) };
    else if (typeof value === 'object' && value !== null) copy[segment] = copyOf(value, `${prefix}${segment}.`, booleans);
    else copy[segment] = comparableScalar(value);
  }
  return copy;
};
