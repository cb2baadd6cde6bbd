import { createHash } from 'node:crypto';
import { decider } from '#libs/event-sourcing/decider';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Instant } from '#libs/time/time';

/**
 * What was tried with one e-mail address in one month, whether or not anybody has it. Private, and the address is not in it. Instants
 * are of the wall clock.
 */
export type LoginAttemptsEvent =
  /** Counts as failed until it has succeeded, so that many at once do not slip through. */
  | DomainEvent<
      'LoginAttempted',
      { at: Instant; /** From here on nobody may try for a while; null: there are tries left. */ lockedUntil: Instant | null }
    >
  | DomainEvent<'LoginSucceeded', { at: Instant }>
  /** Nobody could tell whether it was the right password, so it counts for nothing. */
  | DomainEvent<'LoginUndecided', { at: Instant }>;

export type LoginAttempts = Readonly<{ failures: number; lockedUntil: Instant | null }>;

const NONE: LoginAttempts = { failures: 0, lockedUntil: null };

export const loginAttempts = decider<LoginAttempts, LoginAttemptsEvent>(
  'access-control.loginAttempts',
  NONE,
  (before, { type, data }) => {
    switch (type) {
      case 'LoginAttempted':
        return { failures: sinceLock(before, data.at).failures + 1, lockedUntil: data.lockedUntil };
      case 'LoginSucceeded':
        return NONE;
      case 'LoginUndecided':
        return { failures: Math.max(0, before.failures - 1), lockedUntil: null };
    }
  },
);

/** A month keeps the stream short; at its turn the tries begin anew. `address` is normalised. */
export const attemptsId = (address: string, at: Instant): string =>
  `${createHash('sha256').update(address).digest('hex')}~${at.slice(0, 7)}`;

/** Once a lock is over, the tries before it count no longer. */
const sinceLock = (before: LoginAttempts, at: Instant): LoginAttempts =>
  before.lockedUntil !== null && before.lockedUntil <= at ? NONE : before;

const isLocked = ({ lockedUntil }: LoginAttempts, at: Instant): boolean => lockedUntil !== null && lockedUntil > at;

/** No event: it is locked. The last try that is left locks it for `lockMs`. */
export const attempt =
  (at: Instant, failures: number, lockMs: number) =>
  (before: LoginAttempts): LoginAttemptsEvent[] => {
    if (isLocked(before, at)) return [];
    const isLast = sinceLock(before, at).failures + 1 >= failures;
    const lockedUntil = isLast ? (new Date(Date.parse(at) + lockMs).toISOString() as Instant) : null;
    return [{ type: 'LoginAttempted', data: { at, lockedUntil } }];
  };

export const succeed = (at: Instant) => (): LoginAttemptsEvent[] => [{ type: 'LoginSucceeded', data: { at } }];

export const leaveUndecided = (at: Instant) => (): LoginAttemptsEvent[] => [{ type: 'LoginUndecided', data: { at } }];
