import { setImmediate as nextTurn } from 'node:timers/promises';
import { NO_STREAM, type Position, type Recorded, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Database } from '#libs/sqlite/database';
import { type Document, encode, encodeFrom, type Encoded, foldInto, NO_HEADS, route } from '../fold.ts';
import { type Generation } from './generation.ts';

/** Events of the log passed and in it, and how the rest will go. `null`: not known yet. */
export type Progress = Readonly<{ done: number; total: number; eventsPerSecond: number | null; secondsLeft: number | null }>;

const PAGE = 500;
/** Requests wait at most about this long for a build's piece of work. */
const TURN_MS = 5;
const DOCUMENTS_A_TURN = 250;

export type BuildLimits = Readonly<{
  /** How many documents may be held in memory. */
  held: number;
  /** A crash costs at most about this much of the work. */
  flushMs: number;
}>;

export const BUILD_LIMITS: BuildLimits = { held: 200_000, flushMs: 15_000 };

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
  readonly #held = new Map<string, Document>();
  readonly #changed = new Set<string>();
  readonly #heads = new Map<StreamName, Revision>();
  readonly #movedHeads = new Set<StreamName>();
  /** The position folded in memory; the generation's own is what is stored. */
  #position: Position;
  #head: Position;
  /** Nothing is stored that is not held: a document not held does not exist. */
  #holdsAll: boolean;
  #started: Readonly<{ at: number; position: Position }> | undefined;

  constructor(database: Database, store: SqliteEventStore, generation: Generation, limits: BuildLimits) {
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
      this.#heads.set(stream, revision);
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
      const events = this.#store.eventsAfter(this.#position, this.#generation.categories, PAGE);
      this.#take(events);
      if (events.length < PAGE && this.#changed.size <= DOCUMENTS_A_TURN && this.#finish(flip)) {
        flipped();
        this.#position = this.#head = await head;
        return;
      }
      this.#head = await head;
      const now = performance.now();
      if (events.length < PAGE || this.#held.size > this.#limits.held || now - flushed > this.#limits.flushMs) {
        await this.#flush(signal);
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
    const headOf = (stream: StreamName): Revision => this.#heads.get(stream) ?? NO_STREAM;
    const { touches, heads, alarms } = route(plan, events, headOf, isStopped);
    if (!this.#holdsAll) {
      const missing = new Set(touches.flatMap((touch) => touch.documents.filter((id) => !this.#held.has(id))));
      for (const [id, document] of documents.load([...missing])) this.#held.set(id, document);
    }
    for (const id of foldInto(plan, this.#held, touches)) this.#changed.add(id);
    for (const [stream, revision] of heads) {
      this.#heads.set(stream, revision);
      this.#movedHeads.add(stream);
    }
    for (const alarm of alarms) this.#generation.raise(alarm);
    this.#position = last.position;
  }

  /** Without yielding; false when a document needs the log to tell which event its row cannot take. */
  #finish(flip: () => void): boolean {
    let rest: readonly Encoded[];
    try {
      rest = [...this.#changed].map((id) => encode(this.#generation.plan, this.#document(id)));
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

  async #flush(signal: AbortSignal): Promise<void> {
    const changed = [...this.#changed];
    for (let at = 0; at < changed.length; at += DOCUMENTS_A_TURN) {
      const ids = changed.slice(at, at + DOCUMENTS_A_TURN);
      const encoded: Encoded[] = [];
      for (const id of ids) encoded.push(await this.#encoded(id));
      this.#database.transaction(() => {
        this.#storeDocuments(encoded);
      });
      await nextTurn();
      signal.throwIfAborted();
    }
    const heads = [...this.#movedHeads];
    for (let at = 0; at < heads.length; at += DOCUMENTS_A_TURN * 4) {
      this.#database.transaction(() => {
        for (const stream of heads.slice(at, at + DOCUMENTS_A_TURN * 4)) this.#storeHead(stream);
      });
      await nextTurn();
      signal.throwIfAborted();
    }
    this.#movedHeads.clear();
    this.#generation.reach(this.#position);
    if (this.#held.size > this.#limits.held / 2) {
      this.#held.clear();
      this.#holdsAll = false;
    }
  }

  #storeDocuments(documents: readonly Encoded[]): void {
    const lost = this.#generation.documents.save(documents);
    if (lost.length > 0)
      throw new Error(`${this.#generation.plan.projection.name}: ${lost.join(', ')} changed while being built`);
    for (const { id, parts, row, version } of documents) {
      this.#held.set(id, { id, parts, row, version: version + 1 });
      this.#changed.delete(id);
    }
  }

  #storeHead(stream: StreamName): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO generation_heads (generation, stream, revision) VALUES (?, ?, ?)')
      .run(this.#generation.number, stream, this.#heads.get(stream) ?? NO_STREAM);
  }

  #document(id: string): Document {
    const document = this.#held.get(id);
    if (!document) throw new Error(`${id} is not held`);
    return document;
  }

  /** A row that cannot be computed: the document is folded anew from its streams, row by row, to find the event. */
  async #encoded(id: string): Promise<Encoded> {
    const { plan } = this.#generation;
    const document = this.#document(id);
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
      const own = touches.filter(({ documents }) => documents.includes(id));
      return { ...encodeFrom(plan, undefined, document, () => own), version: document.version };
    }
  }
}
