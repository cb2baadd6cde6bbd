import { sabotaged } from '#libs/sabotage';

/** What a turn needs of its database. */
export interface TurnDatabase {
  readonly isOpen: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): { run(): unknown };
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
    this.#scheduled ??= setImmediate(() => {
      this.#commitQueued();
    });
    return new Promise<T>((answer, refuse) => {
      this.#queue.push({ work, answer: answer as (value: unknown) => void, refuse });
    });
  }

  /** Commits what is queued, now. */
  finish(): void {
    this.#commitQueued();
    if (this.#late !== undefined) this.#commitLate();
  }

  #commitQueued(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const jobs = this.#queue;
    if (jobs.length === 0) return;
    this.#queue = [];
    let outcomes: Outcome[];
    try {
      outcomes = this.#commit(jobs);
    } catch (error) {
      for (const participant of this.#participants) participant.rolledBack();
      for (const { refuse } of jobs) refuse(error);
      return;
    }
    for (const participant of this.#participants) participant.committed();
    for (const [index, { answer, refuse }] of jobs.entries()) {
      const outcome = outcomes[index];
      if (outcome && 'value' in outcome) answer(outcome.value);
      else refuse(outcome?.error);
    }
  }

  #commit(jobs: readonly Job[]): Outcome[] {
    if (this.#late === undefined) this.#database.prepare('BEGIN IMMEDIATE').run();
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
