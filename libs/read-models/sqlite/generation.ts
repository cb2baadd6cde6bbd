import { type Category, type Position, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type Database } from '#libs/sqlite/database';
import { type Alarm, categoriesOf, fold, foldWaiting, NO_HEADS, type Plan, planOf, route, type Routed } from '../fold.ts';
import { type Projection } from '../projection.ts';
import { type Retried } from '../upkeep.ts';
import { dropping, SqliteDocuments } from './sqlite-documents.ts';

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS generations (
    generation INTEGER PRIMARY KEY AUTOINCREMENT,
    projection TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('building', 'serving', 'retired')),
    position INTEGER NOT NULL,
    log_id TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS one_serves ON generations (projection) WHERE state = 'serving';
  CREATE UNIQUE INDEX IF NOT EXISTS one_is_built ON generations (projection) WHERE state = 'building';
  CREATE TABLE IF NOT EXISTS generation_heads (
    generation INTEGER NOT NULL, stream TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (generation, stream)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS generation_alarms (
    generation INTEGER NOT NULL, stream TEXT NOT NULL, revision INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (generation, stream)
  ) STRICT, WITHOUT ROWID;
`;

export type GenerationState = 'building' | 'serving' | 'retired';
export type GenerationRow = {
  generation: number;
  projection: string;
  version: number;
  state: GenerationState;
  position: number;
  log_id: string;
};

/** One copy of a projection's documents, and the position of the log that it has reached. */
export class Generation {
  readonly documents: SqliteDocuments;
  readonly categories: readonly Category[];
  readonly plan: Plan;
  readonly #database: Database;
  readonly #known: ReadonlySet<Category>;
  #position: Position;
  #stopped: Map<StreamName, Alarm>;

  private constructor(
    database: Database,
    projection: Projection,
    readonly number: number,
    position: Position,
  ) {
    this.#database = database;
    this.plan = planOf(projection);
    this.categories = categoriesOf(this.plan);
    this.#known = new Set(this.categories);
    this.documents = new SqliteDocuments(database, projection, number);
    this.#position = position;
    this.#stopped = this.#storedAlarms();
  }

  static existing(database: Database, projection: Projection, row: GenerationRow): Generation {
    return new Generation(database, projection, row.generation, row.position);
  }

  /** An empty one, to be built from the start of the log. */
  static create(database: Database, projection: Projection, logId: string): Generation {
    return database.derived(() => {
      const { lastInsertRowid: number } = database
        .prepare(`INSERT INTO generations (projection, version, state, position, log_id) VALUES (?, ?, 'building', 0, ?)`)
        .run(projection.name, projection.version, logId);
      const generation = new Generation(database, projection, number, 0);
      // Whoever deleted the read models by hand may have left documents of the same number.
      for (const drop of dropping(database, number)) drop();
      generation.documents.create();
      return generation;
    });
  }

  get position(): Position {
    return this.#position;
  }

  get alarms(): readonly Alarm[] {
    return [...this.#stopped.values()];
  }

  concerns(category: Category): boolean {
    return this.#known.has(category);
  }

  isStopped = (stream: StreamName): boolean => this.#stopped.size > 0 && this.#stopped.has(stream);

  /**
   * Folds events that follow `position` without a hole, inside the caller's transaction: the log position stands for the heads of
   * all streams. @throws StorageError; memory is then ahead of the store until `reload`.
   */
  fold(events: readonly Recorded[]): void {
    this.write(this.route(events));
    const last = events.at(-1);
    if (last) this.reach(last.position);
  }

  /** Which documents the events touch. Only streams that cannot be followed any longer give alarms. */
  route(events: readonly Recorded[]): Routed {
    return route(this.plan, events, NO_HEADS, this.isStopped);
  }

  /** Writes what the touches change, and the alarms. */
  write({ touches, alarms }: Pick<Routed, 'touches' | 'alarms'>): void {
    if (touches.length > 0) {
      const loaded = this.documents.load([...new Set(touches.flatMap(({ documents }) => documents))]);
      const lost = this.documents.save(fold(this.plan, loaded, touches));
      if (lost.length > 0) throw new Error(`${this.plan.projection.name}: ${lost.join(', ')} changed while being folded`);
    }
    for (const alarm of alarms) this.raise(alarm);
  }

  raise(alarm: Alarm): void {
    this.#stopped.set(alarm.stream, alarm);
    this.#database
      .prepare('INSERT OR REPLACE INTO generation_alarms (generation, stream, revision, kind, reason) VALUES (?, ?, ?, ?, ?)')
      .run(this.number, alarm.stream, alarm.revision, alarm.kind, alarm.reason);
  }

  reach(position: Position): void {
    if (position <= this.#position) return;
    this.#position = position;
    this.#database.prepare('UPDATE generations SET position = ? WHERE generation = ?').run(position, this.number);
  }

  /** Follows a stopped stream again: `events` are all of it. It stops anew where it still cannot be taken. */
  resume(stream: StreamName, events: readonly Recorded[]): void {
    this.#stopped.delete(stream);
    this.#database.prepare('DELETE FROM generation_alarms WHERE generation = ? AND stream = ?').run(this.number, stream);
    const fromStart = (): number => -1;
    this.write(route(this.plan, events, fromStart));
  }

  /** Folds the waiting events of every quarantined part again, each as `presently` gives it; answers how many documents still wait. */
  retryQuarantined(presently: (event: Recorded) => Recorded): Retried {
    const folded = this.documents.flagged().map((document) => foldWaiting(this.plan, document, presently));
    const lost = this.documents.save(folded);
    if (lost.length > 0) throw new Error(`${this.plan.projection.name}: ${lost.join(', ')} changed while being folded`);
    return { retried: folded.length, remaining: folded.filter(({ flagged }) => flagged).length };
  }

  /** Forgets what memory holds of a transaction that was undone. */
  reload(): void {
    const row = this.#database
      .prepare<{ position: number }>('SELECT position FROM generations WHERE generation = ?')
      .get(this.number);
    this.#position = row?.position ?? 0;
    this.#stopped = this.#storedAlarms();
  }

  /** From building to serving, in place of `previous`; false when somebody else was faster. Inside the caller's transaction. */
  flip(previous: Generation | undefined): boolean {
    const move = (generation: number, from: GenerationState, to: GenerationState): boolean =>
      this.#database.prepare('UPDATE generations SET state = ? WHERE generation = ? AND state = ?').run(to, generation, from)
        .changes === 1;
    if (previous && !move(previous.number, 'serving', 'retired')) return false;
    return move(this.number, 'building', 'serving');
  }

  #storedAlarms(): Map<StreamName, Alarm> {
    return new Map(
      this.#database
        .prepare<Alarm>('SELECT stream, revision, kind, reason FROM generation_alarms WHERE generation = ? ORDER BY stream')
        .all(this.number)
        .map((alarm) => [alarm.stream, { ...alarm }]),
    );
  }
}
