import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Path } from '../projection.ts';
import { segmentsOf } from '../query.ts';
import { type Condition, type Filter, type Scalar, type Sort } from '../read-model.ts';
import { comparable, comparableScalar, ELEMENTS } from './queryable.ts';

/** What a query asks of a stored document. `operators` marks what is meant as operators, and did not come from a caller. */
export type Conditions = Readonly<Record<string, unknown>>;
export type Operators = (operators: Readonly<Record<string, unknown>>) => unknown;

/** Where a path's value stands in a stored document. @throws TypeError for what is no path */
export const fieldOf = (path: Path): string => (path === 'id' ? '_id' : `copy.${segmentsOf(path).join('.')}`);
export const elementsOf = (path: Path): string => `${fieldOf(path)}.${ELEMENTS}`;

const LONGEST_TEXT = 1_000;

/** For PCRE and for Java: whatever is no letter or digit of ASCII stands for itself once escaped, but a control character. */
const literal = (text: string): string =>
  text.replaceAll(/[^\w\u0080-\uffff]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : `\\${character}`;
  });

/** Each letter stands with its other case, as the embedded adapter has it: servers differ in what they fold. */
const containing = (path: Path, text: string): string => {
  if (text.length > LONGEST_TEXT)
    throw new DomainError(
      'invalid',
      'filter-too-long',
      `"${path}" can be searched for at most ${String(LONGEST_TEXT)} characters.`,
      [{ path, message: `has more than ${String(LONGEST_TEXT)} characters` }],
    );
  const either = (character: string): string => {
    const cases = new Set([character, character.toLowerCase(), character.toUpperCase()].filter((one) => [...one].length === 1));
    const written = [...cases].map((one) => literal(comparable(one)));
    return written.length > 1 ? `(?:${written.join('|')})` : (written[0] ?? '');
  };
  return [...text].map(either).join('');
};

const RANGE = ['gt', 'gte', 'lt', 'lte'] as const;

const holding = (path: Path, condition: Condition, operators: Operators): Conditions => {
  const field = fieldOf(path);
  if (condition === null || typeof condition !== 'object') return { [field]: operators({ $eq: comparableScalar(condition) }) };
  if ('in' in condition) return { [field]: operators({ $in: condition.in.map(comparableScalar) }) };
  if ('notIn' in condition) return { [field]: operators({ $nin: condition.notIn.map(comparableScalar) }) };
  if ('not' in condition) return { [field]: operators({ $ne: comparableScalar(condition.not) }) };
  if ('contains' in condition) return { [field]: operators({ $regex: containing(path, condition.contains) }) };
  if ('has' in condition) return { [elementsOf(path)]: operators({ $elemMatch: { $eq: comparableScalar(condition.has) } }) };
  const bounds = RANGE.flatMap((name) => {
    const bound = condition[name];
    return bound === undefined ? [] : [[`$${name}`, comparableScalar(bound)] as const];
  });
  // A bound is of one type, and the server compares within it.
  return bounds.length > 0 ? { [field]: operators(Object.fromEntries(bounds)) } : {};
};

/** Rows only: a document without one is no row, or no longer. Every query says so, or an index of rows would not be used. */
export const matching = (filter: Filter, operators: Operators): Conditions => {
  const all = Object.entries(filter).map(([path, condition]) => holding(path, condition, operators));
  return { shown: true, ...(all.length > 0 ? { $and: all } : {}) };
};

export const sortOf = (order: Sort): Record<string, 1 | -1> =>
  Object.fromEntries(order.map(({ by, direction }) => [fieldOf(by), direction === 'ascending' ? 1 : -1] as const));

/**
 * Where the rows after these sort values stand, as ranges to be read one after the other: each is one run of an index. Nothing (null
 * or absent) comes before numbers, and numbers before texts.
 */
export const rangesAfter = (order: Sort, values: readonly Scalar[], operators: Operators): readonly (readonly Conditions[])[] =>
  order
    .map(({ by, direction }, depth): readonly (readonly Conditions[])[] => {
      const equals = order
        .slice(0, depth)
        .map((earlier, index) => ({ [fieldOf(earlier.by)]: operators({ $eq: values[index] ?? null }) }));
      return beyond(by, direction, values[depth] ?? null).map((range) => [...equals, { [fieldOf(by)]: operators(range) }]);
    })
    .toReversed()
    .flat();

const LOWEST_NUMBER = -Infinity;
const LOWEST_TEXT = '';

const beyond = (by: Path, direction: Sort[number]['direction'], last: Scalar): readonly Conditions[] => {
  const isAscending = direction === 'ascending';
  if (last === null) return isAscending ? [{ $gte: LOWEST_NUMBER }, { $gte: LOWEST_TEXT }] : [];
  const next = isAscending ? { $gt: last } : { $lt: last };
  // Every id is a text.
  if (by === 'id') return [next];
  if (isAscending) return typeof last === 'string' ? [next] : [next, { $gte: LOWEST_TEXT }];
  return typeof last === 'string' ? [next, { $gte: LOWEST_NUMBER }, { $eq: null }] : [next, { $eq: null }];
};
