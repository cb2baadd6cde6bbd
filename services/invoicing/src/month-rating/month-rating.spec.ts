import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type TenantId } from '#libs/published/ids';
import { type RatingEvent } from '#libs/published/invoicing';
import { type Instant, type Month } from '#libs/time/time';
import { markRated, monthRating } from './month-rating.ts';

const rated = (inputVersion: number, billVersion = 9) => ({
  rootId: 'd1' as TenantId,
  month: '2026-01' as Month,
  inputVersion,
  inputDigest: `digest ${String(inputVersion)}`,
  ratedAt: '2026-02-01T00:00:00.000Z' as Instant,
  billVersion,
});
const said = (inputVersion: number, billVersion?: number): RatingEvent => ({
  type: 'MonthRated',
  data: rated(inputVersion, billVersion),
});

describe('saying how far a month is rated', () => {
  it('names the version of the inputs', () =>
    given(monthRating)
      .when(markRated(rated(3)))
      .then(said(3)));
  it('goes on to a newer one', () =>
    given(monthRating, said(3))
      .when(markRated(rated(4)))
      .then(said(4)));
  it('says nothing of the same again', () =>
    given(monthRating, said(3))
      .when(markRated(rated(3)))
      .thenNothing());
  it('says so when the same inputs have left more of the bills than it said', () =>
    given(monthRating, said(3, 8))
      .when(markRated(rated(3, 9)))
      .then(said(3, 9)));
  it('never goes back to an older one', () =>
    given(monthRating, said(3))
      .when(markRated(rated(2)))
      .thenNothing());
});
