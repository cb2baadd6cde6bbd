import { type Category, type DomainEvent, type Recorded } from '#libs/event-sourcing/event';

/**
 * The fold of one source stream inside one document. `document` names the documents an event touches, from the event's own data;
 * none means the event does not concern this part. One part of one document has exactly one source stream.
 */
export type Part<State, E extends DomainEvent = DomainEvent> = Readonly<{
  category: Category;
  document: (event: Recorded<E>) => string | readonly string[] | undefined;
  evolve: (state: State | undefined, event: Recorded<E>) => State;
}>;

/** What a query sees: a JSON object with its `id` (the document's). */
export type Row = Readonly<{ id: string }>;

/** A path into a row, `name` or `proforma.total`. */
export type Path = string;

/**
 * A read model as a value. `row` is a pure function of the parts (undefined until their stream has said something) and answers
 * undefined for "not, or no longer, a row". Rows are the same for any interleaving of the source streams, so a document is the same
 * after redelivery, republishing or rebuilding.
 */
export type Projection<R extends Row = Row> = Readonly<{
  name: string;
  /** Raise it with any change of parts, row, indexes or elements: a new version is built from the beginning. */
  version: number;
  parts: Readonly<Record<string, Part<unknown>>>;
  row: (parts: Readonly<Record<string, unknown>>, id: string) => R | undefined;
  /** Each a list of paths into the row that queries filter and sort by. */
  indexes: readonly (readonly Path[])[];
  /** Paths of arrays that queries filter by `has`. */
  elements?: readonly Path[];
}>;

export const part = <E extends DomainEvent, State>(
  category: string,
  definition: Readonly<{ document: Part<State, E>['document']; evolve: Part<State, E>['evolve'] }>,
): Part<State, E> => ({ category: category as Category, ...definition });

type StateOf<P> = P extends { evolve: (state: infer State | undefined, event: never) => unknown }
  ? Exclude<State, undefined>
  : never;

/** Checks parts and row against each other; the result is the plain `Projection` that stores work with. */
export const projection = <R extends Row, P extends Readonly<Record<string, { category: Category }>>>(
  definition: Readonly<{
    name: string;
    version: number;
    parts: P;
    row: (parts: Readonly<{ [Name in keyof P]: StateOf<P[Name]> | undefined }>, id: string) => R | undefined;
    indexes: readonly (readonly Path[])[];
    elements?: readonly Path[];
  }>,
): Projection<R> => definition as unknown as Projection<R>;
