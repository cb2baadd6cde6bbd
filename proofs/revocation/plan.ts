import { type Way, WAYS } from './lane.ts';

/** A login hashes a password, which is slow on purpose: so many trials by the others for one of a session. */
const FOR_A_SESSION = 50;

/** By which way somebody is let in at the `n`-th trial, from 0. */
export const wayOf = (n: number): Way => {
  if (n % FOR_A_SESSION === FOR_A_SESSION - 1) return 'session';
  const others = WAYS.filter((way) => way !== 'session');
  return others[n % others.length] ?? 'link';
};

/** What was tried, by way: how often, and how long somebody still got in at most. */
export class Tally {
  readonly #ways = new Map<Way, { trials: number; longestMs: number }>();
  readonly faults: string[] = [];
  done = 0;

  note(way: Way, { fault, afterMs }: Readonly<{ fault: string | undefined; afterMs: number }>): void {
    this.done += 1;
    const { trials, longestMs } = this.#ways.get(way) ?? { trials: 0, longestMs: 0 };
    this.#ways.set(way, { trials: trials + 1, longestMs: Math.max(longestMs, afterMs) });
    if (fault !== undefined) this.faults.push(fault);
  }

  get ways(): readonly Readonly<{ way: Way; trials: number; longestMs: number }>[] {
    return WAYS.flatMap((way) => {
      const found = this.#ways.get(way);
      return found ? [{ way, ...found }] : [];
    });
  }
}
