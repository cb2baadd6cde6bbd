import { type DomainError } from '#libs/event-sourcing/domain-error';
import { type Database, type Value } from '#libs/sqlite/database';
import { type Row } from '../projection.ts';
import { cursorAfter, totalOrder, valuesOf } from '../query.ts';
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
import { type Serving } from './serving.ts';
import { type RowText, type SqliteDocuments } from './sqlite-documents.ts';
import { isBooleanAt, joined, matching, ordered, rangesAfter, type Sql, valueAt } from './statements.ts';

type Found = RowText & Record<`key${number}`, Scalar>;

/** Queries over the documents of whatever generation serves. */
export class SqliteReadModel<R extends Row> implements ReadModel<R> {
  readonly #database: Database;
  readonly #serving: Pick<Serving, 'current' | 'currentFor'>;

  constructor(database: Database, serving: Pick<Serving, 'current' | 'currentFor'>) {
    this.#database = database;
    this.#serving = serving;
  }

  async get(id: string): Promise<R | undefined> {
    const { documents, plan } = this.#serving.currentFor(id);
    const found = documents.row(id);
    if (found?.flagged) throw this.#quarantined(plan.projection.name, id);
    return found?.row ? (JSON.parse(found.row) as R) : undefined;
  }

  async find({ filter = {}, sort, limit, cursor }: Query): Promise<Page<R>> {
    const { documents, plan } = this.#serving.current();
    const { name } = plan.projection;
    const order = totalOrder(sort);
    const after = cursor === undefined ? undefined : valuesOf(cursor, name, filter, order);
    const found = documents.answer(JSON.stringify(['page', filter, order, limit, after]), () => {
      const where = matching(filter, documents.members);
      const ranges = after === undefined ? [{ where: { text: '1', parameters: [] }, order }] : rangesAfter(order, after);
      const rows: Found[] = [];
      for (const range of ranges) {
        if (rows.length > limit) break;
        const here = joined([where, range.where], ' AND ');
        rows.push(...this.#select(documents.table, here, order, limit + 1 - rows.length, range.order));
      }
      return rows;
    });
    const items = found.slice(0, limit);
    const last = found.length > limit ? items.at(-1) : undefined;
    return {
      items: items.map(rowOf<R>),
      nextCursor: last ? cursorAfter(keysOf(last, order), name, filter, order) : null,
      total: documents.total(filter),
    };
  }

  async all(filter: Filter, sort?: Sort): Promise<readonly R[]> {
    const { documents, plan } = this.#serving.current();
    const order = totalOrder(sort);
    const found = documents.answer(JSON.stringify(['all', filter, order]), () =>
      this.#select(documents.table, matching(filter, documents.members), order, -1),
    );
    const flagged = found.find((one) => one.flagged);
    if (flagged) throw this.#quarantined(plan.projection.name, flagged.id);
    return found.map(rowOf<R>);
  }

  async aggregate(query: Aggregate): Promise<readonly AggregateRow[]> {
    const { documents } = this.#serving.current();
    return documents.answer(JSON.stringify(['aggregate', query]), () => this.#aggregated(documents, query));
  }

  #aggregated(documents: SqliteDocuments, { filter = {}, groupBy, sum = [] }: Aggregate): readonly AggregateRow[] {
    const where = matching(filter, documents.members);
    const groups = groupBy.flatMap((path, index) => [
      `${valueAt(path)} AS group${String(index)}`,
      `max(${isBooleanAt(path)}) AS boolean${String(index)}`,
    ]);
    const sums = sum.flatMap((path, index) => [
      `sum(${valueAt(path)}) AS sum${String(index)}`,
      `max(typeof(${valueAt(path)}) NOT IN ('integer', 'null')) AS inexact${String(index)}`,
    ]);
    const by = groupBy.map(valueAt).join(', ');
    const found = this.#database
      .prepare<Record<string, Scalar>>(
        `SELECT ${['count(*) AS count', 'total(flagged) AS quarantined', ...groups, ...sums].join(', ')} FROM ${documents.table} WHERE ${where.text}
         ${by ? `GROUP BY ${by} ORDER BY ${by}` : ''}`,
      )
      .all(...where.parameters);
    return found.map((group) => ({
      group: groupBy.map((_, index) => {
        const value = group[`group${String(index)}`] ?? null;
        return group[`boolean${String(index)}`] ? value === 1 : value;
      }),
      count: Number(group['count']),
      quarantined: Number(group['quarantined']),
      sums: sum.map((path, index) => {
        if (group[`inexact${String(index)}`])
          throw new TypeError(`"${path}" holds values that are not integers: they cannot be summed exactly.`);
        return Number(group[`sum${String(index)}`] ?? 0);
      }),
    }));
  }

  #select(table: string, where: Sql, order: Sort, limit: number, told: Sort = order): Found[] {
    const keys = order.map(({ by }, index) => `, ${valueAt(by)} AS key${String(index)}`);
    const parameters: Value[] = [...where.parameters, limit];
    return this.#database
      .prepare<Found>(
        `SELECT id, row, flagged${keys.join('')} FROM ${table} WHERE ${where.text} ORDER BY ${ordered(told)} LIMIT ?`,
      )
      .all(...parameters);
  }

  #quarantined(name: string, id: string): DomainError {
    return rowQuarantined(name, id, this.#serving.current().documents.load([id]).get(id));
  }
}

const rowOf = <R extends Row>({ row, flagged }: RowText): R =>
  flagged ? ({ ...(JSON.parse(row) as R), quarantined: true } satisfies R & { quarantined: true }) : (JSON.parse(row) as R);

const keysOf = (found: Found, order: Sort): readonly Scalar[] => order.map((_, index) => found[`key${index}`] ?? null);
