import { setImmediate as nextTurn } from 'node:timers/promises';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { categoryOf, type Position, type Recorded } from '#libs/event-sourcing/event';
import { type SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { sabotaged } from '#libs/sabotage';
import { type Database } from '#libs/sqlite/database';
import { StorageFull } from '#libs/sqlite/storage-error';
import { type Alarm, type Touch } from '../fold.ts';
import { type Generation } from './generation.ts';

/** Milliseconds; rejects when the signal aborts. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<void>;

type InTurn = (work: () => void) => void;

/** Gives each piece of work a turn of the event loop of its own, so that requests wait for one of them at most. */
export const oneATurn = (): InTurn => {
  const queue: (() => void)[] = [];
  const next = (): void => {
    try {
      queue[0]?.();
    } finally {
      queue.shift();
      if (queue.length > 0) setImmediate(next);
    }
  };
  return (work) => {
    if (queue.push(work) === 1) setImmediate(next);
  };
};

const PAGE = 500;
const RETRY_MS = 1_000;
/** So many are folded at once without anybody asking: what comes next does not wait for more. */
const MOST_PENDING = 64;
/** So soon they are folded without anybody asking: a fault is found, and the next start has little to catch up with. */
const PENDING_MS = 50;

/** Committed, but not in the documents yet. */
type Pending = { readonly touches: Touch[]; readonly alarms: Alarm[]; readonly documents: Set<string>; position: Position };

/**
 * The generation that answers queries. It remembers what each turn brings and folds it before it answers, so no answer is ever
 * stale, and many commands that nobody asks about in between share one write of each page. What it holds is made of the log alone:
 * its own writes wait for no disk, and after a crash it goes on from the position that is stored. When a fold fails, or while it is
 * not built yet, it answers nothing and follows the log until it is level again.
 */
export class Serving {
  readonly #database: Database;
  readonly #store: SqliteEventStore;
  readonly #sleep: Sleep;
  readonly #closing: AbortSignal;
  readonly #inTurn: InTurn;
  readonly #foldsFirst = !sabotaged('late-fold');
  #generation: Generation | undefined;
  #level = false;
  #pending: Pending | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isDue = false;
  #following: Promise<void> | undefined;
  #error: string | null = null;
  #isFull = false;

  constructor(
    readonly name: string,
    database: Database,
    store: SqliteEventStore,
    sleep: Sleep,
    closing: AbortSignal,
    inTurn: InTurn,
  ) {
    this.#database = database;
    this.#store = store;
    this.#sleep = sleep;
    this.#closing = closing;
    this.#inTurn = inTurn;
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

  /** With every committed event folded in. @throws DomainError `projection-behind` while that cannot be had. */
  current(): Generation {
    if (this.#foldsFirst) this.settle();
    return this.#answering();
  }

  /** With every committed event of this one document folded in. @throws DomainError `projection-behind` */
  currentFor(document: string): Generation {
    if (this.#foldsFirst && this.#pending?.documents.has(document)) this.settle();
    return this.#answering();
  }

  /** Of each turn, once it is committed. */
  readonly take = (events: readonly Recorded[]): void => {
    const generation = this.#generation;
    if (!this.#level || !generation) return;
    const concerned = events.filter(({ stream }) => generation.concerns(categoryOf(stream)));
    const last = concerned.at(-1);
    if (!last) return;
    const { touches, alarms } = generation.route(concerned);
    const pending = (this.#pending ??= { touches: [], alarms: [], documents: new Set(), position: last.position });
    for (const touch of touches) {
      pending.touches.push(touch);
      for (const document of touch.documents) pending.documents.add(document);
    }
    pending.alarms.push(...alarms);
    pending.position = last.position;
    // A stream that is given up is known as such before its next event comes.
    if (alarms.length > 0) this.settle();
    // Not at once: whoever is answered by this turn does not wait for it.
    else if (pending.touches.length >= MOST_PENDING) this.#unasked();
    else this.#timer ??= setTimeout(this.#unasked, PENDING_MS).unref();
  };

  readonly #unasked = (): void => {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#inTurn(() => {
      this.#isDue = false;
      if (this.#database.isOpen) this.settle();
    });
  };

  /** Folds what is pending, if anything is. A fault shows in `error`, and in not being level. */
  settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pending = this.#pending;
    const generation = this.#generation;
    this.#pending = undefined;
    if (!pending || !generation) return;
    try {
      this.#database.derived(() => {
        generation.write(pending);
        generation.reach(pending.position);
      });
    } catch (error) {
      this.#failed(error);
      generation.reload();
      this.#level = false;
      this.#follow();
    }
  }

  /** Takes another generation, which has reached the end of the log in this very moment. */
  flip(generation: Generation): void {
    this.#generation = generation;
    this.#pending = undefined;
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

  #failed(error: unknown): void {
    this.#error = error instanceof Error ? error.message : String(error);
    this.#isFull = error instanceof StorageFull;
  }

  #answering(): Generation {
    if (this.#generation && this.#level) return this.#generation;
    const why = this.#generation ? 'is catching up with the log' : 'is being built';
    const remedy = this.#isFull
      ? 'the disk is full, and the platform answers again by itself once an operator has freed some space'
      : 'try again in a moment';
    throw new DomainError('unavailable', 'projection-behind', `The read model "${this.name}" ${why}: ${remedy}.`);
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
        this.#failed(error);
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
      this.#database.derived(() => {
        generation.fold(events);
      });
    if (events.length === PAGE) return false;
    this.#level = true;
    this.#isFull = false;
    return true;
  }
}
