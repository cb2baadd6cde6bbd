import { type Scope } from './case.ts';

/** Any case, whole text; `*` is any characters, blanks beside it are ignored; the empty text is matched by `*` only. */
export const valueMatches = (value: string, text: string): boolean => {
  const pattern = value.replace(/ *\* */g, '*').toLowerCase();
  if (text === '') return /^\*+$/.test(pattern);
  const source = [...pattern].map((char) => (char === '*' ? '.*' : char.replace(/[\\^$.|?+()[\]{}/-]/g, '\\$&'))).join('');
  return new RegExp(`^(?:${source})$`, 's').test(text.toLowerCase());
};

/** Evaluates `A OR NOT (B AND C)`: NOT before AND before OR. */
const formulaHolds = (formula: string, truth: (letter: string) => boolean): boolean => {
  const tokens = formula.match(/[()]|[A-Za-z0-9]+/g) ?? [];
  let at = 0;
  const word = (): string => (tokens[at] ?? '').toUpperCase();
  const primary = (): boolean => {
    const first = word();
    at += 1;
    if (first === 'NOT') return !primary();
    if (first !== '(') return truth(first);
    const inner = disjunction();
    at += 1;
    return inner;
  };
  const conjunction = (): boolean => {
    let all = primary();
    while (word() === 'AND') {
      at += 1;
      all = primary() && all;
    }
    return all;
  };
  const disjunction = (): boolean => {
    let any = conjunction();
    while (word() === 'OR') {
      at += 1;
      any = conjunction() || any;
    }
    return any;
  };
  return disjunction();
};

export const scopeMatches = ({ conditions, formula }: Scope, textOf: (dimension: string) => string): boolean => {
  if (conditions.length === 0) return true;
  const truths = new Map(
    conditions.map(({ letter, dimension, values }) => [
      letter.toUpperCase(),
      values.some((value) => valueMatches(value, textOf(dimension))),
    ]),
  );
  return formula === null ? [...truths.values()].every(Boolean) : formulaHolds(formula, (letter) => truths.get(letter) === true);
};
