import { setImmediate as nextTurn, setTimeout as timeout } from 'node:timers/promises';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { categoryOf, type Position, type Recorded, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type Follower, type SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Database } from '#libs/sqlite/database';
import { StorageError } from '#libs/sqlite/storage-error';
import { type Clock, type Instant, systemClock } from '#libs/time/time';
import { aborted, attempt, BEHIND, DELAYS, HANDLER_TIMEOUT_MS, messageOf, targetOf } from '../attempt.ts';
import { type Bus, type ConsumerStatus, type Failure, type Parked } from '../bus.ts';
import { type Consumer } from '../consumer.ts';

const SCHEMA = `
  CREATE TABLE consumers (name TEXT PRIMARY KEY, position INTEGER NOT NULL, log_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE parked (
    consumer TEXT NOT NULL, position INTEGER NOT NULL, target TEXT NOT NULL, stream TEXT NOT NULL, revision INTEGER NOT NULL,
    reason TEXT NOT NULL, behind INTEGER NOT NULL, parked_at TEXT NOT NULL, bytes TEXT NOT NULL,
    PRIMARY KEY (consumer, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX parked_by_target ON parked (consumer, target, position);
`;
const PARKED = 'consumer, position, target, stream, revision, reason, behind, parked_at, bytes';
const PAGE = 100;

type ParkedRow = {
  consumer: string;
  position: number;
  target: string;
  stream: StreamName;
  revision: Revision;
  reason: string;
  behind: number;
  parked_at: Instant;
  bytes: string;
};

export type BusOptions = Readonly<{
  /** Milliseconds before each further delivery of a failing event; as many as there are, then it is parked or the consumer stops. */
  delays?: readonly number[];
  /** A handler that takes longer has failed. It is told by its signal; one that does not listen may still be running beside the next try. */
  handlerTimeout?: number;
  /** Rejects when the signal aborts. */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  clock?: Clock;
}>;

type Run = {
  readonly consumer: Consumer;
  readonly ending: AbortSignal;
  state: ConsumerStatus['state'];
  /** Handled or parked; ahead of the checkpoint by at most a page. */
  position: Position;
  checkpoint: Position;
  failure: Failure | null;
  /** Nothing left to read: level with whatever the head is. */
  idle: boolean;
  wake: () => void;
};

type Outcome = 'done' | 'stopped' | 'aborted';

const SETTLE_TIMEOUT_MS = 10_000;
/** How long a consumer rests after a fault that is not its handler's, such as a full disk. */
const FAULT_DELAY_MS = 1_000;

/** The tail of the SQLite log: each consumer reads it on its own from a checkpoint in the same file. */
export class EmbeddedBus implements Bus {
  readonly #database: Database;
  readonly #store: SqliteEventStore;
  readonly #delays: readonly number[];
  readonly #handlerTimeout: number;
  readonly #sleep: NonNullable<BusOptions['sleep']>;
  readonly #clock: Clock;
  readonly #runs = new Map<string, Run>();
  readonly #retrying = new Set<string>();
  readonly #watchers = new Set<() => void>();

  constructor(
    database: Database,
    store: SqliteEventStore,
    {
      delays = DELAYS,
      handlerTimeout = HANDLER_TIMEOUT_MS,
      sleep = (milliseconds, signal) => timeout(milliseconds, undefined, { signal }),
      clock = systemClock,
    }: BusOptions = {},
  ) {
    database.schema('messaging', 1, SCHEMA);
    this.#database = database;
    this.#store = store;
    this.#delays = delays;
    this.#handlerTimeout = handlerTimeout;
    this.#sleep = sleep;
    this.#clock = clock;
  }

  async verify(consumers: readonly Consumer[]): Promise<void> {
    const head = await this.#store.head();
    for (const { name } of consumers) this.#checkpointOf(name, head);
  }

  async run(consumers: readonly Consumer[], signal: AbortSignal): Promise<void> {
    const head = await this.#store.head();
    const runs = consumers.map((consumer): Run => {
      const position = this.#checkpointOf(consumer.name, head);
      const begun = { state: 'running', position, checkpoint: position, failure: null, idle: false } as const;
      return { consumer, ending: signal, ...begun, wake: () => undefined };
    });
    this.#runs.clear();
    for (const run of runs) {
      if (this.#runs.has(run.consumer.name)) throw new TypeError(`Two consumers are called "${run.consumer.name}".`);
      this.#runs.set(run.consumer.name, run);
    }
    const leave = this.#store.follow(this.#alarmClock(runs));
    try {
      await Promise.all([aborted(signal), ...runs.map((run) => this.#consume(run, signal))]);
    } finally {
      leave();
    }
  }

  async status(): Promise<readonly ConsumerStatus[]> {
    const head = await this.#store.head();
    return [...this.#runs.values()].map(({ consumer: { name }, state, position, failure, idle }) => ({
      consumer: name,
      state,
      position: idle ? head : position,
      lag: idle ? 0 : Math.max(0, head - position),
      parked: this.#parkedCount(name),
      failure,
    }));
  }

  async parked(consumer?: string): Promise<readonly Parked[]> {
    return this.#parkedRows(consumer).map(({ behind, parked_at, ...row }) => ({
      ...row,
      eventId: (JSON.parse(row.bytes) as Recorded).eventId,
      behind: behind === 1,
      parkedAt: parked_at,
    }));
  }

  async retryParked(name: string, target?: string): Promise<Readonly<{ handled: number; remaining: number }>> {
    const run = this.#runs.get(name);
    if (!run) throw new DomainError('not-found', 'unknown-consumer', `There is no consumer "${name}".`);
    if (this.#retrying.has(name))
      throw new DomainError('conflict', 'retry-running', `The parked messages of "${name}" are being retried already.`);
    this.#retrying.add(name);
    try {
      const targets = target === undefined ? new Set(this.#parkedRows(name).map((row) => row.target)) : [target];
      let handled = 0;
      for (const one of targets) handled += await this.#retryTarget(run, one);
      return { handled, remaining: this.#parkedRows(name).filter((row) => target === undefined || row.target === target).length };
    } finally {
      this.#retrying.delete(name);
    }
  }

  async dropParked(consumer: string, eventId: string): Promise<void> {
    const { changes } = await this.#database.turn.run(() =>
      this.#database.prepare(`DELETE FROM parked WHERE consumer = ? AND bytes ->> '$.eventId' = ?`).run(consumer, eventId),
    );
    if (changes === 0) throw new DomainError('not-found', 'not-parked', `"${consumer}" has not parked the event "${eventId}".`);
  }

  async untilCaughtUp(position: Position, { timeout: limit }: Readonly<{ timeout: number }>): Promise<void> {
    const behind = (): readonly Run[] => [...this.#runs.values()].filter((run) => !run.idle && run.position < position);
    await new Promise<void>((resolve, reject) => {
      const end = (finish: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        finish();
      };
      const look = (): void => {
        const left = behind();
        const ended = left.find(({ state }) => state === 'stopped' || state === 'ended');
        if (ended)
          end(() => {
            reject(new Error(`${ended.consumer.name} has ${ended.state}: ${ended.failure?.message ?? 'no longer run'}`));
          });
        else if (left.length === 0) end(resolve);
      };
      const timer = setTimeout(() => {
        const names = behind().map(
          (run) => `${run.consumer.name} at ${String(run.position)} (${run.failure?.message ?? run.state})`,
        );
        end(() => {
          reject(new Error(`After ${String(limit)} ms these have not reached position ${String(position)}: ${names.join(', ')}`));
        });
      }, limit);
      this.#watchers.add(look);
      look();
    });
  }

  async settled({ timeout: limit }: Readonly<{ timeout: number }> = { timeout: SETTLE_TIMEOUT_MS }): Promise<void> {
    const until = performance.now() + limit;
    for (;;) {
      const head = await this.#store.head();
      await this.untilCaughtUp(head, { timeout: Math.max(1, until - performance.now()) });
      if ((await this.#store.head()) === head) return;
    }
  }

  /** @throws StorageError for a checkpoint that this log cannot have made. */
  #checkpointOf(name: string, head: Position): Position {
    const stored = this.#database
      .prepare<{ position: number; log_id: string }>('SELECT position, log_id FROM consumers WHERE name = ?')
      .get(name);
    const remedy = `Restore the log that belongs to it, or delete the row "${name}" from the table "consumers" to let it start from the beginning.`;
    if (stored && stored.log_id !== this.#store.logId)
      throw new StorageError(
        'foreign',
        `The checkpoint of the consumer "${name}" belongs to the log ${stored.log_id}, but this is the log ${this.#store.logId}. ${remedy}`,
      );
    if (stored && stored.position > head)
      throw new StorageError(
        'foreign',
        `The consumer "${name}" has reached position ${String(stored.position)}, but the log ends at ${String(head)}: an older log was put in place. ${remedy}`,
      );
    return stored?.position ?? 0;
  }

  /** Before anybody is answered, so that nobody takes a consumer for level whom the answered command concerns. */
  #alarmClock(runs: readonly Run[]): Follower {
    return (events) => {
      const categories = new Set(events.map(({ stream }) => categoryOf(stream)));
      for (const run of runs) {
        if (!run.idle || !run.consumer.categories.some((category) => categories.has(category))) continue;
        run.idle = false;
        setImmediate(run.wake);
      }
    };
  }

  async #consume(run: Run, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && run.state !== 'stopped')
      try {
        await this.#nextPage(run, signal);
      } catch (error) {
        // Not the handler's: the store or the disk. Nothing is lost, since the checkpoint has not moved.
        run.failure = { event: null, message: messageOf(error), attempts: 1 };
        await this.#sleep(FAULT_DELAY_MS, signal).catch(() => undefined);
      }
    if (run.state !== 'stopped') run.state = 'ended';
    await this.#saveCheckpoint(run).catch(() => undefined);
    this.#moved();
  }

  async #nextPage(run: Run, signal: AbortSignal): Promise<void> {
    const events = this.#store.eventsAfter(run.position, run.consumer.categories, PAGE);
    if (events.length === 0) {
      if (run.position > run.checkpoint) return this.#saveCheckpoint(run);
      return this.#rest(run, signal);
    }
    for (const event of events) {
      const outcome = await this.#deliver(run, event, signal);
      if (outcome !== 'done') return;
      run.position = event.position;
      run.failure = null;
      run.state = 'running';
      this.#moved();
    }
    await this.#saveCheckpoint(run);
    // Handlers that never wait would keep requests and timers from running.
    await nextTurn();
  }

  #rest(run: Run, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      run.idle = true;
      if (run.failure?.event === null) run.failure = null;
      run.wake = () => {
        run.idle = false;
        signal.removeEventListener('abort', run.wake);
        resolve();
      };
      signal.addEventListener('abort', run.wake);
      this.#moved();
    });
  }

  async #deliver(run: Run, event: Recorded, signal: AbortSignal): Promise<Outcome> {
    const { name, onFailure } = run.consumer;
    const target = targetOf(run.consumer, event);
    if (this.#nextParked(name, target)) {
      await this.#park(run, event, target, BEHIND, true);
      return 'done';
    }
    for (let attempts = 1; ; attempts++) {
      const message = await attempt(run.consumer, event, signal, this.#handlerTimeout);
      if (message === undefined) return 'done';
      if (signal.aborted) return 'aborted';
      const { stream, revision, position } = event;
      run.failure = { event: { stream, revision, position }, message, attempts };
      const delay = this.#delays[attempts - 1];
      if (delay === undefined) {
        if (onFailure === 'stop') {
          run.state = 'stopped';
          return 'stopped';
        }
        await this.#park(run, event, target, message, false);
        return 'done';
      }
      run.state = 'retrying';
      await this.#sleep(delay, signal).catch(() => undefined);
      if (signal.aborted) return 'aborted';
    }
  }

  async #park(run: Run, event: Recorded, target: string, reason: string, behind: boolean): Promise<void> {
    const { stream, revision, position } = event;
    await this.#database.turn.run(() => {
      this.#database
        .prepare(`INSERT OR REPLACE INTO parked (${PARKED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
        .run(
          ...[run.consumer.name, position, target, stream, revision],
          ...[reason, Number(behind), this.#clock.now(), JSON.stringify(event)],
        );
      this.#writeCheckpoint(run, position);
    });
    run.checkpoint = position;
  }

  /** In order, up to the first that fails again. What parks behind meanwhile is taken too. */
  async #retryTarget(run: Run, target: string): Promise<number> {
    const { name } = run.consumer;
    for (let handled = 0; ; handled++) {
      const next = this.#nextParked(name, target);
      if (!next || run.ending.aborted) return handled;
      const message = await attempt(run.consumer, this.#presently(next), run.ending, this.#handlerTimeout);
      await this.#database.turn.run(() => {
        if (message === undefined) this.#unpark(name, next.position);
        else
          this.#database
            .prepare('UPDATE parked SET reason = ?, behind = 0 WHERE consumer = ? AND position = ?')
            .run(message, name, next.position);
      });
      if (message !== undefined) return handled;
    }
  }

  /** As it reads in today's language: since it was parked, its type may have been retired. */
  #presently({ position, stream, bytes }: ParkedRow): Recorded {
    return this.#store.eventsAfter(position - 1, [categoryOf(stream)], 1)[0] ?? (JSON.parse(bytes) as Recorded);
  }

  #nextParked(consumer: string, target: string): ParkedRow | undefined {
    return this.#database
      .prepare<ParkedRow>(`SELECT ${PARKED} FROM parked WHERE consumer = ? AND target = ? ORDER BY position LIMIT 1`)
      .get(consumer, target);
  }

  #unpark(consumer: string, position: Position): void {
    this.#database.prepare('DELETE FROM parked WHERE consumer = ? AND position = ?').run(consumer, position);
  }

  #parkedRows(consumer?: string): readonly ParkedRow[] {
    return consumer === undefined
      ? this.#database.prepare<ParkedRow>(`SELECT ${PARKED} FROM parked ORDER BY position, consumer`).all()
      : this.#database.prepare<ParkedRow>(`SELECT ${PARKED} FROM parked WHERE consumer = ? ORDER BY position`).all(consumer);
  }

  #parkedCount(consumer: string): number {
    const counted = this.#database
      .prepare<{ count: number }>('SELECT count(*) AS count FROM parked WHERE consumer = ?')
      .get(consumer);
    return counted?.count ?? 0;
  }

  async #saveCheckpoint(run: Run): Promise<void> {
    const { position } = run;
    if (position === run.checkpoint) return;
    await this.#database.turn.run(() => {
      this.#writeCheckpoint(run, position);
    });
    run.checkpoint = position;
  }

  #writeCheckpoint({ consumer }: Run, position: Position): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO consumers (name, position, log_id) VALUES (?, ?, ?)')
      .run(consumer.name, position, this.#store.logId);
  }

  #moved(): void {
    for (const look of [...this.#watchers]) look();
  }
}
