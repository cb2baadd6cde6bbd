import { once } from 'node:events';
import path from 'node:path';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Platform } from '#libs/platform/service';
import { usageEngine } from '#libs/platform/usage-engine';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { UsageFiles, usageFolderOf } from '#libs/usage-store/usage-files';
import { type TenantId } from '#libs/published/ids';
import { type Month } from '#libs/time/time';
import { type RatingInput } from '../rating/rating-input.ts';
import { tieOutSteps } from '../rating/tie-outs.ts';
import { dueMonths } from './due-months.ts';
import { InputArchive } from './input-archive.ts';
import { MonthUsage } from './month-usage.ts';
import { inTurns } from './in-turns.ts';
import { KnownMonths } from './known-months.ts';
import { rateMonth, type Rating } from './rate-month.ts';
import { RatedMonths } from './rated-months.ts';
import { RatingWorker } from './rating-worker.ts';
import { RATINGS } from './kept-files.ts';

/** What one process of the service rates and explains with. */
export class MonthRatingService {
  readonly archive: InputArchive;
  readonly usage: MonthUsage;
  readonly rated: RatedMonths;
  readonly worker: RatingWorker;
  readonly #with: Rating;
  #rating: Promise<void> = Promise.resolve();
  #engine: ReturnType<typeof usageEngine> | undefined;

  constructor(platform: Platform) {
    const { dataDir, store, readModels, clock, newId, log } = platform;
    this.archive = new InputArchive(path.join(dataDir, RATINGS), newId);
    this.usage = new MonthUsage(new UsageFiles(usageFolderOf(dataDir)), () => this.#open(platform));
    this.rated = new RatedMonths((input) => this.usage.groupsOf(input));
    this.#with = {
      store,
      readModels,
      clock,
      newId,
      archive: this.archive,
      billsOf: async (input: RatingInput, signal: AbortSignal) => {
        const { month, bills, sources } = await this.rated.of(input);
        const proof = await inTurns(tieOutSteps({ bills, sources }), signal);
        // Bills that do not add up are never published: the month stays as it was, and health says why.
        if (!proof.ok) throw new Error(`the bills of ${month} do not tie out: ${proof.where.join('; ')}`);
        return bills;
      },
      known: new KnownMonths(),
    };
    this.worker = new RatingWorker({
      due: () => dueMonths(readModels),
      rate: (rootId, month, signal) => this.rate(rootId, month, signal),
      failed: (error, of) => {
        // Read models that are being built say so themselves.
        if (error instanceof DomainError && error.refusal === 'unavailable') log.debug({ reason: error.message }, 'rating waits');
        else log.error({ err: error, rootId: of?.rootId, month: of?.month }, 'rating failed; it is tried again');
      },
    });
  }

  /** Makes one month current, as the worker does with every month that is due. */
  rate(rootId: TenantId, month: Month, signal: AbortSignal): Promise<void> {
    return rateMonth(this.#with, rootId, month, signal);
  }

  run(signal: AbortSignal): Promise<void> {
    this.#rating = this.worker.run(signal);
    return this.#rating;
  }

  /** Closes once the signal aborts: no request is under way any more by then. */
  async closeAfter(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await once(signal, 'abort');
    await this.#rating;
    await this.close();
  }

  async close(): Promise<void> {
    const engine = await this.#engine;
    await engine?.release();
  }

  async #open(platform: Platform): Promise<DuckDb> {
    this.#engine ??= usageEngine(platform);
    try {
      return (await this.#engine).duckDb;
    } catch (error) {
      // The next rating tries anew.
      this.#engine = undefined;
      throw error;
    }
  }
}
