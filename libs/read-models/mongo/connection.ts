import mongoose, { type Connection } from 'mongoose';
import { DomainError } from '#libs/event-sourcing/domain-error';

/** A server that does not answer a call within so many milliseconds is as good as away. */
const CALL_MS = 5_000;
const FIND_SERVER_MS = 2_500;

/** A connection to one database. Calls fail instead of waiting for a server that is away, and succeed again once it is back. */
export class MongoConnection {
  readonly raw: Connection;
  readonly #url: string;
  readonly #callMs: number;
  #opening: Promise<void> | undefined;
  #isOpen = false;

  /** Does not connect yet. `callMs`: longer for work that is known to take long. */
  constructor(url: string, { callMs = CALL_MS }: Readonly<{ callMs?: number }> = {}) {
    this.raw = mongoose.createConnection();
    this.#url = url;
    this.#callMs = callMs;
  }

  /** Before the first call; from then on the driver connects again by itself. */
  async connected(): Promise<void> {
    if (this.#isOpen) return;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.raw.close();
  }

  async #open(): Promise<void> {
    await this.raw.openUri(this.#url, {
      autoIndex: false,
      autoCreate: false,
      bufferCommands: false,
      sanitizeFilter: true,
      serverSelectionTimeoutMS: FIND_SERVER_MS,
      connectTimeoutMS: FIND_SERVER_MS,
      waitQueueTimeoutMS: this.#callMs,
      socketTimeoutMS: this.#callMs,
      writeConcern: { w: 'majority' },
    });
    this.#isOpen = true;
  }
}

/** What a driver calls its errors says more than their class: there may be two copies of the class. */
const AWAY =
  /^Mongo(ose)?(ServerSelection|Network|NetworkTimeout|OperationTimeout|NotConnected|TopologyClosed|PoolCleared|PoolClosed|WaitQueueTimeout|ConnectionClosed|ServerClosed|Expired|Runtime)/;

/** Interrupted, timed out on the server, not (or no longer) the primary, shutting down. */
const PASSING_CODES = [50, 89, 91, 189, 262, 7, 6, 9001, 10107, 11600, 11602, 13435, 13436];

const isAway = (error: unknown): boolean =>
  error instanceof Error &&
  (AWAY.test(error.name) || ('code' in error && typeof error.code === 'number' && PASSING_CODES.includes(error.code)));

/** Says of an error that the server is away, and gives every other one back. */
export const asUnavailable = (error: unknown): unknown =>
  isAway(error)
    ? new DomainError('unavailable', 'read-models-unavailable', 'The read models cannot be reached: try again in a moment.')
    : error;

export const isDuplicate = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 11_000;
