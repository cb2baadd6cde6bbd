import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Value } from '#libs/sqlite/database';
import { type Path } from '../projection.ts';
import { segmentsOf } from '../query.ts';
import { type Condition, type Filter, type Scalar, type Sort } from '../read-model.ts';

/** A piece of SQL with what its question marks stand for. */
export type Sql = Readonly<{ text: string; parameters: readonly Value[] }>;

const jsonPath = (path: Path): string =>
  `'$${segmentsOf(path)
    .map((segment) => `."${segment}"`)
    .join('')}'`;

/** The very same text stands in the index, or SQLite would not use it. */
export const valueAt = (path: Path): string => (path === 'id' ? 'id' : `json_extract(row, ${jsonPath(path)})`);

/** Tells true from 1, which `valueAt` does not. */
export const isBooleanAt = (path: Path): string =>
  path === 'id' ? '0' : `(json_type(row, ${jsonPath(path)}) IN ('true', 'false'))`;

export const jsonAt = (path: Path, row: string): string => `${row} -> ${jsonPath(path)}`;
export const isArrayAt = (path: Path, row: string): string => `json_type(${row}, ${jsonPath(path)}) = 'array'`;
export const arrayAt = (path: Path, row: string): string => `json_each(${row}, ${jsonPath(path)})`;

const stored = (value: Scalar): Value => (typeof value === 'boolean' ? Number(value) : value);

const LONGEST_TEXT = 1_000;

/** SQLite folds the case of ASCII only, so each letter stands with its other case. */
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
    return cases.size > 1 || '*?['.includes(character) ? `[${[...cases].join('')}]` : character;
  };
  return `*${[...text].map(either).join('')}*`;
};

/** Texts stand above all numbers in SQLite; a bound of one type must not let in the other. */
const LOWEST = { string: `''`, number: '-9e999' } as const;
const HIGHEST = { string: undefined, number: `''` } as const;

const within = (value: string, { gt, gte, lt, lte }: Readonly<{ gt?: Bound; gte?: Bound; lt?: Bound; lte?: Bound }>): Sql => {
  const texts: string[] = [];
  const parameters: Value[] = [];
  const compare = (operator: '>' | '>=' | '<' | '<=', bound: Bound | undefined): void => {
    if (bound === undefined) return;
    const type = typeof bound === 'string' ? 'string' : 'number';
    texts.push(`${value} ${operator} ?`);
    parameters.push(bound);
    const highest = HIGHEST[type];
    if (operator.startsWith('<')) texts.push(`${value} >= ${LOWEST[type]}`);
    else if (highest !== undefined) texts.push(`${value} < ${highest}`);
  };
  compare('>', gt);
  compare('>=', gte);
  compare('<', lt);
  compare('<=', lte);
  return texts.length > 0 ? { text: texts.join(' AND '), parameters } : { text: '1', parameters };
};

type Bound = string | number;

const equal = (value: string, to: Scalar): Sql =>
  to === null ? { text: `${value} IS NULL`, parameters: [] } : { text: `${value} = ?`, parameters: [stored(to)] };

/**
 * `table` holds the array elements of the paths in `indexed`, for the documents in `of`. An element that very many hold is `broad`:
 * better looked up row by row than taken as the way into the list.
 */
export type Members = Readonly<{
  table: string;
  indexed: readonly Path[];
  of: string;
  broad: (path: Path, element: Value) => boolean;
}>;

const holding = (path: Path, condition: Condition, members: Members): Sql => {
  const value = valueAt(path);
  if (condition === null || typeof condition !== 'object') return equal(value, condition);
  if ('in' in condition) {
    const list = `${value} IN (SELECT value FROM json_each(?))`;
    const parameters = [JSON.stringify(condition.in.filter((one) => one !== null))];
    return { text: condition.in.includes(null) ? `(${list} OR ${value} IS NULL)` : list, parameters };
  }
  if ('notIn' in condition)
    return {
      text: `(${value} IS NULL OR ${value} NOT IN (SELECT value FROM json_each(?)))`,
      parameters: [JSON.stringify(condition.notIn)],
    };
  if ('not' in condition) return { text: `${value} IS NOT ?`, parameters: [stored(condition.not)] };
  if ('contains' in condition) return { text: `${value} GLOB ?`, parameters: [containing(path, condition.contains)] };
  if ('has' in condition) {
    const element = stored(condition.has);
    const elements = `FROM ${members.table} WHERE path = ? AND value = ?`;
    if (members.indexed.includes(path) && element !== null)
      return {
        text: members.broad(path, element)
          ? `EXISTS (SELECT 1 ${elements} AND id = ${members.of}.id)`
          : `id IN (SELECT id ${elements})`,
        parameters: [path, element],
      };
    return {
      text: `(${isArrayAt(path, 'row')} AND EXISTS (SELECT 1 FROM ${arrayAt(path, 'row')} WHERE value IS ?))`,
      parameters: [element],
    };
  }
  return within(value, condition);
};

export const joined = (parts: readonly Sql[], by: string): Sql => ({
  text: parts.map(({ text }) => text).join(by),
  parameters: parts.flatMap(({ parameters }) => parameters),
});

/** Rows only: a document without one is no row, or no longer. */
export const matching = (filter: Filter, members: Members): Sql =>
  joined(
    [
      { text: 'row IS NOT NULL', parameters: [] },
      ...Object.entries(filter).map(([path, condition]) => holding(path, condition, members)),
    ],
    ' AND ',
  );

/** How many rows match; a list's whole reach (`has`, and nothing else) is counted without looking at the rows. */
export const counting = (filter: Filter, members: Members): Sql => {
  const [[path, condition] = ['', null], ...others] = Object.entries(filter);
  if (
    others.length === 0 &&
    condition !== null &&
    typeof condition === 'object' &&
    'has' in condition &&
    members.indexed.includes(path)
  )
    return {
      text: `SELECT count(*) AS total FROM ${members.table} WHERE path = ? AND value = ?`,
      parameters: [path, stored(condition.has)],
    };
  const { text, parameters } = matching(filter, members);
  return { text: `SELECT count(*) AS total FROM ${members.of} WHERE ${text}`, parameters };
};

/** How many of a few documents match: the first parameter is to be their ids, as JSON. */
export const totalAmong = (filter: Filter, members: Members): Sql => {
  const { text, parameters } = matching(filter, { ...members, broad: () => true });
  const few = '(SELECT value AS one FROM json_each(?))';
  return { text: `SELECT count(*) AS total FROM ${few} CROSS JOIN ${members.of} WHERE id = one AND ${text}`, parameters };
};

export const ordered = (order: Sort): string =>
  order.map(({ by, direction }) => `${valueAt(by)} ${direction === 'ascending' ? 'ASC' : 'DESC'}`).join(', ');

/** One run of an index, and what tells its rows' order: SQLite does not see that the same value everywhere tells nothing, and would sort. */
export type Range = Readonly<{ where: Sql; order: Sort }>;

/**
 * Where the rows after these sort values stand, as ranges to be read one after the other, however far into the list. Nothing (null
 * or absent) comes before everything else.
 */
export const rangesAfter = (order: Sort, values: readonly Scalar[]): readonly Range[] =>
  order
    .map(({ by, direction }, depth): readonly Range[] => {
      const equals = order.slice(0, depth).map((earlier, index) => equal(valueAt(earlier.by), values[index] ?? null));
      const value = values[depth] ?? null;
      return beyond(valueAt(by), direction, value).map((range) => ({
        where: joined([...equals, range], ' AND '),
        order: order.slice(depth),
      }));
    })
    .toReversed()
    .flat();

const beyond = (value: string, direction: Sort[number]['direction'], last: Scalar): readonly Sql[] => {
  if (direction === 'ascending')
    return [
      last === null
        ? { text: `${value} >= ${LOWEST.number}`, parameters: [] }
        : { text: `${value} > ?`, parameters: [stored(last)] },
    ];
  if (last === null) return [];
  const below: Sql = { text: `${value} < ?`, parameters: [stored(last)] };
  return value === 'id' ? [below] : [below, { text: `${value} IS NULL`, parameters: [] }];
};
