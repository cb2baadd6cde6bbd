import { type Condition, type Scope } from '#libs/published/contract-terms';
import { type Formula, holds, parseFormula } from './formula.ts';
import { wildcard, wildcardPieces } from './wildcard.ts';

/** Whether a value is nothing but stars and blanks: the only one that the empty text (a null column, an absent tag) matches. */
export const matchesEverything = (value: string): boolean => {
  const pieces = wildcardPieces(value);
  return pieces.length > 1 && pieces.every((piece) => piece === '');
};

/** A predicate over the text of the condition's dimension; null columns and absent tags are ''. Any value matches. */
export const conditionTest = (values: readonly string[]): ((text: string) => boolean) => {
  const matchesEmpty = values.some(matchesEverything);
  const tests = values.map(wildcard);
  return (text) => (text === '' ? matchesEmpty : tests.some((test) => test(text)));
};

/** Whether any of the values matches the text; see `conditionTest`. */
export const matchesCondition = (values: readonly string[], text: string): boolean => conditionTest(values)(text);

/** The values as they are compared, each once, in one order: any case, without blanks beside stars. */
export const askedValues = ({ values }: Pick<Condition, 'values'>): readonly string[] =>
  [...new Set(values.map((value) => wildcardPieces(value).join('*')))].sort();

/** Names what a condition asks, whatever its letter and the order of its values: the same question has the same key. */
export const conditionKey = (condition: Pick<Condition, 'dimension' | 'values'>): string =>
  JSON.stringify([condition.dimension, ...askedValues(condition)]);

/** The formula that combines the conditions; without one all must match. @throws DomainError `invalid-formula`. */
const formulaOf = ({ conditions, formula }: Scope): Formula =>
  formula === null
    ? { type: 'and', operands: conditions.map(({ letter }) => ({ type: 'letter', letter })) }
    : parseFormula(
        formula,
        conditions.map(({ letter }) => letter),
      );

/**
 * A predicate for a scope, given how to find the truth of one condition. A scope without conditions holds for every line.
 * @throws DomainError `invalid-formula`.
 */
export const scopeTest = (scope: Scope): ((isTrue: (condition: Condition) => boolean) => boolean) => {
  if (scope.conditions.length === 0) return () => true;
  const formula = formulaOf(scope);
  const byLetter = new Map(scope.conditions.map((condition) => [condition.letter, condition]));
  return (isTrue) =>
    holds(formula, (letter) => {
      const condition = byLetter.get(letter);
      return condition !== undefined && isTrue(condition);
    });
};
