import { setImmediate as nextTurn } from 'node:timers/promises';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { categoryOf, type Recorded } from '#libs/event-sourcing/event';
import { type SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Database, type ServingFold } from '#libs/sqlite/database';
import { type Generation } from './generation.ts';

/** Milliseconds; rejects when the signal aborts. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<void>;

const PAGE = 500;
const RETRY_MS = 1_000;

/**
 * The generation that answers queries, folded within the transaction of each turn. When its part of a turn is undone, or while it is
 * not built yet, it answers nothing, and follows the log until it is level again.
 */
export class Serving implements ServingFold {
  readonly #database: Database;
  readonly #store: SqliteEventStore;
  readonly #sleep: Sleep;
  readonly #closing: AbortSignal;
  #generation: Generation | undefined;
  #level = false;
  #following: Promise<void> | undefined;
  #error: string | null = null;

  constructor(
    readonly name: string,
    database: Database,
    store: SqliteEventStore,
    sleep: Sleep,
    closing: AbortSignal,
  ) {
    this.#database = database;
    this.#store = store;
    this.#sleep = sleep;
    this.#closing = closing;
  }

  get generation(): Generation | undefined {
    return this.#generation;
  }

  get isLevel(): boolean {
    return this.#level;
  }

  /** Why it is, or last was, behind. */
  get error(): string | null {
    return this.#error;
  }

  /** @throws DomainError `projection-behind` while the documents lag behind what has been answered. */
  current(): Generation {
    if (this.#generation && this.#level) return this.#generation;
    const why = this.#generation ? 'is catching up with the log' : 'is being built';
    throw new DomainError('unavailable', 'projection-behind', `The read model "${this.name}" ${why}: try again in a moment.`);
  }

  fold(events: readonly Recorded[]): void {
    const generation = this.#generation;
    if (!this.#level || !generation) return;
    const concerned = events.filter(({ stream }) => generation.concerns(categoryOf(stream)));
    if (concerned.length > 0) generation.fold(concerned);
  }

  rolledBack(error: unknown): void {
    if (!this.#generation) return;
    this.#error = error instanceof Error ? error.message : String(error);
    this.#generation.reload();
    this.#level = false;
    this.#follow();
  }

  /** Takes another generation, which has reached the end of the log in this very moment. */
  take(generation: Generation): void {
    this.#generation = generation;
    this.#level = true;
    this.#error = null;
  }

  /** Adopts a stored generation and brings it to the end of the log. */
  async adopt(generation: Generation): Promise<void> {
    this.#generation = generation;
    this.#level = false;
    this.#follow();
    await this.#following;
    this.#closing.throwIfAborted();
  }

  /** Resolves when nothing is being followed any more. */
  async ended(): Promise<void> {
    await this.#following;
  }

  #follow(): void {
    this.#following ??= this.#untilLevel().finally(() => {
      this.#following = undefined;
    });
  }

  async #untilLevel(): Promise<void> {
    while (!this.#closing.aborted)
      try {
        if (this.#nextPage()) return;
        await nextTurn();
      } catch (error) {
        this.#error = error instanceof Error ? error.message : String(error);
        this.#generation?.reload();
        await this.#sleep(RETRY_MS, this.#closing).catch(() => undefined);
      }
  }

  /** One synchronous piece, so that no event can come between the empty page and being level. */
  #nextPage(): boolean {
    const generation = this.#generation;
    if (!generation) return true;
    const events = this.#store.eventsAfter(generation.position, generation.categories, PAGE);
    if (events.length > 0)
      this.#database.transaction(() => {
        generation.fold(events);
      });
    if (events.length === PAGE) return false;
    this.#level = true;
    return true;
  }
}
