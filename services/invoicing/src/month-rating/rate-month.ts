import {
  type CommandId,
  type DomainEvent,
  type Metadata,
  NO_STREAM,
  type Revision,
  type StreamName,
} from '#libs/event-sourcing/event';
import { type EventStore, RevisionConflict } from '#libs/event-sourcing/event-store';
import { type TenantId } from '#libs/published/ids';
import { type Bill } from '#libs/published/invoicing';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Clock, type Month } from '#libs/time/time';
import { bill, billId, contentHashOf, revise } from '../bill/bill.ts';
import { billList } from '../bill-list/bill-list.projection.ts';
import { type RatingInput } from '../rating/rating-input.ts';
import { versionedMonth } from '../rating-inputs/input-version.ts';
import { loadRatingInput } from '../rating-inputs/load-rating-input.ts';
import { type InputArchive } from './input-archive.ts';
import { inTurns } from './in-turns.ts';
import { type KnownMonths, type MonthHeads } from './known-months.ts';
import { markRated, monthRating, monthRatingId } from './month-rating.ts';
import { monthRatings } from './month-ratings.projection.ts';

/** What a rating is made with. */
export type Rating = Readonly<{
  store: EventStore;
  readModels: ReadModels;
  clock: Clock;
  newId: () => string;
  archive: InputArchive;
  billsOf: (input: RatingInput, signal: AbortSignal) => Promise<readonly Bill[]>;
  known: KnownMonths;
}>;

const ATTEMPTS = 10;

/**
 * Rates a month of a tree as of its present inputs and revises the bills that come out differently. It knows the bills' revisions
 * before it resolves the files, so an older result never overwrites a newer one: whoever loses the race, or finds a file gone because
 * another import serves by now, resolves and rates anew. All bills are appended in one turn: readers see all of them old or all new.
 * That the month is rated is said only after that, for a bill that somebody else had revised stays what it was.
 */
export const rateMonth = async (rating: Rating, rootId: TenantId, month: Month, signal: AbortSignal): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const outcome = await rateOnce(rating, rootId, month, signal);
    if (outcome === 'done') return;
    if (attempt === ATTEMPTS) throw outcome;
  }
};

/** An error: somebody else got on meanwhile, so a further attempt may succeed. */
const rateOnce = async (rating: Rating, rootId: TenantId, month: Month, signal: AbortSignal): Promise<'done' | Error> => {
  const { store, readModels, clock, archive, known } = rating;
  const id = monthRatingId(rootId, month);
  const before = known.get(id);
  // Until it is done: whatever goes wrong, the next attempt trusts in nothing that this one did.
  known.forget(id);
  const heads = before?.heads ?? (await headsOf(readModels, rootId, month));
  const loaded = await loadRatingInput(readModels, rootId, month, before?.loaded);
  if (!loaded) return 'done';
  let bills: readonly Bill[];
  try {
    bills = await rating.billsOf(loaded.input, signal);
  } catch (error) {
    signal.throwIfAborted();
    if ((await versionedMonth(readModels, rootId, month))?.inputVersion !== loaded.inputVersion)
      return error instanceof Error ? error : new Error(String(error));
    throw error;
  }
  const inputDigest = await archive.keep(loaded.input);
  const now = clock.now();
  await inTurns(hashing(bills), signal);
  const revised = new Map(heads.bills);
  const appends: Append[] = bills.map((content) => {
    const head = heads.bills.get(content.tenantId);
    const events = revise(content, inputDigest, now)({ contentHash: head?.contentHash ?? null });
    const expected = head?.revision ?? NO_STREAM;
    revised.set(content.tenantId, { revision: expected + events.length, contentHash: contentHashOf(content) });
    return { stream: bill.stream(billId(content.tenantId, month)), events, expected, tenant: content.tenantId };
  });
  const append = async ({ stream, events, expected, tenant }: Append): Promise<void> => {
    if (events.length === 0) return;
    await store.append(stream, events, expected, metadataOf(rating.newId() as CommandId, tenant, inputDigest, now));
  };
  const overtaken = new Error(`${rootId}, ${month}: others kept changing its bills`);
  if (!(await haveWon(appends.map(append)))) return overtaken;
  const billVersion = [...revised.values()].reduce((events, { revision }) => events + revision + 1, 0);
  const rated = { rootId, month, inputVersion: loaded.inputVersion, inputDigest, ratedAt: now, billVersion };
  const marked = markRated(rated)(heads.rating ?? null);
  const expected = heads.rating?.revision ?? NO_STREAM;
  if (!(await haveWon([append({ stream: monthRating.stream(id), events: marked, expected, tenant: rootId })]))) return overtaken;
  // Where there was nothing to say although the month is due, what was known of its streams may be what is wrong.
  if (marked.length > 0) known.remember(id, { loaded, heads: { rating: { ...rated, revision: expected + 1 }, bills: revised } });
  return 'done';
};

/** False when another writer was first at one of the streams. @throws what else went wrong */
const haveWon = async (appends: readonly Promise<void>[]): Promise<boolean> => {
  const settled = await Promise.allSettled(appends);
  const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  const other = failures.find((failure) => !(failure instanceof RevisionConflict));
  if (other !== undefined) throw other;
  return failures.length === 0;
};

/** Long documents take a while to hash. */
const hashing = function* (bills: readonly Bill[]): Generator<void, void> {
  for (const content of bills) {
    contentHashOf(content);
    yield;
  }
};

type Append = Readonly<{ stream: StreamName; events: readonly DomainEvent[]; expected: Revision; tenant: TenantId }>;

const headsOf = async (readModels: ReadModels, rootId: TenantId, month: Month): Promise<MonthHeads> => {
  const rating = await readModels.of(monthRatings).get(monthRatingId(rootId, month));
  const rows = await readModels.of(billList).all({ rootId, month });
  return { rating, bills: new Map(rows.map((row) => [row.tenantId, row])) };
};

/** Nobody asked for it: the platform rates by itself. */
const metadataOf = (commandId: CommandId, tenant: TenantId, bodyHash: string, time: Metadata['time']): Metadata => ({
  commandId,
  bodyHash,
  principal: { id: 'invoicing' },
  tenant,
  time,
});
