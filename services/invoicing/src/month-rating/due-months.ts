import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Month } from '#libs/time/time';
import { type VersionedMonth, versionedMonths } from '../rating-inputs/input-version.ts';
import { monthRatingId } from './month-rating.ts';
import { monthRatings } from './month-ratings.projection.ts';

/** `applying`: something that the month's rating reads has changed since, and its bills do not show it yet. */
export type RatingState = 'current' | 'applying';

/** Months with usage, each with its state; newest first. */
export const ratingStates = async (
  readModels: ReadModels,
  of?: Readonly<{ rootId: TenantId; month?: Month }>,
): Promise<readonly (VersionedMonth & Readonly<{ state: RatingState }>)[]> => {
  // In this order a rating that ends between the two makes a month look due once more, never current too early.
  const rated = await readModels.of(monthRatings).all({ ...of });
  const versions = new Map(rated.map(({ id, inputVersion }) => [id, inputVersion]));
  return (await versionedMonths(readModels, of))
    .map(
      (month) =>
        ({
          ...month,
          state: versions.get(monthRatingId(month.rootId, month.month)) === month.inputVersion ? 'current' : 'applying',
        }) as const,
    )
    .sort((a, b) => (a.month === b.month ? (a.rootId < b.rootId ? -1 : 1) : a.month > b.month ? -1 : 1));
};

/** Months that are not rated as of their present inputs. */
export const dueMonths = async (readModels: ReadModels): Promise<readonly VersionedMonth[]> =>
  (await ratingStates(readModels)).filter(({ state }) => state === 'applying');
