import {
  AccessDeniedError,
  CancelledError,
  DeadlineExceededError,
  MaxAppendSizeExceededError,
  NotLeaderError,
  TimeoutError,
  UnavailableError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { DomainError } from '../domain-error.ts';
import { type Revision, type StreamName } from '../event.ts';
import { RevisionConflict } from '../event-store.ts';

const PASSING = [UnavailableError, DeadlineExceededError, TimeoutError, CancelledError, NotLeaderError];
/** gRPC's codes for the same, since what fails while a connection is made comes untranslated. */
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;
const PASSING_CODES: readonly unknown[] = [CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE];

/** What the server or the way to it reports, in our words; what is neither comes back unchanged. `address` is for the operator. */
export const storeErrorOf = (error: unknown, address: string): unknown => {
  if (error instanceof AccessDeniedError)
    return new DomainError('unavailable', 'event-store-unavailable', `The event store at ${address} refuses these credentials.`);
  if (error instanceof MaxAppendSizeExceededError)
    return new DomainError(
      'rejected',
      'command-too-large',
      `This is more than the event store takes at once (${String(error.maxAppendSize)} bytes).`,
    );
  if (isPassing(error)) return unreachable(address, error instanceof Error ? error.message : String(error));
  return error;
};

/** The same for an append: a lost race besides. */
export const appendErrorOf = (error: unknown, address: string, stream: StreamName, expected: Revision): unknown =>
  error instanceof WrongExpectedVersionError ? new RevisionConflict(stream, expected) : storeErrorOf(error, address);

export const unreachable = (address: string, reason: string): DomainError =>
  new DomainError(
    'unavailable',
    'event-store-unavailable',
    `The event store at ${address} does not answer (${reason}). What was asked may be repeated.`,
  );

const isPassing = (error: unknown): boolean =>
  PASSING.some((kind) => error instanceof kind) ||
  (error instanceof Error && 'code' in error && PASSING_CODES.includes(error.code)) ||
  (error instanceof Error && error.message.startsWith('Failed to discover'));
