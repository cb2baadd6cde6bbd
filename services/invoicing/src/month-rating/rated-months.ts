import { type Group, type RatingInput } from '../rating/rating-input.ts';
import { type RatedMonth, rateSteps } from '../rating/rate.ts';
import { inTurns } from './in-turns.ts';

/** A rated month holds its groups, which can be hundreds of thousands. */
const KEPT = 3;

/** The months rated last: what is asked of one again costs nothing, and another input of the same month only what is different. */
export class RatedMonths {
  /** By the input object, the one used last at the end. */
  readonly #kept = new Map<RatingInput, Promise<RatedMonth>>();

  constructor(private readonly groupsOf: (input: RatingInput) => Promise<readonly Group[]>) {}

  async of(input: RatingInput): Promise<RatedMonth> {
    const rated = this.#kept.get(input) ?? this.#rate(input, this.#nearestTo(input));
    this.#kept.delete(input);
    this.#kept.set(input, rated);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > KEPT) this.#kept.delete(oldest);
    try {
      return await rated;
    } catch (error) {
      if (this.#kept.get(input) === rated) this.#kept.delete(input);
      throw error;
    }
  }

  async #rate(input: RatingInput, nearest: Promise<RatedMonth> | undefined): Promise<RatedMonth> {
    const groups = await this.groupsOf(input);
    const before = await nearest?.catch(() => undefined);
    return inTurns(rateSteps(input, groups, before));
  }

  /** The last rating of the same tree's month, if any is kept. */
  #nearestTo({ month, tenants }: RatingInput): Promise<RatedMonth> | undefined {
    return [...this.#kept].findLast(([kept]) => kept.month === month && kept.tenants === tenants)?.[1];
  }
}
