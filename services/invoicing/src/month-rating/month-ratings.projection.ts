import { type Revision } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { type RatingEvent } from '#libs/published/invoicing';
import { part, projection } from '#libs/read-models/projection';
import { type Instant, type Month } from '#libs/time/time';
import { monthRatingId } from './month-rating.ts';

export type MonthRatingRow = Readonly<{
  id: string;
  rootId: TenantId;
  month: Month;
  inputVersion: number;
  inputDigest: string;
  ratedAt: Instant;
  billVersion: number;
  revision: Revision;
}>;

/** Which months of which trees are rated, and up to which version of their inputs. */
export const monthRatings = projection({
  name: 'invoicing-month-ratings',
  version: 2,
  parts: {
    rating: part<RatingEvent, MonthRatingRow>('invoicing.rating', {
      document: ({ data }) => monthRatingId(data.rootId, data.month),
      evolve: (_before, { data, revision }) => ({ id: monthRatingId(data.rootId, data.month), ...data, revision }),
    }),
  },
  row: ({ rating }): MonthRatingRow | undefined => rating,
  indexes: [['rootId', 'month']],
});
