import { type Revision } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { type LoadedInput } from '../rating-inputs/load-rating-input.ts';
import { type MonthRatingId, type MonthRatingState } from './month-rating.ts';

/** What a bill's stream says last. */
type BillHead = Readonly<{ revision: Revision; contentHash: string }>;

/** The streams of a tree's month as a rating found or left them. */
export type MonthHeads = Readonly<{
  rating: (NonNullable<MonthRatingState> & Readonly<{ revision: Revision }>) | undefined;
  bills: ReadonlyMap<TenantId, BillHead>;
}>;

export type KnownMonth = Readonly<{ loaded: LoadedInput; heads: MonthHeads }>;

const MOST = 24;

/**
 * Months as this process rated them last, so that a small change need not read all of it again. It is a guess only: whoever relies on
 * it appends at the revisions that it says, and forgets it when somebody else was there meanwhile.
 */
export class KnownMonths {
  readonly #known = new Map<MonthRatingId, KnownMonth>();

  get(id: MonthRatingId): KnownMonth | undefined {
    return this.#known.get(id);
  }

  remember(id: MonthRatingId, known: KnownMonth): void {
    this.#known.delete(id);
    this.#known.set(id, known);
    for (const oldest of this.#known.keys()) if (this.#known.size > MOST) this.#known.delete(oldest);
  }

  forget(id: MonthRatingId): void {
    this.#known.delete(id);
  }
}
