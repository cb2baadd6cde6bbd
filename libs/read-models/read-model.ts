import { type Path, type Projection, type Row } from './projection.ts';

export type Scalar = string | number | boolean | null;

/** All given fields must hold. `contains` is a case-insensitive substring; `lt`… compare as the stored JSON type does. */
export type Condition =
  | Scalar
  | Readonly<{ in: readonly Scalar[] }>
  | Readonly<{ not: Scalar }>
  | Readonly<{ notIn: readonly string[] }>
  | Readonly<{ contains: string }>
  | Readonly<{ gt?: string | number; gte?: string | number; lt?: string | number; lte?: string | number }>
  /** The field is an array that holds this scalar, e.g. a tenant's path that holds an ancestor. */
  | Readonly<{ has: Scalar }>;

export type Filter = Readonly<Record<Path, Condition>>;

/** Sorted by the paths in turn, then by id in the last one's direction: always a total order. Null or absent comes before all else. */
export type Sort = readonly Readonly<{ by: Path; direction: 'ascending' | 'descending' }>[];

export type Query = Readonly<{ filter?: Filter; sort?: Sort; limit: number; cursor?: string }>;

/** `total` counts every match of the filter, exactly. `nextCursor` is null on the last page. */
export type Page<R> = Readonly<{ items: readonly R[]; nextCursor: string | null; total: number }>;

export type Aggregate = Readonly<{ filter?: Filter; groupBy: readonly Path[]; sum?: readonly Path[] }>;
/**
 * One per distinct value of the `groupBy` paths: how many rows, how many of them have a part in quarantine (and are summed as they
 * were before it), and the sums of the (integer) `sum` paths.
 */
export type AggregateRow = Readonly<{ group: readonly Scalar[]; count: number; quarantined: number; sums: readonly number[] }>;

/**
 * Reads the serving generation of one projection. A row of which a part is quarantined makes `get` fail with DomainError
 * `unavailable` naming stream and revision; in `find` it stands flagged (`quarantined`), so that a list can still show the others;
 * `all` fails as `get` does. While the documents lag behind the log every question fails with `unavailable` `projection-behind`.
 * @throws DomainError `invalid` `invalid-cursor` for a cursor of another query.
 */
export interface ReadModel<R extends Row> {
  get(id: string): Promise<R | undefined>;
  find(query: Query): Promise<Page<R>>;
  /** Every match, without paging: for a service's own use where the set is bounded (a tree's contracts), never for a route. */
  all(filter: Filter, sort?: Sort): Promise<readonly R[]>;
  aggregate(query: Aggregate): Promise<readonly AggregateRow[]>;
}

/** Where read models come from; one per process. Asking for a projection that is not registered is a programming error. */
export interface ReadModels {
  of<R extends Row>(projection: Projection<R>): ReadModel<R>;
}
