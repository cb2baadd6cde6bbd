import { sabotaged } from '#libs/sabotage';
import { StorageError } from './storage-error.ts';

/** What a turn needs of its database. */
export interface TurnDatabase {
  readonly file: string;
  readonly isOpen: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): { run(): unknown };
  tryBegin(): boolean;
  savepoint<T>(work: () => T): T;
}

/** Is told how every turn ended, before anybody is answered. Both are synchronous. */
export interface TurnParticipant {
  /** The turn is durable. */
  committed(): void;
  /** Nothing of the turn was kept. */
  rolledBack(): void;
}

type Job = Readonly<{ work: () => unknown; answer: (value: unknown) => void; refuse: (error: unknown) => void }>;
type Outcome = Readonly<{ value: unknown } | { error: unknown }>;

/** How long other processes' transactions are waited for. */
export const BUSY_TIMEOUT_MS = 5_000;
/** Between two attempts, which cost microseconds: requests and timers of this process go on meanwhile. */
const BUSY_RETRY_MS = 1;

/** How long a sabotaged COMMIT comes after the answers that promise it. */
const LATE_MS = 200;

/**
 * Group commit: all work handed over during one turn of the event loop becomes one transaction, each piece in a savepoint of its
 * own, and is answered only after COMMIT. The transaction begins and ends within one synchronous call, so nobody else's read can
 * fall into it. When COMMIT fails, everybody fails: also a refusal may have been caused by what was never stored.
 */
export class Turn {
  readonly #database: TurnDatabase;
  readonly #participants: TurnParticipant[] = [];
  #queue: Job[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  /** When the first attempt of the waiting turn came upon another process's transaction, and the next attempt. */
  #busySince: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  readonly #sabotaged = sabotaged('ack-before-commit');
  #late: NodeJS.Timeout | undefined;

  constructor(database: TurnDatabase) {
    this.#database = database;
  }

  join(participant: TurnParticipant): void {
    this.#participants.push(participant);
  }

  /** Runs `work` in this turn's transaction. Settles after COMMIT; when `work` throws, only its own writes are undone. */
  run<T>(work: () => T): Promise<T> {
    if (!this.#database.isOpen) return Promise.reject(new Error('The database is closed.'));
    if (this.#retry === undefined)
      this.#scheduled ??= setImmediate(() => {
        this.#commitQueued();
      });
    return new Promise<T>((answer, refuse) => {
      this.#queue.push({ work, answer: answer as (value: unknown) => void, refuse });
    });
  }

  /** Commits what is queued, now: waits for other processes' transactions here and then. */
  finish(): void {
    this.#commitQueued({ waiting: true });
    if (this.#late !== undefined) this.#commitLate();
  }

  #commitQueued({ waiting = false } = {}): void {
    clearImmediate(this.#scheduled);
    clearTimeout(this.#retry);
    this.#scheduled = undefined;
    this.#retry = undefined;
    if (this.#queue.length === 0) return;
    let outcomes: Outcome[];
    let jobs: readonly Job[] = [];
    try {
      if (this.#late === undefined && !this.#begin(waiting)) return;
      jobs = this.#queue;
      this.#queue = [];
      outcomes = this.#commit(jobs);
    } catch (error) {
      for (const participant of this.#participants) participant.rolledBack();
      for (const { refuse } of [...jobs, ...this.#queue.splice(0)]) refuse(error);
      return;
    }
    for (const participant of this.#participants) participant.committed();
    for (const [index, { answer, refuse }] of jobs.entries()) {
      const outcome = outcomes[index];
      if (outcome && 'value' in outcome) answer(outcome.value);
      else refuse(outcome?.error);
    }
  }

  /** False: another process is writing, and the turn is tried again in a moment. @throws StorageError `busy` after many of those */
  #begin(waiting: boolean): boolean {
    if (waiting) this.#database.prepare('BEGIN IMMEDIATE').run();
    else if (!this.#database.tryBegin()) {
      this.#busySince ??= performance.now();
      if (performance.now() - this.#busySince > BUSY_TIMEOUT_MS) {
        this.#busySince = undefined;
        throw new StorageError(
          'busy',
          `${this.#database.file} has been written by other processes for ${String(BUSY_TIMEOUT_MS / 1_000)} s without a gap. Nothing of this command was stored: repeat it.`,
        );
      }
      this.#retry = setTimeout(() => {
        this.#commitQueued();
      }, BUSY_RETRY_MS);
      return false;
    }
    this.#busySince = undefined;
    return true;
  }

  #commit(jobs: readonly Job[]): Outcome[] {
    try {
      const outcomes = jobs.map(({ work }) => this.#attempt(work));
      if (this.#sabotaged)
        this.#late ??= setTimeout(() => {
          this.#commitLate();
        }, LATE_MS);
      else this.#database.prepare('COMMIT').run();
      return outcomes;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.prepare('ROLLBACK').run();
      throw error;
    }
  }

  #commitLate(): void {
    clearTimeout(this.#late);
    this.#late = undefined;
    if (this.#database.inTransaction) this.#database.prepare('COMMIT').run();
  }

  #attempt(work: () => unknown): Outcome {
    try {
      return { value: this.#database.savepoint(work) };
    } catch (error) {
      // SQLite may have ended the transaction by itself (a full disk): then nobody's work is left to commit.
      if (!this.#database.inTransaction) throw error;
      return { error };
    }
  }
}
