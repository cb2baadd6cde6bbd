/** Seeded choices (mulberry32): the same seed, the same case, on any machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** Both ends inclusive. */
  int(from: number, to: number): number {
    return from + Math.floor(this.#next() * (to - from + 1));
  }

  chance(of: number): boolean {
    return this.#next() < of;
  }

  pick<T>(of: readonly T[]): T {
    const picked = of[this.int(0, of.length - 1)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  /** At least one of them. */
  some<T>(of: readonly T[]): T[] {
    const chosen = of.filter(() => this.chance(0.5));
    return chosen.length > 0 ? chosen : [this.pick(of)];
  }

  shuffled<T>(of: readonly T[]): T[] {
    return of
      .map((one) => [this.int(0, 1e6), one] as const)
      .sort(([a], [b]) => a - b)
      .map(([, one]) => one);
  }
}
