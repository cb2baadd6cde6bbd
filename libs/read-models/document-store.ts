import { type Document, type Encoded } from './fold.ts';

type Awaitable<T> = T | Promise<T>;

/** The documents of one generation of one projection. Every adapter passes `read-models.contract.ts`. */
export interface DocumentStore {
  /** Those that exist. */
  load(ids: readonly string[]): Awaitable<ReadonlyMap<string, Document>>;
  /**
   * Writes each document whose stored version is still the one it was loaded with (0: it did not exist); the written one has the
   * next version. Answers the ids that someone else wrote meanwhile: load them and fold again.
   */
  save(documents: readonly Encoded[]): Awaitable<readonly string[]>;
}
