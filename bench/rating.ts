import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openPlatform } from '#libs/platform/bootstrap';
import { PLATFORM_CONCERNS, readConfiguration } from '#libs/platform/configuration';
import { createLog } from '#libs/platform/logging';
import { type Platform } from '#libs/platform/service';
import { usageEngine, UsageEngineConfiguration } from '#libs/platform/usage-engine';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { usageIn } from '#libs/usage-store/usage-files';
import { invoicingService } from '../services/invoicing/src/invoicing.module.ts';
import { loadRatingInput } from '../services/invoicing/src/rating-inputs/load-rating-input.ts';
import { MonthRatingService } from '../services/invoicing/src/month-rating/month-rating-service.ts';
import { type Bench, type BenchOptions, type Measured, ratioOf } from './goal.ts';
import { ACCOUNTS, CUSTOMERS, MONTH, RatedTree, ROOT, type UsageSlice } from './rated-month.ts';

/** A kind of lines makes two to four signatures here: before and after a day on which something changes, and by what conditions ask. */
const LINES_A_KIND = 100;
const never = new AbortController().signal;

type Round = Readonly<{
  full: number;
  scan: number;
  /** Processor time of the two. */
  cpu: Readonly<{ full: number; scan: number }>;
  /** What the lines come down to before they are rated. */
  groups: number;
  twice: number;
  twiceScan: number;
  customer: number;
  reseller: number;
  blockedMs: number;
}>;

/** P11 and P12: a month of usage becomes bills, and bills are corrected. */
export const rating: Bench = {
  goals: ['P11', 'P12'],
  run: async (options) => {
    const platform = await openRatedPlatform(options.folder);
    try {
      return await measured(platform, options);
    } finally {
      await platform.close();
    }
  },
};

type RatedPlatform = Readonly<{ platform: Platform; duckDb: DuckDb; tree: RatedTree; close: () => Promise<void> }>;

/** The platform's own storage with nothing but rating on it. */
const openRatedPlatform = async (folder: string): Promise<RatedPlatform> => {
  const configuration = readConfiguration([...PLATFORM_CONCERNS, UsageEngineConfiguration], {
    DATA_DIR: join(folder, 'rated'),
    LOG_LEVEL: 'error',
  });
  const { platform, storage } = await openPlatform([invoicingService], configuration, { log: createLog('error') });
  const { duckDb, release } = await usageEngine(platform);
  const tree = new RatedTree(platform, duckDb);
  await tree.build();
  return {
    platform,
    duckDb,
    tree,
    close: async () => {
      await release();
      await storage.close();
    },
  };
};

const timed = async (work: () => Promise<unknown>): Promise<number> => (await measuredTimes(work)).milliseconds;

/** `cpu`: of all threads of this process. */
type Times = Readonly<{ milliseconds: number; cpu: number }>;

const measuredTimes = async (work: () => Promise<unknown>): Promise<Times> => {
  const [before, cpuBefore] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { milliseconds: performance.now() - before, cpu: (user + system) / 1000 };
};

/** The columns that the rating of this tree reads, all of each: lengths of texts, for a maximum may come from the file's footer. */
const scanOf = (slices: readonly UsageSlice[]): string => {
  const texts = [
    'SubAccountId',
    'BillingCurrency',
    'ServiceName',
    'ChargeCategory',
    'x_Marketplace',
    'x_LineItemType',
    'x_UsageType',
    'RegionId',
    'ResourceId',
    'Tags',
  ];
  const sums = texts.map((name) => `sum(strlen(${name}))`);
  return `SELECT sum(BilledCost), sum(PricingQuantity), sum(epoch_us(ChargePeriodStart)), ${sums.join(', ')} FROM ${usageIn(slices.map(({ file }) => file))}`;
};

const measured = async (
  { platform, duckDb, tree }: RatedPlatform,
  { rounds, lines, say }: BenchOptions,
): Promise<readonly Measured[]> => {
  const signatures = Math.round(lines / LINES_A_KIND);
  const month = await tree.writeMonth(randomUUID(), lines, signatures);
  const twice = await tree.writeMonth(randomUUID(), 2 * lines, signatures);
  const scan = (slices: readonly UsageSlice[]): Promise<Times> => measuredTimes(() => duckDb.all(scanOf(slices)));
  /** Delivered again, for a service that has seen nothing yet: everything is grouped, rated and written. */
  const full = async (slices: readonly UsageSlice[]): Promise<Readonly<{ service: MonthRatingService }> & Times> => {
    await tree.deliver(slices);
    const service = new MonthRatingService(platform);
    return { service, ...(await measuredTimes(() => service.rate(ROOT, MONTH, never))) };
  };
  const groupsOf = async ({ usage }: MonthRatingService): Promise<number> => {
    const loaded = await loadRatingInput(platform.readModels, ROOT, MONTH);
    return loaded ? (await usage.groupsOf(loaded.input)).length : 0;
  };
  const seen: Round[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const scanFirst = round % 2 === 0;
    const before = scanFirst ? ([await scan(month), await scan(twice)] as const) : undefined;
    const doubled = await full(twice);
    await doubled.service.close();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const rated = await full(month);
    delay.disable();
    const groups = await groupsOf(rated.service);
    const discount = `8.${String(round + 2).padStart(3, '0')}`;
    await tree.changeCustomer((round + 7) % CUSTOMERS, discount);
    const customer = await timed(() => rated.service.rate(ROOT, MONTH, never));
    await tree.changeReseller((round + 7) % 20, discount);
    const reseller = await timed(() => rated.service.rate(ROOT, MONTH, never));
    await rated.service.close();
    const [scanned, twiceScan] = before ?? [await scan(month), await scan(twice)];
    const one = {
      full: rated.milliseconds,
      scan: scanned.milliseconds,
      cpu: { full: rated.cpu, scan: scanned.cpu },
      groups,
      twice: doubled.milliseconds,
      twiceScan: twiceScan.milliseconds,
      customer,
      reseller,
      blockedMs: delay.max / 1e6,
    };
    say(`  round ${String(round + 1)}: ${told(one)}`);
    // The first one warms everything up.
    if (round >= 0) seen.push(one);
  }
  const size = `${String(lines)} lines, ${String(ACCOUNTS)} accounts, ${String(signatures)} kinds of lines, ${String(CUSTOMERS)} customers on three tiers`;
  const row = (goal: string, what: string, against: string, atMost: number, ratio: (round: Round) => number): Measured => ({
    goal,
    what,
    against,
    ratio: ratioOf(seen.map(ratio)),
    bound: { atMost },
    seen: seen[0] ? told(seen[0]) : '',
  });
  return [
    row(
      'P11',
      `a month rated at every tier, documents written: ${size}`,
      'DuckDB scanning the columns that rating reads',
      4,
      ({ full: ours, scan: theirs }) => ours / theirs,
    ),
    row(
      'P11 lines',
      'the same with twice the lines of the same kinds, the scan taken off',
      'the month itself',
      1.5,
      (one) => (one.twice - one.twiceScan) / (one.full - one.scan),
    ),
    row(
      'P12',
      "a price rule of a customer's contract changed: drafts corrected",
      'the month rated in full',
      0.02,
      (one) => one.customer / one.full,
    ),
    row(
      'P12 reseller',
      "a price rule of one of 20 resellers' contracts changed",
      'the month rated in full',
      0.1,
      (one) => one.reseller / one.full,
    ),
  ];
};

const told = ({ full, scan, cpu, groups, twice, twiceScan, customer, reseller, blockedMs }: Round): string =>
  `${String(groups)} signatures; rated in ${full.toFixed(0)} ms (CPU ${cpu.full.toFixed(0)}), scanned in ${scan.toFixed(0)} ms (CPU ${cpu.scan.toFixed(0)}); twice the lines ${twice.toFixed(0)} ms, scanned in ${twiceScan.toFixed(0)} ms; ` +
  `corrected in ${customer.toFixed(1)} ms (customer), ${reseller.toFixed(1)} ms (reseller); longest block of the event loop ${blockedMs.toFixed(0)} ms`;
