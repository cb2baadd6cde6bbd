import { DomainError } from '#libs/event-sourcing/domain-error';
import { every } from '#libs/read-models/every';
import { type Row } from '#libs/read-models/projection';
import { type Filter, type ReadModel, type Sort } from '#libs/read-models/read-model';

/** A row as a list of a read model gives it: one of which a part is in quarantine as it stood before. */
export type AsItStood<R> = R & Readonly<{ quarantined?: true }>;

/**
 * Every match, those in quarantine as they stood before, flagged: what cannot be read of one customer must not take the page from
 * everybody. They are read page by page only then, since a page is counted too.
 */
export const allAsTheyStood = async <R extends Row>(
  model: ReadModel<R>,
  filter: Filter,
  sort: Sort = [],
): Promise<readonly AsItStood<R>[]> => {
  try {
    return await model.all(filter, sort);
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'row-quarantined') throw error;
  }
  return every(model, filter, sort);
};
