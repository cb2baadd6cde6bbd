import { setTimeout as timeout } from 'node:timers/promises';
import { type Position } from '#libs/event-sourcing/event';
import { type Partition } from '#libs/messaging/feed';
import { type Place } from './marks.ts';

/** Something that has to be handled in a partition before an answer is right. */
export type Wanted = Readonly<{ key: string; partition: Partition; logId: string; position: Position }>;

type Waiter = { readonly wanted: readonly Wanted[]; readonly reached: () => void };

/** What another process handles is looked for. */
const POLL_MS = 3;
/** What this process handles itself wakes whoever waits; only what is not to be expected is looked for. */
const OWN_POLL_MS = 50;

/** Has what is wanted been handled? A log that another one has followed in the partition (a backup was restored) is not waited for. */
const isAt = ({ positions, log }: Place, { logId, position }: Wanted): boolean => {
  const reached = positions[logId];
  return reached !== undefined && (reached >= position || log !== logId);
};

/**
 * Those who wait until partitions have been handled. One poll serves all of them, and whatever this process stores itself wakes them
 * at once.
 */
export class Waiters {
  readonly #waiting = new Set<Waiter>();
  readonly #placeOf: (wanted: Wanted) => Place | undefined;
  readonly #isOwn: (partition: Partition) => boolean;
  readonly #look: (wanted: readonly Wanted[]) => Promise<void>;
  #lookedAt = 0;
  #polling = false;

  /** `look` brings what `placeOf` knows up to date. `isOwn`: does this process handle the partition, as far as it knows? */
  constructor(
    placeOf: (wanted: Wanted) => Place | undefined,
    isOwn: (partition: Partition) => boolean,
    look: (wanted: readonly Wanted[]) => Promise<void>,
  ) {
    this.#placeOf = placeOf;
    this.#isOwn = isOwn;
    this.#look = look;
  }

  /** False: not within the milliseconds. */
  async until(wanted: readonly Wanted[], milliseconds: number): Promise<boolean> {
    if (this.#isReached(wanted)) return true;
    return new Promise((resolve) => {
      const end = (answer: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
        resolve(answer);
      };
      const timer = setTimeout(() => {
        end(false);
      }, milliseconds);
      const waiter: Waiter = {
        wanted,
        reached: () => {
          end(true);
        },
      };
      this.#waiting.add(waiter);
      void this.#poll();
    });
  }

  /** Looks who need not wait any longer. */
  wake(): void {
    for (const waiter of [...this.#waiting]) if (this.#isReached(waiter.wanted)) waiter.reached();
  }

  #isReached(wanted: readonly Wanted[]): boolean {
    return wanted.every((one) => this.#isThere(one));
  }

  #isThere(wanted: Wanted): boolean {
    const place = this.#placeOf(wanted);
    return place !== undefined && isAt(place, wanted);
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      while (this.#waiting.size > 0) {
        const missing = [...this.#waiting].flatMap(({ wanted }) => wanted).filter((one) => !this.#isThere(one));
        const foreign = missing.filter((one) => !this.#isOwn(one.partition) || this.#placeOf(one) === undefined);
        const all = performance.now() - this.#lookedAt >= OWN_POLL_MS;
        if (all || foreign.length > 0) {
          if (all) this.#lookedAt = performance.now();
          // An unreachable server is not an answer: they wait on until their time is over.
          await this.#look(all ? missing : foreign).catch(() => undefined);
          this.wake();
        }
        if (this.#waiting.size > 0) await timeout(POLL_MS);
      }
    } finally {
      this.#polling = false;
    }
  }
}
