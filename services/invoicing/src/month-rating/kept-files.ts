import { type KeptFiles } from '#libs/platform/service';
import { type BillEvent, type RatingEvent } from '#libs/published/invoicing';
import { bill } from '../bill/bill.ts';
import { monthRating } from './month-rating.ts';

/** Where the inputs of ratings lie in the data directory. */
export const RATINGS = 'ratings';

/** What each revision of a bill was made from: without it no earlier bill can be explained. */
export const keptFiles: KeptFiles = {
  categories: [bill.category, monthRating.category],
  in: async (events) => {
    const kept = new Set<string>();
    for await (const event of events) kept.add(`${RATINGS}/${(event as BillEvent | RatingEvent).data.inputDigest}.json`);
    return kept;
  },
};
