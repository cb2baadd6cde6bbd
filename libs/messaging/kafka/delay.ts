import { setTimeout as timeout } from 'node:timers/promises';

const FIRST_MS = 100;
const LONGEST_MS = 5_000;

/** Growing waits between tries of something that is away. */
export class Backoff {
  #next = FIRST_MS;

  succeeded(): void {
    this.#next = FIRST_MS;
  }

  /** Ends early when the signal aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    const wait = this.#next;
    this.#next = Math.min(LONGEST_MS, wait * 2);
    await pause(wait, signal);
  }
}

/** Ends early when the signal aborts. */
export const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  timeout(milliseconds, undefined, { signal }).catch(() => undefined);
