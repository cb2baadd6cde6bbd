import { type Row } from './projection.ts';
import { type Filter, type Page, type ReadModel, type Sort } from './read-model.ts';

const ROWS_A_TIME = 5_000;

/** Every match, page by page, where a row with a quarantined part stands as it was: nothing disappears from a list with it. */
export const every = async <R extends Row>(model: ReadModel<R>, filter: Filter, sort: Sort = []): Promise<readonly R[]> => {
  const rows: R[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<R> = await model.find({ filter, sort, limit: ROWS_A_TIME, ...(cursor === null ? {} : { cursor }) });
    rows.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return rows;
};
