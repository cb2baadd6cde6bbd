import { TooManyAttempts } from '#libs/platform/problem';
import { type Clock, systemClock } from '#libs/time/time';

const MINUTE_MS = 60_000;
/** Addresses counted at a time; the one that has not asked for longest is forgotten first. */
const REMEMBERED = 100_000;

/**
 * How often one client (an address, or a user) may ask within a minute, or another time: so many at once, and then as many as come back
 * with time. It guards the process's own work (a password's hash costs some 20 ms), so each counts for itself and forgets at a restart;
 * what must last is counted by the log.
 */
export class RequestRate {
  readonly #windowMs: number;
  readonly #costMs: number;
  /** Until when each client has used up what the time gives back. */
  readonly #spentUntil = new Map<string, number>();

  readonly #clock: Clock;

  /** @param clock of the wall */
  constructor(times: number, clock: Clock = systemClock, windowMs = MINUTE_MS) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#costMs = windowMs / times;
  }

  /** @throws TooManyAttempts */
  count(client: string, message = 'Too many requests of this kind came from you. Try again later.'): void {
    const now = Date.parse(this.#clock.now());
    const spentUntil = Math.max(now, this.#spentUntil.get(client) ?? now);
    const waitMs = spentUntil + this.#costMs - now - this.#windowMs;
    if (waitMs > 0) {
      throw new TooManyAttempts(message, Math.ceil(waitMs / 1_000));
    }
    this.#spentUntil.delete(client);
    this.#spentUntil.set(client, spentUntil + this.#costMs);
    const oldest = this.#spentUntil.size > REMEMBERED ? this.#spentUntil.keys().next().value : undefined;
    if (oldest !== undefined) this.#spentUntil.delete(oldest);
  }

  /** What was counted last turned out to be none of those that are to be rare. */
  giveBack(client: string): void {
    const spentUntil = this.#spentUntil.get(client);
    if (spentUntil !== undefined) this.#spentUntil.set(client, spentUntil - this.#costMs);
  }
}
