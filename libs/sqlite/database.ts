import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { isPromise } from 'node:util/types';
import { Checkpoints } from './checkpoints.ts';
import { StorageError, storageErrorOf } from './storage-error.ts';
import { BUSY_TIMEOUT_MS, Turn } from './turn.ts';

export type Value = null | number | bigint | string | Uint8Array;

/** A prepared statement; `Row` is what its columns are, by name. */
export interface Statement<Row> {
  get(...parameters: readonly Value[]): Row | undefined;
  all(...parameters: readonly Value[]): Row[];
  run(...parameters: readonly Value[]): Readonly<{ changes: number; lastInsertRowid: number }>;
}

/**
 * One SQLite file (or memory), one connection. All work is synchronous, so whatever runs between two transactions sees committed
 * facts only. Faults of the storage are thrown as `StorageError`.
 */
export class Database {
  readonly #connection: DatabaseSync;
  readonly #lock: DatabaseSync | undefined;
  readonly #statements = new Map<string, PreparedStatement>();
  readonly #tuples = new Map<string, PreparedStatement>();
  #checkpoints: Checkpoints | undefined;
  readonly #savepoint: Readonly<Record<'begin' | 'undo' | 'end', Statement<never>>>;
  /** Where work that wants to share one transaction (and one sync of the disk) meets. */
  readonly turn: Turn;
  /** Whether other processes may be writing to it at this moment. */
  readonly shared: boolean;
  /** Identity of the log kept here; a checkpoint of another log is worthless. */
  readonly logId: string;

  /** `file` stands in messages; `lock` is held as long as the database is open. */
  constructor(
    readonly file: string,
    connection: DatabaseSync,
    { lock, shared = false }: Readonly<{ lock?: DatabaseSync | undefined; shared?: boolean }> = {},
  ) {
    this.#connection = connection;
    this.#lock = lock;
    this.shared = shared;
    this.#savepoint = {
      begin: this.prepare('SAVEPOINT work'),
      undo: this.prepare('ROLLBACK TO work'),
      end: this.prepare('RELEASE work'),
    };
    this.turn = new Turn(this);
    this.logId = this.#identify();
    if (lock) this.#checkpointsBeside();
  }

  get inTransaction(): boolean {
    return this.#connection.isTransaction;
  }

  /** Another number whenever another process (or another connection of this one) has committed since. */
  get othersCommits(): number {
    return this.prepare<{ data_version: number }>('PRAGMA data_version').get()?.data_version ?? 0;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  exec(sql: string): void {
    this.#guard(() => {
      this.#connection.exec(sql);
    });
  }

  /** Prepared once per text, unless very many others came since. The row type is the caller's word about its own SQL. */
  prepare<Row extends object = never>(sql: string): Statement<Row> {
    return this.#prepared(this.#statements, sql, false) as unknown as Statement<Row>;
  }

  /** The same with each row as the values of its columns, in order: cheaper where very many rows are read. */
  prepareTuples<Row extends readonly unknown[]>(sql: string): Statement<Row> {
    return this.#prepared(this.#tuples, sql, true) as unknown as Statement<Row>;
  }

  #prepared(kept: Map<string, PreparedStatement>, sql: string, asTuples: boolean): PreparedStatement {
    const known = kept.get(sql);
    if (known) return known;
    const prepared = this.#guard(() => this.#connection.prepare(sql));
    prepared.setReturnArrays(asTuples);
    const statement = new PreparedStatement(prepared, this.file);
    // Filters come in many combinations, and every generation of a read model has tables of its own.
    const [oldest] = kept.keys();
    if (oldest !== undefined && kept.size >= MOST_STATEMENTS) kept.delete(oldest);
    kept.set(sql, statement);
    return statement;
  }

  /** All of `work`'s writes or none; what surrounds it goes on either way. `work` is synchronous. */
  savepoint<T>(work: () => T): T {
    const { begin, undo, end } = this.#savepoint;
    begin.run();
    let result: T;
    try {
      result = synchronous(work());
    } catch (error) {
      // A full disk can make SQLite end the whole transaction by itself.
      if (this.inTransaction) {
        undo.run();
        end.run();
      }
      throw error;
    }
    end.run();
    return result;
  }

  /** Commits `work`, durably, or undoes it. Inside another transaction it is a savepoint of that one. `work` is synchronous. */
  transaction<T>(work: () => T): T {
    if (this.inTransaction) return this.savepoint(work);
    this.prepare('BEGIN IMMEDIATE').run();
    try {
      const result = synchronous(work());
      this.prepare('COMMIT').run();
      return result;
    } catch (error) {
      if (this.inTransaction) this.prepare('ROLLBACK').run();
      throw error;
    }
  }

  /** Begins a transaction that writes, unless another process is within one: false. Nothing is waited for. */
  tryBegin(): boolean {
    const begin = this.prepare('BEGIN IMMEDIATE');
    if (!this.shared) {
      begin.run();
      return true;
    }
    this.#waitsFor(0);
    try {
      begin.run();
      return true;
    } catch (error) {
      if (error instanceof StorageError && error.fault === 'locked') return false;
      throw error;
    } finally {
      this.#waitsFor(BUSY_TIMEOUT_MS);
    }
  }

  /**
   * As `transaction`, but nobody waits for the disk: a power cut may take it back, never a killed process. For what is made again
   * from durable facts that were committed before it; the next durable commit makes it durable, too.
   */
  derived<T>(work: () => T): T {
    if (this.inTransaction) return this.savepoint(work);
    this.exec('PRAGMA synchronous = NORMAL');
    try {
      return this.transaction(work);
    } finally {
      this.exec('PRAGMA synchronous = FULL');
    }
  }

  /**
   * Makes the tables of one part of the system when they are not there yet.
   * @throws StorageError `foreign` when the file holds another version of them.
   */
  schema(part: string, version: number, ddl: string): void {
    this.transaction(() => {
      const found = this.#setting(`schema ${part}`);
      if (found === undefined) {
        this.exec(ddl);
        this.#set(`schema ${part}`, String(version));
      } else if (found !== String(version)) {
        throw new StorageError(
          'foreign',
          `${this.file} was written by another version of Tributary: its "${part}" tables have version ${found}, this program knows version ${String(version)}. Use the program that wrote it, or another file.`,
        );
      }
    });
  }

  /** Finishes the queued turn, then closes file and lock. Closing twice is fine. */
  close(): void {
    if (!this.isOpen) return;
    this.turn.finish();
    this.#checkpoints?.end();
    this.#statements.clear();
    this.#tuples.clear();
    this.#connection.close();
    this.#lock?.close();
  }

  /** Once it turns out to be busy: a file that is opened for a moment needs no thread. */
  #checkpointsBeside(): void {
    let turns = 0;
    this.turn.join({
      committed: () => {
        turns += 1;
        if (turns !== BUSY_TURNS) return;
        this.#checkpoints = new Checkpoints(this.file, { shared: this.shared });
        this.exec(`PRAGMA wal_autocheckpoint = ${String(PAGES_BESIDE)}`);
      },
      rolledBack: () => undefined,
    });
  }

  #waitsFor(ms: number): void {
    this.prepare(`PRAGMA busy_timeout = ${String(ms)}`).get();
  }

  #identify(): string {
    return this.transaction(() => {
      const [{ tables } = { tables: 0 }] = this.prepare<{ tables: number }>('SELECT count(*) AS tables FROM sqlite_schema').all();
      const [{ known } = { known: 0 }] = this.prepare<{ known: number }>(
        `SELECT count(*) AS known FROM sqlite_schema WHERE type = 'table' AND name = 'tributary'`,
      ).all();
      if (tables > 0 && known === 0)
        throw new StorageError('foreign', `${this.file} is a SQLite database, but not one of Tributary. Name another file.`);
      if (known === 0) this.exec('CREATE TABLE tributary (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID');
      const existing = this.#setting('log id');
      if (existing !== undefined) return existing;
      const created = randomUUID();
      this.#set('log id', created);
      return created;
    });
  }

  #setting(name: string): string | undefined {
    return this.prepare<{ value: string }>('SELECT value FROM tributary WHERE name = ?').get(name)?.value;
  }

  #set(name: string, value: string): void {
    this.prepare('INSERT INTO tributary (name, value) VALUES (?, ?)').run(name, value);
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storageErrorOf(error, this.file);
    }
  }
}

class PreparedStatement implements Statement<unknown> {
  readonly #statement: StatementSync;
  readonly #file: string;

  constructor(statement: StatementSync, file: string) {
    this.#statement = statement;
    this.#file = file;
  }

  get(...parameters: SQLInputValue[]): unknown {
    try {
      return this.#statement.get(...parameters);
    } catch (error) {
      throw storageErrorOf(error, this.#file);
    }
  }

  all(...parameters: SQLInputValue[]): unknown[] {
    try {
      return this.#statement.all(...parameters);
    } catch (error) {
      throw storageErrorOf(error, this.#file);
    }
  }

  run(...parameters: SQLInputValue[]): Readonly<{ changes: number; lastInsertRowid: number }> {
    try {
      const { changes, lastInsertRowid } = this.#statement.run(...parameters);
      return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
    } catch (error) {
      throw storageErrorOf(error, this.#file);
    }
  }
}

/** A promise would go on after the transaction has ended. */
const synchronous = <T>(result: T): T => {
  if (isPromise(result)) throw new TypeError('Work inside a transaction must be synchronous.');
  return result;
};

const SCHEME = 'sqlite:';
const MEMORY = ':memory:';
const BUSY_TURNS = 100;
/** Ids are random, so each commit touches pages all over the indexes: moved into the file 16 MiB at a time, most of them only once. */
const PAGES = 4_000;
/**
 * Beside a thread that has moved nearly all of them already. Only the writer itself can begin the write-ahead log anew, in a moment
 * in which nothing is left to move, and under load that moment has to be made.
 */
const PAGES_BESIDE = 40_000;
const MOST_STATEMENTS = 1_000;

/**
 * Opens `sqlite:PATH` (folders are made) or `sqlite::memory:`. The file belongs to this process until `close`, also after kill -9
 * of an earlier owner: the lock is the operating system's, on `PATH.lock`. With `shared: true` it belongs to all processes of this
 * host that open it so, and to none that wants it for itself. `lock: false` is for a copy that nobody else knows of.
 * @throws StorageError with a message for the operator.
 */
export const openSqlite = (
  url: string,
  { lock = true, shared = false }: Readonly<{ lock?: boolean; shared?: boolean }> = {},
): Database => {
  if (!url.startsWith(SCHEME) || url === SCHEME)
    throw new StorageError('unusable', `"${url}" names no SQLite database: expected sqlite:PATH or sqlite::memory:.`);
  const path = url.slice(SCHEME.length);
  if (path === MEMORY) return new Database('the in-memory database', connect(MEMORY));

  const file = locate(path);
  const held = lock ? acquire(file, shared ? SHARED : EXCLUSIVE) : undefined;
  try {
    const connection = connect(file);
    try {
      return new Database(file, connection, { lock: held, shared });
    } catch (error) {
      connection.close();
      throw error;
    }
  } catch (error) {
    held?.close();
    throw storageErrorOf(error, file);
  }
};

/** The file itself, whatever links lead to it: two names of one file must meet at one lock. */
const locate = (path: string): string => {
  const absolute = resolve(path);
  try {
    mkdirSync(dirname(absolute), { recursive: true });
    return existsSync(absolute) ? realpathSync(absolute) : join(realpathSync(dirname(absolute)), basename(absolute));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StorageError('unusable', `The folder of ${absolute} cannot be made or read (${reason}).`, { cause: error });
  }
};

/** Keeps every other process from opening the database at `path` until the result is called. @throws StorageError `locked` */
export const lockDatabase = (path: string): (() => void) => {
  const held = acquire(locate(path), EXCLUSIVE);
  return () => {
    held.close();
  };
};

const EXCLUSIVE = 'BEGIN EXCLUSIVE';
/** Whoever reads holds the file against everybody who wants it alone. */
const SHARED = 'BEGIN; SELECT count(*) FROM sqlite_schema';

const acquire = (file: string, hold: string): DatabaseSync => {
  const lockFile = `${file}.lock`;
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(lockFile, { timeout: 0 });
    lock.exec('PRAGMA journal_mode = DELETE');
    lock.exec(hold);
    return lock;
  } catch (error) {
    lock?.close();
    const fault = storageErrorOf(error, file);
    // The lock holds nothing worth keeping, so its damage is told apart from the database's.
    throw fault instanceof StorageError && fault.fault === 'locked' ? fault : storageErrorOf(error, lockFile);
  }
};

const connect = (location: string): DatabaseSync => {
  const connection = new DatabaseSync(location, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: false });
  try {
    // FULL syncs the log at every commit: an answer means "on the disk". WAL's own default would be weaker in some builds.
    connection.exec('PRAGMA journal_mode = WAL');
    connection.exec('PRAGMA synchronous = FULL');
    connection.exec(`PRAGMA wal_autocheckpoint = ${String(PAGES)}`);
    connection.exec('PRAGMA temp_store = MEMORY');
    connection.exec('PRAGMA cache_size = -65536');
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
};
