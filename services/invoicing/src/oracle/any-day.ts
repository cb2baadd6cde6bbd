import { addDays } from './days.ts';
import { type Random } from './random.ts';

/** What a case is about: anything, price books that match, days at the edges of the month, or only stray days after or before it. */
export type Focus = 'any' | 'prices' | 'edges' | 'outside';

/** Days in and about the month, as the case's focus wants them. */
export class AnyDay {
  readonly focus: Focus;
  /** Whether stray days lie after the month, with that focus. */
  readonly after: boolean;
  readonly first: string;
  readonly #random: Random;

  constructor(random: Random, first: string, focus: Focus, after: boolean) {
    this.#random = random;
    this.first = first;
    this.focus = focus;
    this.after = after;
  }

  get atEdges(): boolean {
    return this.focus === 'edges' || this.focus === 'outside';
  }

  ofMonth(count: number): string {
    return addDays(this.first, count);
  }

  #edge(): string {
    if (this.focus === 'edges') return this.ofMonth(this.#random.pick([-3, -2, -1, 0, 1, 29, 30, 31, 32, 33]));
    return this.ofMonth(this.after ? this.#random.int(31, 35) : this.#random.int(-6, -1));
  }

  /** Where links begin and end. */
  near(): string {
    return this.atEdges && this.#random.chance(0.7) ? this.#edge() : this.ofMonth(this.#random.int(-3, 33));
  }

  /** Where contracts and versions begin. */
  around(): string {
    return this.atEdges && this.#random.chance(0.8) ? this.#edge() : this.ofMonth(this.#random.int(-25, 45));
  }

  ofUsage(): string {
    const stray = this.focus === 'outside' ? 0.9 : this.focus === 'edges' ? 0.7 : 0.1;
    if (!this.#random.chance(stray)) return this.ofMonth(this.#random.int(0, 27) + (this.#random.chance(0.1) ? 3 : 0));
    return this.atEdges ? this.#edge() : this.ofMonth(this.#random.pick([-2, -1, -1, 31, 32]));
  }
}
