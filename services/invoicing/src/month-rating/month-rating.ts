import { decider } from '#libs/event-sourcing/decider';
import { type TenantId } from '#libs/published/ids';
import { type RatingEvent } from '#libs/published/invoicing';
import { type Month } from '#libs/time/time';

/** Up to which version of its inputs a tree's month is rated, the digest of that input, and how far its bills are by that. */
export type MonthRatingState = Pick<RatingEvent['data'], 'inputVersion' | 'inputDigest' | 'billVersion'> | null;

export type MonthRatingId = `${TenantId}~${Month}`;
export const monthRatingId = (rootId: TenantId, month: Month): MonthRatingId => `${rootId}~${month}`;

export const monthRating = decider<MonthRatingState, RatingEvent, MonthRatingId>(
  'invoicing.rating',
  null,
  (_before, { data: { inputVersion, inputDigest, billVersion } }) => ({ inputVersion, inputDigest, billVersion }),
);

/** A rating of older inputs, or one that ends in the same bills, says nothing new. */
export const markRated =
  (rated: RatingEvent['data']) =>
  (state: MonthRatingState): readonly RatingEvent[] =>
    state !== null &&
    (state.inputVersion > rated.inputVersion ||
      (state.inputVersion === rated.inputVersion && state.billVersion === rated.billVersion))
      ? []
      : [{ type: 'MonthRated', data: rated }];
