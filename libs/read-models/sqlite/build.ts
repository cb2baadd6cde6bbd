import { setImmediate as nextTurn } from 'node:timers/promises';
import { NO_STREAM, type Position, type Recorded, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Database } from '#libs/sqlite/database';
import {
  type Document,
  encode,
  encodeFrom,
  type Encoded,
  foldInto,
  held,
  type Heads,
  type Held,
  NO_HEADS,
  route,
  routeMoving,
} from '../fold.ts';
import { type Progress } from '../upkeep.ts';
import { type Generation } from './generation.ts';

const PAGE = 500;
/** Requests wait at most about this long for a build's piece of work. */
const TURN_MS = 5;
/** A turn of an idle event loop takes less. */
const IDLE_MS = 0.2;
/** Written in one transaction, according to whether anybody else has to wait for it. */
const FEWEST_A_TURN = 250;
const MOST_A_TURN = 4_000;
/** So many may be left for the last piece, which nothing interrupts. More than a busy log brings during one piece of work. */
const MOST_LAST = 1_000;
/** Indexing this many at once holds requests up no longer than a few small pieces of work. */
const INDEXED_AT_ONCE = 10_000;

export type BuildLimits = Readonly<{
  /** How many documents may be held in memory. */
  held: number;
  /** A crash costs at most about this much of the work. */
  flushMs: number;
}>;

export const BUILD_LIMITS: BuildLimits = { held: 200_000, flushMs: 60_000 };

/** How far a stream has been taken; mutable, since a rebuild looks up millions. */
type Head = { readonly stream: StreamName; revision: Revision; moved: boolean };

/**
 * Builds a generation from the log, between turns: events are folded in memory and each document is written once per flush. A flush
 * is many small transactions, the documents first, then the heads, the position last: after a crash the revisions kept in the parts
 * skip what was folded already.
 */
export class Build {
  readonly #database: Database;
  readonly #store: SqliteEventStore;
  readonly #generation: Generation;
  readonly #limits: BuildLimits;
  /** Queries and commands are being answered meanwhile. */
  readonly #besideAnother: boolean;
  readonly #held = new Map<string, Held>();
  #changed: Held[] = [];
  readonly #heads = new Map<StreamName, Head>();
  #movedHeads: Head[] = [];
  #asked: Head | undefined;
  /** The position folded in memory; the generation's own is what is stored. */
  #position: Position;
  #head: Position;
  /** Nothing is stored that is not held: a document not held does not exist. */
  #holdsAll: boolean;
  #atOnce = FEWEST_A_TURN;
  #indexed = false;
  #started: Readonly<{ at: number; position: Position }> | undefined;

  constructor(database: Database, store: SqliteEventStore, generation: Generation, besideAnother: boolean, limits: BuildLimits) {
    this.#besideAnother = besideAnother;
    this.#database = database;
    this.#store = store;
    this.#generation = generation;
    this.#limits = limits;
    this.#position = generation.position;
    this.#head = generation.position;
    this.#holdsAll = generation.position === 0 && generation.documents.isEmpty();
    for (const { stream, revision } of database
      .prepare<{ stream: StreamName; revision: number }>('SELECT stream, revision FROM generation_heads WHERE generation = ?')
      .all(generation.number))
      this.#heads.set(stream, { stream, revision, moved: false });
  }

  get progress(): Progress {
    const done = this.#position;
    const total = Math.max(this.#head, done);
    const started = this.#started;
    if (!started || done === started.position) return { done, total, eventsPerSecond: null, secondsLeft: null };
    const eventsPerSecond = ((done - started.position) * 1000) / (performance.now() - started.at);
    return { done, total, eventsPerSecond, secondsLeft: (total - done) / eventsPerSecond };
  }

  /**
   * Follows the log to its end; there, within one synchronous piece, stores the rest and runs `flip` in the same transaction and
   * `flipped` after it. @throws the signal's reason
   */
  async run(flip: () => void, flipped: () => void, signal: AbortSignal): Promise<void> {
    this.#started = { at: performance.now(), position: this.#position };
    let turn = performance.now();
    let flushed = turn;
    for (;;) {
      signal.throwIfAborted();
      const head = this.#store.head();
      const events = this.#store.briefEventsAfter(this.#position, this.#generation.categories, PAGE);
      this.#take(events);
      if (events.length < PAGE && this.#indexed && this.#changed.length <= MOST_LAST && this.#finish(flip)) {
        flipped();
        this.#position = this.#head = await head;
        return;
      }
      this.#head = await head;
      const now = performance.now();
      if (events.length < PAGE || this.#held.size > this.#limits.held || now - flushed > this.#limits.flushMs) {
        await this.#flush(events.length < PAGE, signal);
        flushed = performance.now();
      }
      if (performance.now() - turn > TURN_MS) {
        await nextTurn();
        turn = performance.now();
      }
    }
  }

  #take(events: readonly Recorded[]): void {
    const last = events.at(-1);
    if (!last) return;
    const { plan, documents, isStopped } = this.#generation;
    const { touches, alarms } = routeMoving(plan, events, this.#moving, isStopped);
    if (!this.#holdsAll) {
      const missing = new Set(touches.flatMap((touch) => touch.documents.filter((id) => !this.#held.has(id))));
      for (const [id, document] of documents.load([...missing])) this.#held.set(id, held(document));
    }
    this.#changed.push(...foldInto(plan, this.#held, touches));
    for (const alarm of alarms) this.#generation.raise(alarm);
    this.#position = last.position;
  }

  /** A stream is looked up once an event: `move` is about the one that was asked for before. */
  readonly #moving: Heads = {
    of: (stream) => {
      let head = this.#heads.get(stream);
      if (!head) {
        head = { stream, revision: NO_STREAM, moved: false };
        this.#heads.set(stream, head);
      }
      this.#asked = head;
      return head.revision;
    },
    move: (stream, revision) => {
      const head = this.#asked;
      if (head?.stream !== stream) throw new TypeError(`${stream} moves without having been asked for.`);
      head.revision = revision;
      if (head.moved) return;
      head.moved = true;
      this.#movedHeads.push(head);
    },
  };

  /** Without yielding; false when a document needs the log to tell which event its row cannot take. */
  #finish(flip: () => void): boolean {
    let rest: readonly Encoded[];
    try {
      rest = this.#changed.map((document) => encode(this.#generation.plan, document));
    } catch {
      return false;
    }
    this.#database.transaction(() => {
      this.#storeDocuments(rest);
      this.#generation.reach(this.#position);
      flip();
    });
    return true;
  }

  /** Nobody waits for the disk: commits reach it in their order, and the flip waits for all of them. */
  async #flush(atEnd: boolean, signal: AbortSignal): Promise<void> {
    if (this.#besideAnother && (this.#changed.length > INDEXED_AT_ONCE || !atEnd)) await this.#index(signal);
    // In the order of the table: neighbours share its pages.
    const changed = this.#changed.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (let at = 0; at < changed.length;) {
      const some = changed.slice(at, at + this.#atOnce);
      const encoded: Encoded[] = [];
      for (const document of some) encoded.push(await this.#encoded(document));
      this.#database.derived(() => {
        this.#storeDocuments(encoded);
      });
      at += some.length;
      await this.#yield(signal);
    }
    this.#changed = [];
    if (atEnd) return this.#index(signal);
    const heads = this.#movedHeads.sort((a, b) => (a.stream < b.stream ? -1 : 1));
    for (let at = 0; at < heads.length;) {
      const some = heads.slice(at, at + this.#atOnce);
      this.#database.derived(() => {
        for (const head of some) this.#storeHead(head);
      });
      at += some.length;
      await this.#yield(signal);
    }
    this.#movedHeads = [];
    this.#generation.reach(this.#position);
    if (this.#held.size > this.#limits.held / 2) {
      this.#held.clear();
      this.#holdsAll = false;
    }
  }

  async #index(signal: AbortSignal): Promise<void> {
    if (this.#indexed) return;
    for (const piece of this.#generation.documents.indexing()) {
      this.#database.derived(piece);
      await this.#yield(signal);
    }
    this.#indexed = true;
  }

  /** Lets everybody else have a turn. Where nobody wants one, the next piece may be larger. */
  async #yield(signal: AbortSignal): Promise<void> {
    const before = performance.now();
    await nextTurn();
    signal.throwIfAborted();
    const wanted = performance.now() - before > IDLE_MS;
    this.#atOnce = wanted ? FEWEST_A_TURN : Math.min(this.#atOnce * 2, MOST_A_TURN);
  }

  #storeDocuments(documents: readonly Encoded[]): void {
    const lost = this.#generation.documents.save(documents);
    if (lost.length > 0)
      throw new Error(`${this.#generation.plan.projection.name}: ${lost.join(', ')} changed while being built`);
    for (const { id, parts, row, version } of documents) this.#held.set(id, held({ id, parts, row, version: version + 1 }));
  }

  #storeHead(head: Head): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO generation_heads (generation, stream, revision) VALUES (?, ?, ?)')
      .run(this.#generation.number, head.stream, head.revision);
    head.moved = false;
  }

  /** A row that cannot be computed: the document is folded anew from its streams, row by row, to find the event. */
  async #encoded(document: Document): Promise<Encoded> {
    const { plan } = this.#generation;
    try {
      return encode(plan, document);
    } catch {
      const streams = new Set(
        Object.values(document.parts).flatMap(({ stream, waiting = [] }) => [stream, ...waiting.map((event) => event.stream)]),
      );
      const events: Recorded[] = [];
      for (const stream of streams)
        events.push(...(await this.#store.read(stream)).events.filter(({ position }) => position <= this.#position));
      events.sort((a, b) => a.position - b.position);
      const { touches } = route(plan, events, NO_HEADS);
      const own = touches.filter(({ documents }) => documents.includes(document.id));
      return { ...encodeFrom(plan, undefined, document, () => own), version: document.version };
    }
  }
}
