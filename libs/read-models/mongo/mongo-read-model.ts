import { trusted } from 'mongoose';
import { type DomainError } from '#libs/event-sourcing/domain-error';
import { type Row } from '../projection.ts';
import { cursorAfter, segmentsOf, totalOrder, valuesOf } from '../query.ts';
import {
  type Aggregate,
  type AggregateRow,
  type Filter,
  type Page,
  type Query,
  type ReadModel,
  type Scalar,
  type Sort,
} from '../read-model.ts';
import { rowQuarantined } from '../waiting.ts';
import { type Conditions, fieldOf, matching, type Operators, rangesAfter, sortOf } from './conditions.ts';
import { type MongoDocuments, type StoredDocument } from './mongo-documents.ts';
import { comparable, originalOf } from './queryable.ts';

type Found = Pick<StoredDocument, '_id' | 'row' | 'flagged' | 'copy'>;

/** Asks the documents that serve. `isEmpty` answers are looked at twice: a store that was emptied has none, too. */
export type Asking = <Answer>(
  ask: (documents: MongoDocuments) => Promise<Answer>,
  isEmpty: (answer: Answer) => boolean,
) => Promise<Answer>;

const operators: Operators = (given) => trusted(given as Record<string, unknown>);

/** Queries over the documents of whatever generation serves. */
export class MongoReadModel<R extends Row> implements ReadModel<R> {
  readonly #name: string;
  readonly #ask: Asking;

  constructor(name: string, ask: Asking) {
    this.#name = name;
    this.#ask = ask;
  }

  async get(id: string): Promise<R | undefined> {
    const found = await this.#ask(
      ({ model }) =>
        model
          .findOne({ _id: comparable(id) }, { row: 1, flagged: 1 })
          .lean<Found | null>()
          .exec(),
      (one) => one === null,
    );
    if (found?.flagged) throw await this.#quarantined(id);
    return found?.row ? (JSON.parse(found.row) as R) : undefined;
  }

  async find({ filter = {}, sort, limit, cursor }: Query): Promise<Page<R>> {
    const order = totalOrder(sort);
    const after = cursor === undefined ? undefined : valuesOf(cursor, this.#name, filter, order);
    const where = matching(filter, operators);
    const ranges = after === undefined ? [[]] : rangesAfter(order, after, operators);
    const { found, total } = await this.#ask(
      async (documents) => {
        const counted = documents.model.countDocuments(where).exec();
        const rows: Found[] = [];
        const read = async (): Promise<void> => {
          for (const range of ranges) {
            if (rows.length > limit) break;
            rows.push(...(await selected(documents, all(where, range), order, limit + 1 - rows.length)));
          }
        };
        const [count] = await Promise.all([counted, read()]);
        return { found: rows, total: count };
      },
      (answer) => answer.total === 0,
    );
    const items = found.slice(0, limit);
    const last = found.length > limit ? items.at(-1) : undefined;
    return {
      items: items.map(rowOf<R>),
      nextCursor: last ? cursorAfter(keysOf(last, order), this.#name, filter, order) : null,
      total,
    };
  }

  async all(filter: Filter, sort?: Sort): Promise<readonly R[]> {
    const where = matching(filter, operators);
    const found = await this.#ask(
      (documents) => selected(documents, where, totalOrder(sort), 0),
      (rows) => rows.length === 0,
    );
    const flagged = found.find((one) => one.flagged);
    if (flagged) throw await this.#quarantined(originalOf(flagged._id));
    return found.map(rowOf<R>);
  }

  async aggregate({ filter = {}, groupBy, sum = [] }: Aggregate): Promise<readonly AggregateRow[]> {
    const groups = groupBy.map((path, index) => [`group${String(index)}`, path] as const);
    const sums = sum.map((path, index) => [String(index), path] as const);
    const each = <T>(paths: readonly (readonly [string, string])[], prefix: string, accumulate: (path: string) => T) =>
      Object.fromEntries(paths.map(([name, path]) => [`${prefix}${name}`, accumulate(path)] as const));
    const valueAt = (path: string): unknown => ({ $ifNull: [`$${fieldOf(path)}`, null] });
    const counted = await this.#ask(
      (documents) =>
        documents.model
          .aggregate<GroupFound>([
            { $match: matching(filter, (given) => given) },
            {
              $group: {
                _id: groups.length > 0 ? each(groups, '', valueAt) : null,
                count: { $sum: 1 },
                quarantined: { $sum: { $cond: ['$flagged', 1, 0] } },
                ...each(groups, 'boolean_', (path) => ({ $max: { $cond: [{ $in: [path, '$booleans'] }, 1, 0] } })),
                ...each(sums, 'sum_', (path) => ({ $sum: valueAt(path) })),
                // Of one type all of them, and whole numbers: the least and the greatest tell the type, the remainders the rest.
                ...each(sums, 'least_', (path) => ({ $min: `$${fieldOf(path)}` })),
                ...each(sums, 'greatest_', (path) => ({ $max: `$${fieldOf(path)}` })),
                ...each(sums, 'broken_', (path) => ({
                  $sum: {
                    $cond: [
                      { $and: [{ $gt: [valueAt(path), null] }, { $lt: [valueAt(path), ''] }] },
                      { $abs: { $mod: [valueAt(path), 1] } },
                      0,
                    ],
                  },
                })),
              },
            },
          ])
          .exec(),
      (found) => found.length === 0,
    );
    return counted
      .map((found): AggregateRow & { keys: readonly Scalar[] } => {
        const keys = groups.map(([name, path]) => scalarAt(found._id?.[name], path));
        return {
          keys,
          group: groups.map(([name], index) => {
            const key = keys[index] ?? null;
            if (found[`boolean_${name}`] === 1) return key === 1;
            return typeof key === 'string' ? originalOf(key) : key;
          }),
          count: Number(found.count),
          quarantined: Number(found.quarantined),
          sums: sums.map(([name, path]) => {
            const [least, greatest] = [found[`least_${name}`] ?? null, found[`greatest_${name}`] ?? null];
            const isExact =
              [least, greatest].every((one) => one === null || typeof one === 'number') && found[`broken_${name}`] === 0;
            if (!isExact) throw new TypeError(`"${path}" holds values that are not integers: they cannot be summed exactly.`);
            return Number(found[`sum_${name}`] ?? 0);
          }),
        };
      })
      .toSorted((a, b) => inOrder(a.keys, b.keys))
      .map(({ group, count, quarantined, sums: summed }) => ({ group, count, quarantined, sums: summed }));
  }

  async #quarantined(id: string): Promise<DomainError> {
    const loaded = await this.#ask(
      (documents) => documents.load([id]),
      () => false,
    );
    return rowQuarantined(this.#name, id, loaded.get(id));
  }
}

type GroupFound = Readonly<
  { _id: Readonly<Record<string, unknown>> | null; count: number; quarantined: number } & Record<string, unknown>
>;

const all = (where: Conditions, range: readonly Conditions[]): Conditions =>
  range.length === 0 ? where : { ...where, $and: [...((where['$and'] as readonly Conditions[] | undefined) ?? []), ...range] };

/** `limit` 0: all of them. */
const selected = async (documents: MongoDocuments, where: Conditions, order: Sort, limit: number): Promise<Found[]> => {
  const keys = Object.fromEntries(order.map(({ by }) => [fieldOf(by), 1] as const));
  return documents.model
    .find(where, { row: 1, flagged: 1, ...keys })
    .sort(sortOf(order))
    .limit(limit)
    .lean<Found[]>()
    .exec();
};

const rowOf = <R extends Row>({ row, flagged }: Found): R => {
  const parsed = JSON.parse(row ?? 'null') as R;
  return flagged ? ({ ...parsed, quarantined: true } satisfies R & { quarantined: true }) : parsed;
};

const scalarAt = (value: unknown, path: string): Scalar => {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'number') return value;
  throw new TypeError(`"${path}" is no scalar: rows can be neither sorted nor grouped by it.`);
};

const keysOf = ({ _id, copy }: Found, order: Sort): readonly Scalar[] =>
  order.map(({ by }) => {
    if (by === 'id') return _id;
    let at: unknown = copy;
    for (const segment of segmentsOf(by))
      at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[segment] : undefined;
    return scalarAt(at, by);
  });

/** Nothing before numbers, numbers before texts, as a list is sorted. */
const inOrder = (a: readonly Scalar[], b: readonly Scalar[]): number => {
  const place = (value: Scalar): number => (value === null ? 0 : typeof value === 'number' ? 1 : 2);
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? null;
    if (place(left) !== place(right)) return place(left) - place(right);
    if (left !== null && right !== null && left !== right) return left < right ? -1 : 1;
  }
  return 0;
};
