import { setTimeout as timeout } from 'node:timers/promises';
import { type Position } from '#libs/event-sourcing/event';
import { type Partition } from '#libs/messaging/feed';
import { type Place } from './marks.ts';

/** Something that has to be handled in a partition before an answer is right. */
export type Wanted = Readonly<{ key: string; partition: Partition; logId: string; position: Position }>;

type Waiter = { readonly wanted: readonly Wanted[]; readonly reached: () => void };

const POLL_MS = 3;

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
  readonly #look: (wanted: readonly Wanted[]) => Promise<void>;
  #polling = false;

  /** `look` brings what `placeOf` knows up to date. */
  constructor(placeOf: (wanted: Wanted) => Place | undefined, look: (wanted: readonly Wanted[]) => Promise<void>) {
    this.#placeOf = placeOf;
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
    return wanted.every((one) => {
      const place = this.#placeOf(one);
      return place !== undefined && isAt(place, one);
    });
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      while (this.#waiting.size > 0) {
        // An unreachable server is not an answer: they wait on until their time is over.
        await this.#look([...this.#waiting].flatMap(({ wanted }) => wanted)).catch(() => undefined);
        this.wake();
        if (this.#waiting.size > 0) await timeout(POLL_MS);
      }
    } finally {
      this.#polling = false;
    }
  }
}
