import { setImmediate as nextTurn, setTimeout as timeout } from 'node:timers/promises';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { categoryOf, type Position, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Database } from '#libs/sqlite/database';
import { StorageError } from '#libs/sqlite/storage-error';
import { type Projection, type Row } from '../projection.ts';
import { type ReadModel, type ReadModels } from '../read-model.ts';
import { type ProjectionStatus, type Quarantined, type ReadModelUpkeep, type Retried } from '../upkeep.ts';
import { quarantinedIn, waitingParts } from '../waiting.ts';
import { Build, BUILD_LIMITS, type BuildLimits } from './build.ts';
import { Generation, type GenerationRow, type GenerationState, SCHEMA } from './generation.ts';
import { oneATurn, Serving, type Sleep } from './serving.ts';
import { dropping, type SqliteDocuments, storedGenerations } from './sqlite-documents.ts';
import { SqliteReadModel } from './sqlite-read-model.ts';

type Replay = { readonly build: Build; readonly ended: Promise<void>; readonly cancel: () => void };

const PAGE = 500;
const HEADS_A_TURN = 2_000;

/** The embedded read models: documents in the file of the log, level with it whenever they answer. */
export class SqliteReadModels implements ReadModels, ReadModelUpkeep {
  readonly #database: Database;
  readonly #store: SqliteEventStore;
  readonly #limits: BuildLimits;
  readonly #projections: ReadonlyMap<string, Projection>;
  readonly #serving: ReadonlyMap<string, Serving>;
  readonly #replays = new Map<string, Replay>();
  readonly #failures = new Map<string, string>();
  readonly #closing = new AbortController();
  readonly #leave: (() => void)[] = [];
  #head: Position = 0;
  #background: Promise<unknown> = Promise.resolve();
  #clearing: Promise<void> = Promise.resolve();

  /** The same projection may be named by several services; two different ones of one name are a programming error. */
  constructor(
    database: Database,
    store: SqliteEventStore,
    projections: readonly Projection[],
    {
      sleep = (milliseconds, signal) => timeout(milliseconds, undefined, { signal }),
      limits = BUILD_LIMITS,
    }: Readonly<{ sleep?: Sleep; limits?: BuildLimits }> = {},
  ) {
    database.schema('read models', 1, SCHEMA);
    // They may be deleted at any time, these tables included.
    database.exec(SCHEMA);
    this.#database = database;
    this.#store = store;
    this.#limits = limits;
    const named = new Map<string, Projection>();
    for (const projection of projections) {
      const other = named.get(projection.name);
      if (other && other !== projection) throw new TypeError(`Two projections are called "${projection.name}".`);
      named.set(projection.name, projection);
    }
    this.#projections = named;
    const inTurn = oneATurn();
    this.#serving = new Map(
      [...named.keys()].map((name) => [name, new Serving(name, database, store, sleep, this.#closing.signal, inTurn)]),
    );
  }

  /**
   * Brings every projection to the end of the log, building those that are new or of a raised version, and serves them from then
   * on. An interrupted replay goes on by itself. @throws StorageError for a log that the stored documents do not belong to.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const ending = this.#until(signal);
    this.#head = await this.#store.head();
    const stored = this.#stored().filter(({ projection }) => this.#projections.has(projection));
    for (const row of stored) if (row.state === 'serving') this.#refuseForeign(row);
    for (const [name, projection] of this.#projections) {
      const serving = this.#servingOf(name);
      const row = stored.find((one) => one.state === 'serving' && one.projection === name);
      this.#leave.push(this.#store.follow(serving.take));
      if (row?.version === projection.version) await serving.adopt(Generation.existing(this.#database, projection, row));
      else {
        const previous = row ? Generation.existing(this.#database, projection, row) : undefined;
        await this.#build(name, previous, ending);
      }
    }
    this.#advance();
    this.#background = this.#afterStart();
  }

  of<R extends Row>(projection: Projection<R>): ReadModel<R> {
    const known = this.#projections.get(projection.name);
    if (known?.version !== projection.version) throw new TypeError(`The projection "${projection.name}" is not registered.`);
    const serving = this.#servingOf(projection.name);
    return new SqliteReadModel<R>(this.#database, serving);
  }

  async status(): Promise<readonly ProjectionStatus[]> {
    const head = await this.#store.head();
    return [...this.#projections].map(([name, { version }]) => {
      const serving = this.#servingOf(name);
      serving.settle();
      const { generation, isLevel } = serving;
      const position = isLevel ? head : (generation?.position ?? 0);
      return {
        projection: name,
        version,
        state: !generation ? 'building' : isLevel ? 'serving' : 'behind',
        generation: generation?.number ?? null,
        position,
        lag: head - position,
        quarantined: generation ? generation.alarms.length + waitingParts(generation.documents.flagged()).length : 0,
        error: serving.error ?? this.#failures.get(name) ?? null,
        progress: this.#replays.get(name)?.build.progress ?? null,
      };
    });
  }

  /** Aborting gives the new generation up. */
  async replay(name: string, signal?: AbortSignal): Promise<void> {
    const serving = this.#serving.get(name);
    if (!serving) throw new DomainError('not-found', 'unknown-projection', `There is no projection "${name}".`);
    if (this.#replays.has(name))
      throw new DomainError('conflict', 'replay-running', `The projection "${name}" is being replayed already.`);
    const previous = serving.current();
    try {
      await this.#build(name, previous, this.#until(signal));
    } catch (error) {
      if (!this.#closing.signal.aborted) {
        this.#giveUp(name);
        await this.#clearRetired();
      }
      throw error;
    }
    await this.#clearRetired();
  }

  async cancelReplay(name: string): Promise<void> {
    if (!this.#serving.has(name)) throw new DomainError('not-found', 'unknown-projection', `There is no projection "${name}".`);
    const replay = this.#replays.get(name);
    if (!replay) throw new DomainError('conflict', 'replay-not-running', `The projection "${name}" is not being replayed.`);
    replay.cancel();
    await replay.ended.catch(() => undefined);
  }

  async quarantined(): Promise<readonly Quarantined[]> {
    for (const serving of this.#serving.values()) serving.settle();
    return [...this.#serving.values()].flatMap(({ name, generation }): readonly Quarantined[] =>
      generation ? quarantinedIn(name, generation.alarms, generation.documents.flagged()) : [],
    );
  }

  async retry(projection?: string): Promise<Retried> {
    if (projection !== undefined && !this.#serving.has(projection))
      throw new DomainError('not-found', 'unknown-projection', `There is no projection "${projection}".`);
    let retried = 0;
    let remaining = 0;
    for (const serving of this.#serving.values()) {
      if (projection !== undefined && serving.name !== projection) continue;
      const generation = serving.current();
      const alarms = generation.alarms;
      for (const { stream } of alarms) await this.#resume(serving, stream);
      const documents = this.#undoable(generation, () => generation.retryQuarantined(this.#presently));
      retried += alarms.length + documents.retried;
      remaining += generation.alarms.length + documents.remaining;
    }
    return { retried, remaining };
  }

  /** Ends what is being built; a later start goes on from there. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('The read models are being closed.'));
    for (const leave of this.#leave.splice(0)) leave();
    for (const serving of this.#serving.values()) serving.settle();
    await Promise.allSettled([
      this.#background,
      this.#clearing,
      ...[...this.#replays.values()].map(({ ended }) => ended),
      ...[...this.#serving.values()].map((serving) => serving.ended()),
    ]);
  }

  /** The documents that serve a projection. */
  documents(name: string): SqliteDocuments {
    return this.#servingOf(name).current().documents;
  }

  #servingOf(name: string): Serving {
    const serving = this.#serving.get(name);
    if (!serving) throw new TypeError(`The projection "${name}" is not registered.`);
    return serving;
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
  }

  #stored(state?: GenerationState): readonly GenerationRow[] {
    const rows = this.#database
      .prepare<GenerationRow>(
        'SELECT generation, projection, version, state, position, log_id FROM generations ORDER BY generation',
      )
      .all();
    return state ? rows.filter((row) => row.state === state) : rows;
  }

  #refuseForeign({ projection, position, log_id }: GenerationRow): void {
    const remedy =
      'Put the database of the same backup in its place, or have the read models built anew from the log: DELETE FROM generations in that database.';
    if (log_id !== this.#store.logId)
      throw new StorageError(
        'foreign',
        `The read model "${projection}" was built from the log ${log_id}, but this is the log ${this.#store.logId}. ${remedy}`,
      );
    if (position > this.#head)
      throw new StorageError(
        'foreign',
        `The read model "${projection}" has reached position ${String(position)}, but the log ends at ${String(this.#head)}: an older log was put in place. ${remedy}`,
      );
  }

  /** Builds, or goes on building, a generation and flips to it. */
  async #build(name: string, previous: Generation | undefined, signal: AbortSignal): Promise<void> {
    const generation = this.#unfinished(name) ?? Generation.create(this.#database, this.#projection(name), this.#store.logId);
    const build = new Build(this.#database, this.#store, generation, this.#servingOf(name).isLevel, this.#limits);
    const flip = (): void => {
      const gap = generation.alarms.find(({ kind }) => kind === 'gap');
      if (gap)
        throw new DomainError(
          'rejected',
          'replay-incomplete',
          `The log lacks events of ${gap.stream} (${gap.reason}), so "${name}" cannot be built from it. Restore the log from a backup.`,
        );
      if (!generation.flip(previous))
        throw new DomainError('conflict', 'replay-overtaken', `Another generation of "${name}" serves by now.`);
    };
    const cancelling = new AbortController();
    const ended = build.run(
      flip,
      () => {
        this.#servingOf(name).flip(generation);
      },
      AbortSignal.any([signal, cancelling.signal]),
    );
    const cancel = (): void => {
      cancelling.abort(new Error('The replay was cancelled.'));
    };
    this.#replays.set(name, { build, ended, cancel });
    this.#failures.delete(name);
    try {
      await ended;
    } catch (error) {
      this.#failures.set(name, error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      this.#replays.delete(name);
    }
  }

  /** What a crash, or an abort of the whole process, left half built. */
  #unfinished(name: string): Generation | undefined {
    const projection = this.#projection(name);
    const row = this.#stored('building').find((one) => one.projection === name);
    if (!row) return undefined;
    if (row.version === projection.version && row.log_id === this.#store.logId && row.position <= this.#head)
      return Generation.existing(this.#database, projection, row);
    this.#giveUp(name);
    return undefined;
  }

  #giveUp(name: string): void {
    this.#database.prepare(`UPDATE generations SET state = 'retired' WHERE projection = ? AND state = 'building'`).run(name);
  }

  /** Everything that was folded up to the head of the start is folded: no later start has to look through that part of the log. */
  #advance(): void {
    this.#database.transaction(() => {
      for (const { generation } of this.#serving.values()) generation?.reach(this.#head);
    });
  }

  async #afterStart(): Promise<void> {
    for (const { projection } of this.#stored('building'))
      if (this.#projections.has(projection) && this.#unfinished(projection))
        await this.replay(projection).catch(() => undefined /* told by status() */);
    await this.#clearRetired();
  }

  /** One after the other, whoever asks. */
  #clearRetired(): Promise<void> {
    this.#clearing = this.#clearing.then(() => this.#dropRetired());
    return this.#clearing;
  }

  /** Piece by piece: dropping a large table at once would hold up requests. */
  async #dropRetired(): Promise<void> {
    const heads = this.#database.prepare(
      `DELETE FROM generation_heads WHERE (generation, stream) IN (SELECT generation, stream FROM generation_heads
         WHERE generation NOT IN (SELECT generation FROM generations WHERE state = 'building') LIMIT ?)`,
    );
    while (heads.run(HEADS_A_TURN).changes > 0) {
      await nextTurn();
      if (this.#closing.signal.aborted) return;
    }
    const known = this.#stored();
    const unknown = storedGenerations(this.#database).filter((number) => !known.some(({ generation }) => generation === number));
    for (const generation of [...known.flatMap((row) => (row.state === 'retired' ? [row.generation] : [])), ...unknown]) {
      for (const drop of dropping(this.#database, generation)) {
        drop();
        await nextTurn();
        if (this.#closing.signal.aborted) return;
      }
      this.#database.transaction(() => {
        for (const table of ['generation_alarms', 'generations'])
          this.#database.prepare(`DELETE FROM ${table} WHERE generation = ?`).run(generation);
      });
    }
  }

  /** As it reads in today's language: the fix may have been an upcaster. */
  readonly #presently = (event: Recorded): Recorded =>
    this.#store.eventsAfter(event.position - 1, [categoryOf(event.stream)], 1)[0] ?? event;

  async #resume(serving: Serving, stream: StreamName): Promise<void> {
    // Both are read in this moment; what is appended until they are here is read below, in one piece with the folding.
    const [head, { events: before }] = await Promise.all([this.#store.head(), this.#store.read(stream)]);
    const generation = serving.current();
    const events = [...before];
    for (let from = head; ;) {
      const page = this.#store.eventsAfter(from, [categoryOf(stream)], PAGE);
      events.push(...page.filter((event) => event.stream === stream));
      const last = page.at(-1);
      if (!last || page.length < PAGE) break;
      from = last.position;
    }
    this.#undoable(generation, () => {
      generation.resume(stream, events);
    });
  }

  #undoable<T>(generation: Generation, work: () => T): T {
    try {
      return this.#database.transaction(work);
    } catch (error) {
      generation.reload();
      throw error;
    }
  }

  #projection(name: string): Projection {
    const projection = this.#projections.get(name);
    if (!projection) throw new TypeError(`The projection "${name}" is not registered.`);
    return projection;
  }
}
