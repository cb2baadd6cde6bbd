import { decider } from '#libs/event-sourcing/decider';
import { type TenantId } from '#libs/published/ids';
import { type RatingEvent } from '#libs/published/invoicing';
import { type Instant, type Month } from '#libs/time/time';

/** Up to which version of its inputs a tree's month is rated, and the digest of that input. */
export type MonthRatingState = Readonly<{ inputVersion: number; inputDigest: string }> | null;

export type MonthRatingId = `${TenantId}~${Month}`;
export const monthRatingId = (rootId: TenantId, month: Month): MonthRatingId => `${rootId}~${month}`;

export const monthRating = decider<MonthRatingState, RatingEvent, MonthRatingId>(
  'invoicing.rating',
  null,
  (_before, { data }) => ({
    inputVersion: data.inputVersion,
    inputDigest: data.inputDigest,
  }),
);

/** A rating of inputs that were rated already, or of older ones, says nothing new. */
export const markRated =
  (rated: Readonly<{ rootId: TenantId; month: Month; inputVersion: number; inputDigest: string; ratedAt: Instant }>) =>
  (state: MonthRatingState): readonly RatingEvent[] =>
    state !== null && state.inputVersion >= rated.inputVersion ? [] : [{ type: 'MonthRated', data: rated }];
