/** What was asked, by path, and what was answered, as text. */
export type Texts = ReadonlyMap<string, string>;

/** What the platform notes itself has milliseconds, what stands in usage has none. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** How fast an import was, and how often a month was rated on the way to what is there in the end. */
const OF_THE_WAY = new Set(['rowsPerSecond', 'revision', 'etag']);

/** JSON without what necessarily differs from one run to the next: the instants of what happened, and the way to it. */
export const timeless = (text: string): string =>
  JSON.stringify(JSON.parse(text), (key, value: unknown) => {
    if (OF_THE_WAY.has(key) && (typeof value === 'number' || value === null)) return null;
    return typeof value === 'string' && INSTANT.test(value) ? 'an instant' : value;
  });

const AROUND = 80;

/** Where two texts part, with what stands around it. */
const partingOf = (left: string, right: string): string => {
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  const shown = (text: string): string => `…${text.slice(Math.max(0, at - AROUND), at + AROUND)}…`;
  return `${shown(left)} and ${shown(right)}`;
};

/** Where two sets of texts are not the same, byte for byte; one line each. */
export const differencesOf = (reference: Texts, found: Texts): readonly string[] =>
  [...new Set([...reference.keys(), ...found.keys()])].sort().flatMap((name) => {
    const [left, right] = [reference.get(name), found.get(name)];
    if (left === right) return [];
    if (left === undefined) return [`${name} is there and should not be`];
    if (right === undefined) return [`${name} is missing`];
    return [`${name}: ${partingOf(left, right)}`];
  });
