import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type TenantId } from '#libs/published/ids';
import { type RatingEvent } from '#libs/published/invoicing';
import { type Instant, type Month } from '#libs/time/time';
import { markRated, monthRating } from './month-rating.ts';

const rated = (inputVersion: number) => ({
  rootId: 'd1' as TenantId,
  month: '2026-01' as Month,
  inputVersion,
  inputDigest: `digest ${String(inputVersion)}`,
  ratedAt: '2026-02-01T00:00:00.000Z' as Instant,
});
const said = (inputVersion: number): RatingEvent => ({ type: 'MonthRated', data: rated(inputVersion) });

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
  it('never goes back to an older one', () =>
    given(monthRating, said(3))
      .when(markRated(rated(2)))
      .thenNothing());
});
