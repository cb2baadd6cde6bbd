import { setImmediate as nextTurn } from 'node:timers/promises';
import { sabotaged } from '#libs/sabotage';
import { type Database, type Statement, type Value } from '#libs/sqlite/database';
import { StorageError } from '#libs/sqlite/storage-error';
import { type TurnParticipant } from '#libs/sqlite/turn';
import { DomainError } from '../domain-error.ts';
import {
  type Category,
  categoryOf,
  type DomainEvent,
  type Metadata,
  NO_STREAM,
  type Position,
  type Recorded,
  type Revision,
  type StreamName,
} from '../event.ts';
import { type Appended, type Batch, type EventStore, type ReadRange, RevisionConflict } from '../event-store.ts';
import { upcast, type Upcasters } from '../upcasting.ts';
import { type WrittenEvent, written } from '../written-event.ts';
import { type Beside, BriefEvent } from './brief-event.ts';

const SCHEMA = `
  CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    category TEXT NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    metadata TEXT NOT NULL,
    event_id TEXT NOT NULL,
    UNIQUE (stream, revision)
  ) STRICT;
  CREATE INDEX events_by_category ON events (category, position);
`;
const COLUMNS = 'position, stream, revision, type, data, metadata, event_id';
const BRIEF_COLUMNS = 'position, stream, revision, type, data';
/** How many events a subscription holds in memory at once. */
const PAGE = 500;

type EventRow = {
  position: number;
  stream: StreamName;
  revision: number;
  type: string;
  data: string;
  metadata: string;
  event_id: string;
};
/** Of `BRIEF_COLUMNS`. */
type BriefRow = readonly [position: number, stream: StreamName, revision: number, type: string, data: string];

/** Is told the events of every turn in store order, once they are committed and before anybody is answered. Must not throw. */
export type Follower = (events: readonly Recorded[]) => void;

/**
 * How long another process's commit goes unnoticed by whoever waits for one: not long while commits come, and a little longer in
 * quiet times, since each look costs some 0.1 ms of processor time, nearly all of it for waking up.
 */
const LOOK_MS = 2;
const QUIET_LOOK_MS = 20;
/** Without any commit. */
const QUIET_AFTER_MS = 250;

/**
 * The embedded write side. Appends of one turn of the event loop share a transaction; see `Turn`. Positions are given within the
 * transaction, so they are in the order of the commits, also those of other processes where the database is shared.
 */
export class SqliteEventStore implements EventStore, TurnParticipant {
  readonly logId: string;
  readonly #database: Database;
  readonly #upcasters: ReadonlyMap<string, (data: unknown) => DomainEvent>;
  readonly #checksRevision = !sabotaged('revision-check');
  readonly #followers = new Set<Follower>();
  readonly #waiting = new Set<Waiting>();
  readonly #closed = new AbortController();
  readonly #headOf: Statement<{ revision: number }>;
  readonly #insert: Statement<never>;
  readonly #stream: Statement<EventRow>;
  readonly #beside: Statement<Pick<EventRow, 'metadata' | 'event_id'>>;
  readonly #head: Statement<{ position: number | null }>;
  #appended: Recorded[] = [];
  #isLooking = false;
  #lastNews = 0;

  constructor(database: Database, { upcasters = {} }: Readonly<{ upcasters?: Upcasters }> = {}) {
    database.schema('events', 1, SCHEMA);
    this.logId = database.logId;
    this.#database = database;
    this.#upcasters = new Map(Object.entries(upcasters) as [string, (data: unknown) => DomainEvent][]);
    this.#headOf = database.prepare('SELECT revision FROM events WHERE stream = ? ORDER BY revision DESC LIMIT 1');
    this.#insert = database.prepare(
      'INSERT INTO events (stream, revision, category, type, data, metadata, event_id) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#stream = database.prepare(
      `SELECT ${COLUMNS} FROM events WHERE stream = ? AND revision > ? AND revision <= ? ORDER BY revision`,
    );
    this.#beside = database.prepare('SELECT metadata, event_id FROM events WHERE position = ?');
    this.#head = database.prepare('SELECT max(position) AS position FROM events');
    database.turn.join(this);
  }

  /** From now on `follower` is told of every turn, in the order of these calls. The result takes it out again. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
    };
  }

  read<E extends DomainEvent>(
    stream: StreamName,
    { after = NO_STREAM, upTo = Number.MAX_SAFE_INTEGER }: ReadRange = {},
  ): Promise<Readonly<{ revision: Revision; events: readonly Recorded<E>[] }>> {
    return promised(() => {
      // Most readers have read before, and nothing is new: the index alone says so.
      const head = this.#revisionOf(stream);
      if (head <= after) return { revision: Math.min(head, upTo), events: [] };
      const events = this.#recorded(this.#stream.all(stream, after, upTo)) as readonly Recorded<E>[];
      return { revision: events.at(-1)?.revision ?? Math.min(head, upTo), events };
    });
  }

  append(stream: StreamName, events: readonly DomainEvent[], expected: Revision, metadata: Metadata): Promise<Appended> {
    return this.appendBatches(stream, [{ events, metadata }], expected);
  }

  async appendBatches(stream: StreamName, batches: readonly Batch[], expected: Revision): Promise<Appended> {
    const ready = written(stream, batches);
    try {
      return await this.#database.turn.run(() => this.#write(stream, ready, expected));
    } catch (error) {
      if (error instanceof StorageError && error.fault === 'busy')
        throw new DomainError('unavailable', 'event-store-busy', 'Too many others write here at the same time: try again.');
      throw error;
    }
  }

  async *subscribe(
    categories: readonly Category[],
    from: Position | 'start',
    signal: AbortSignal,
    passed: (position: Position) => void = () => undefined,
  ): AsyncGenerator<Recorded | 'caught-up'> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    let position = from === 'start' ? 0 : from;
    let told = false;
    while (!ended.aborted) {
      const others = this.#othersCommits();
      const head = this.#position();
      const events = this.eventsAfter(position, categories, PAGE);
      for (const event of events) {
        if (ended.aborted) return;
        yield event;
      }
      // The last page proves that nothing else of these categories stands before the head.
      position = Math.max(events.length < PAGE ? head : position, events.at(-1)?.position ?? position);
      if (events.length > 0) {
        told = false;
        // A long way to catch up must not keep requests, timers and the abort itself from running.
        await nextTurn();
      } else if (told) await this.#nextCommit(ended, others);
      else {
        told = true;
        if (position > 0) passed(position);
        yield 'caught-up';
      }
    }
  }

  /**
   * Up to `limit` events of the categories after `position` (exclusive), in store order, committed ones only when called outside a
   * turn. Synchronous, for whoever follows the log within this process.
   */
  eventsAfter(position: Position, categories: readonly Category[], limit: number): readonly Recorded[] {
    if (categories.length === 0) return [];
    const { text, parameters } = rowsAfter(COLUMNS, position, categories, limit);
    return this.#recorded(this.#database.prepare<EventRow>(text).all(...parameters));
  }

  /** The same events with nothing but their data read yet: for whoever folds very many. */
  briefEventsAfter(position: Position, categories: readonly Category[], limit: number): readonly Recorded[] {
    if (categories.length === 0) return [];
    const { text, parameters } = rowsAfter(BRIEF_COLUMNS, position, categories, limit);
    return this.#database
      .prepareTuples<BriefRow>(text)
      .all(...parameters)
      .map(([at, stream, revision, type, json]) => {
        const data = JSON.parse(json) as unknown;
        if (!this.#upcasters.has(type)) return new BriefEvent(type, data, stream, revision, at, this.#besideOf);
        const present = upcast(this.#upcasters, { type, data });
        return new BriefEvent(present.type, present.data, stream, revision, at, this.#besideOf);
      });
  }

  readonly #besideOf = (position: Position): Beside => {
    const found = this.#beside.get(position);
    if (!found) throw new StorageError('corrupt', `${this.#database.file} has lost the event at position ${String(position)}.`);
    return { eventId: found.event_id, metadata: JSON.parse(found.metadata) as Metadata };
  };

  head(): Promise<Position> {
    return promised(() => this.#position());
  }

  /** Ends all subscriptions and closes the database, after what is queued has been committed. */
  close(): void {
    this.#closed.abort();
    this.#database.close();
  }

  committed(): void {
    const events = this.#appended;
    if (events.length === 0) return;
    this.#appended = [];
    this.#lastNews = performance.now();
    for (const told of this.#followers) told(events);
    for (const { proceed } of [...this.#waiting]) proceed();
  }

  rolledBack(): void {
    this.#appended = [];
  }

  #write(stream: StreamName, ready: readonly WrittenEvent[], expected: Revision): Appended {
    const before = this.#revisionOf(stream);
    if (before !== expected && this.#checksRevision) throw new RevisionConflict(stream, expected);
    const category = categoryOf(stream);
    let revision = before;
    const events = ready.map(({ event, metadata, data, metadataText, eventId }): Recorded => {
      revision += 1;
      const position = this.#insert.run(stream, revision, category, event.type, data, metadataText, eventId).lastInsertRowid;
      return { ...upcast(this.#upcasters, event), stream, revision, position, eventId, metadata };
    });
    this.#appended.push(...events);
    return { revision, position: events.at(-1)?.position ?? 0, events };
  }

  #recorded(rows: readonly EventRow[]): Recorded[] {
    // Events of one command carry the same metadata: parsed once.
    let text: string | undefined;
    let metadata: Metadata | undefined;
    return rows.map((row) => {
      if (metadata === undefined || row.metadata !== text) metadata = JSON.parse((text = row.metadata)) as Metadata;
      const { type, data } = upcast(this.#upcasters, { type: row.type, data: JSON.parse(row.data) as unknown });
      return {
        type,
        data,
        stream: row.stream,
        revision: row.revision,
        position: row.position,
        eventId: row.event_id,
        metadata,
      };
    });
  }

  #revisionOf(stream: StreamName): Revision {
    return this.#headOf.get(stream)?.revision ?? NO_STREAM;
  }

  #position(): Position {
    return this.#head.get()?.position ?? 0;
  }

  /** Of this process, or of another one since `others` was read. */
  #nextCommit(ended: AbortSignal, others: number): Promise<void> {
    return new Promise((resolve) => {
      const proceed = (): void => {
        this.#waiting.delete(waiting);
        ended.removeEventListener('abort', proceed);
        resolve();
      };
      const waiting: Waiting = { others, proceed };
      this.#waiting.add(waiting);
      ended.addEventListener('abort', proceed);
      if (this.#database.shared) this.#look();
    });
  }

  #othersCommits(): number {
    return this.#database.shared ? this.#database.othersCommits : 0;
  }

  /** Another process tells nobody of its commits: looked for as long as somebody waits. */
  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const isQuiet = performance.now() - this.#lastNews > QUIET_AFTER_MS;
    setTimeout(
      () => {
        this.#isLooking = false;
        if (this.#waiting.size === 0 || !this.#database.isOpen) return;
        const waiting = [...this.#waiting];
        try {
          const present = this.#othersCommits();
          const woken = waiting.filter(({ others }) => others !== present);
          if (woken.length > 0) this.#lastNews = performance.now();
          for (const { proceed } of woken) proceed();
        } catch {
          // Whoever waits meets the fault itself when it reads.
          for (const { proceed } of waiting) proceed();
        }
        this.#look();
      },
      isQuiet ? QUIET_LOOK_MS : LOOK_MS,
    ).unref();
  }
}

type Waiting = Readonly<{ others: number; proceed: () => void }>;

/** A synchronous answer, or its error, as the port gives it. */
const promised = <T>(work: () => T): Promise<T> => {
  try {
    return Promise.resolve(work());
  } catch (error) {
    return Promise.reject(error as Error);
  }
};

/** Each category's index is followed in turn and merged: a rare category costs no scan of the log, and no row is read in vain. */
const rowsAfter = (
  columns: string,
  position: Position,
  categories: readonly Category[],
  limit: number,
): Readonly<{ text: string; parameters: readonly Value[] }> => {
  const each = categories.map(() => `SELECT ${columns} FROM events WHERE category = ? AND position > ?`);
  const parameters = [...categories.flatMap((category) => [category, position]), limit];
  return { text: `${each.join(' UNION ALL ')} ORDER BY position LIMIT ?`, parameters };
};
