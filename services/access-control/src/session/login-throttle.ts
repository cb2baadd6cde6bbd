/** Addresses remembered, at most; the oldest goes first. */
const REMEMBERED = 100_000;

type Attempts = { failures: number; lockedUntil: number };

/**
 * Locks an e-mail address for a while after so many failed logins in a row, whether or not anybody has it. Kept in memory: a restart
 * forgets it, and each process counts for itself. Times are wall-clock milliseconds.
 */
export class LoginThrottle {
  readonly #attempts = new Map<string, Attempts>();
  readonly #failures: number;
  readonly #lockMs: number;

  constructor(failures: number, lockMinutes: number) {
    this.#failures = failures;
    this.#lockMs = lockMinutes * 60_000;
  }

  /** Counts an attempt as failed until it has succeeded, so that many at once do not slip through. Answers the seconds to wait, 0: go on. */
  begin(address: string, now: number): number {
    const attempts = this.#attempts.get(address) ?? { failures: 0, lockedUntil: 0 };
    if (attempts.lockedUntil > now) return Math.ceil((attempts.lockedUntil - now) / 1_000);
    if (attempts.failures >= this.#failures) attempts.failures = 0;
    attempts.failures += 1;
    attempts.lockedUntil = attempts.failures >= this.#failures ? now + this.#lockMs : 0;
    this.#remember(address, attempts);
    return 0;
  }

  succeeded(address: string): void {
    this.#attempts.delete(address);
  }

  /** Nobody could tell whether it was the right password, so it counts for nothing. */
  undecided(address: string): void {
    const attempts = this.#attempts.get(address);
    if (!attempts) return;
    attempts.failures -= 1;
    attempts.lockedUntil = 0;
  }

  #remember(address: string, attempts: Attempts): void {
    this.#attempts.delete(address);
    this.#attempts.set(address, attempts);
    if (this.#attempts.size > REMEMBERED) {
      const oldest = this.#attempts.keys().next().value;
      if (oldest !== undefined) this.#attempts.delete(oldest);
    }
  }
}
