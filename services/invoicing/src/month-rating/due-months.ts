import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Month } from '#libs/time/time';
import { type VersionedMonth, versionedMonths } from '../rating-inputs/input-version.ts';
import { billList } from '../bill-list/bill-list.projection.ts';
import { monthRatingId } from './month-rating.ts';
import { monthRatings } from './month-ratings.projection.ts';

/** `applying`: something that the month's rating reads has changed since, and its bills do not show it yet. */
export type RatingState = 'current' | 'applying';

type JudgedMonth = VersionedMonth & Readonly<{ state: RatingState }>;

/** Months with usage, each with its state; newest first. */
export const ratingStates = async (
  readModels: ReadModels,
  of?: Readonly<{ rootId: TenantId; month?: Month }>,
): Promise<readonly JudgedMonth[]> => {
  // In this order a rating that ends between the two makes a month look due once more, never current too early.
  const rated = await readModels.of(monthRatings).all({ ...of });
  const ratings = new Map(rated.map((row) => [row.id, row]));
  const counted = await readModels.of(billList).aggregate({ filter: { ...of }, groupBy: ['rootId', 'month'], sum: ['revision'] });
  const bills = new Map(counted.map(({ group, count, sums: [revisions = 0] }) => [group.join('~'), revisions + count]));
  return (await versionedMonths(readModels, of))
    .map((month): JudgedMonth => {
      const id = monthRatingId(month.rootId, month.month);
      const rating = ratings.get(id);
      // Bills come by other ways than the word that they are rated: fewer of them are not all of what was rated.
      const isWhole = rating !== undefined && (bills.get(id) ?? 0) === rating.billVersion;
      return { ...month, state: isWhole && rating.inputVersion === month.inputVersion ? 'current' : 'applying' };
    })
    .sort((a, b) => (a.month === b.month ? (a.rootId < b.rootId ? -1 : 1) : a.month > b.month ? -1 : 1));
};

/** Months that are not rated as of their present inputs. */
export const dueMonths = async (readModels: ReadModels): Promise<readonly VersionedMonth[]> =>
  (await ratingStates(readModels)).filter(({ state }) => state === 'applying');
