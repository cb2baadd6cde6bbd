import { createHash } from 'node:crypto';
import { cursorTo, foreignCursor, placeOf } from './cursor.ts';
import { type Path } from './projection.ts';
import { type Condition, type Filter, type Scalar, type Sort } from './read-model.ts';

/** What every adapter does alike: the total order of a query, and cursors that belong to one query only. */

const PATH = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;

/** Paths become part of statements, so nothing but names and dots may stand in them. @throws TypeError */
export const segmentsOf = (path: Path): readonly string[] => {
  if (!PATH.test(path)) throw new TypeError(`"${path}" is not a path into a row.`);
  return path.split('.');
};

/** The sort with the id at its end, in the direction of the last path, so that one index serves both ways. */
export const totalOrder = (sort: Sort = []): Sort => {
  const id = sort.findIndex(({ by }) => by === 'id');
  if (id >= 0) return sort.slice(0, id + 1);
  return [...sort, { by: 'id', direction: sort.at(-1)?.direction ?? 'ascending' }];
};

/** What a query leaves out may be more or less by its next page. */
const leavesOut = (condition: Condition): boolean => typeof condition === 'object' && condition !== null && 'notIn' in condition;

const digest = (projection: string, filter: Filter, order: Sort): string => {
  const asked = Object.entries(filter).filter(([, condition]) => !leavesOut(condition));
  const fields = asked.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([projection, fields, order]))
    .digest('base64url')
    .slice(0, 16);
};

/** The place after the row with these sort values, in this query. */
export const cursorAfter = (values: readonly Scalar[], projection: string, filter: Filter, order: Sort): string =>
  cursorTo([digest(projection, filter, order), ...values]);

const isScalar = (value: unknown): value is Scalar => value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** @throws DomainError `invalid-cursor` for anything but a cursor of this very query. */
export const valuesOf = (cursor: string, projection: string, filter: Filter, order: Sort): readonly Scalar[] => {
  const [hash, ...values] = placeOf(cursor);
  if (hash !== digest(projection, filter, order) || values.length !== order.length || !values.every(isScalar))
    throw foreignCursor();
  return values;
};
