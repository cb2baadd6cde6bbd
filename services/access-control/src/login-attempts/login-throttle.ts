import { unrequested } from '#libs/event-sourcing/command';
import { type Decision } from '#libs/event-sourcing/decider';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, type Handled } from '#libs/event-sourcing/handle';
import { TooManyAttempts, Unauthenticated } from '#libs/platform/problem';
import { type Instant, systemClock } from '#libs/time/time';
import {
  attempt,
  attemptsId,
  leaveUndecided,
  loginAttempts,
  type LoginAttempts,
  type LoginAttemptsEvent,
  succeed,
} from './login-attempts.ts';

/**
 * Locks an e-mail address for a while after so many failed tries in a row. What was tried is in the log: a restart forgets nothing,
 * and all processes count together.
 */
export class LoginThrottle {
  readonly #store: EventStore;
  readonly #failures: number;
  readonly #lockMs: number;

  constructor(store: EventStore, failures: number, lockMinutes: number) {
    this.#store = store;
    this.#failures = failures;
    this.#lockMs = lockMinutes * 60_000;
  }

  /**
   * Lets `verify` find out whether the address and the password belong together; what it throws is a failure when it is
   * `Unauthenticated`, and anything else says nothing about the password.
   * @param locked is told when the last try that was left has failed, once per lock
   * @throws TooManyAttempts when the address is locked
   */
  async trying<T>(address: string, verify: () => Promise<T>, locked: (until: Instant) => void): Promise<T> {
    const at = systemClock.now();
    const { events, state } = await this.#decide(address, at, attempt(at, this.#failures, this.#lockMs));
    const { lockedUntil } = state;
    if (events.length === 0 && lockedUntil !== null) {
      const seconds = Math.ceil((Date.parse(lockedUntil) - Date.parse(at)) / 1_000);
      throw new TooManyAttempts('Too many logins have failed for this e-mail address. Try again later.', seconds);
    }
    try {
      const verified = await verify();
      await this.#decide(address, at, succeed(systemClock.now()));
      return verified;
    } catch (error) {
      if (!(error instanceof Unauthenticated)) await this.#decide(address, at, leaveUndecided(systemClock.now()));
      else if (lockedUntil !== null) locked(lockedUntil);
      throw error;
    }
  }

  #decide(address: string, at: Instant, decision: Decision<LoginAttempts, LoginAttemptsEvent>): Promise<Handled<LoginAttempts>> {
    return handle(this.#store, loginAttempts, attemptsId(address, at), decision, { command: unrequested('login', at) });
  }
}
