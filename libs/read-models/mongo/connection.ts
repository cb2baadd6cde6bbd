import mongoose, { type Connection } from 'mongoose';
import { DomainError } from '#libs/event-sourcing/domain-error';

/** Any one call to the server takes at most this long, finding the server included. */
const CALL_MS = 4_000;
const FIND_SERVER_MS = 2_500;

/**
 * A connection that fails instead of waiting: nothing is buffered while the server is away, and it recovers by itself. Opening it
 * does not wait for the server.
 */
export const openMongo = (url: string): Connection => {
  // The schema says every field there is; a filter on another one is a mistake that must not answer with everything.
  const connection = mongoose.createConnection(url, {
    autoIndex: false,
    autoCreate: false,
    bufferCommands: false,
    sanitizeFilter: true,
    serverSelectionTimeoutMS: FIND_SERVER_MS,
    connectTimeoutMS: FIND_SERVER_MS,
    timeoutMS: CALL_MS,
    writeConcern: { w: 'majority' },
  });
  // Whoever asks is told; nobody waits for the first attempt.
  connection.asPromise().catch(() => undefined);
  return connection;
};

/** What a driver calls its errors says more than their class: there may be two copies of the class. */
const AWAY =
  /^Mongo(ose)?(ServerSelection|Network|NetworkTimeout|OperationTimeout|NotConnected|TopologyClosed|PoolCleared|PoolClosed|WaitQueueTimeout|ConnectionClosed|ServerClosed|Expired|Runtime)|^MongooseError$/;

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
