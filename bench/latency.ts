import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fdatasyncRate, type Synced } from './calibration.ts';
import { type Bench, percentile, ratioOf } from './goal.ts';
import { latencies, saturate, startLoadedPlatform } from './load.ts';

const WARM_UP_MS = 2_000;
const CAPACITY_MS = 2_000;
const MEASURED_MS = 5_000;
const SYNCED_MS = 2_000;
/** Keys of the open loop begin beyond those of the closed one. */
const FROM = 1_000_000;

type Round = Readonly<{ perSecond: number; p50: number; p99: number; synced: Synced }>;

/** P2: how long commands take that arrive at half of what can be had, whatever happens to those before them. */
export const latency: Bench = {
  goals: ['P2'],
  run: async ({ rounds, folder, say }) => {
    const seen: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const one = await measure(folder);
      say(`  round ${String(round + 1)}: ${told(one)}`);
      seen.push(one);
    }
    return [
      {
        goal: 'P2',
        what: 'p99 of commands that add a customer, arriving at half of the capacity',
        against: 'p99 of fdatasync of 400 B',
        ratio: ratioOf(seen.map(({ p99, synced }) => p99 / synced.p99)),
        bound: { atMost: 4 },
        seen: seen[0] ? told(seen[0]) : '',
      },
    ];
  },
};

const measure = async (folder: string): Promise<Round> => {
  const dataDir = await mkdtemp(join(folder, 'platform-'));
  const platform = await startLoadedPlatform(dataDir);
  try {
    const capacity = await saturate(platform, platform.customers, { warmUpMs: WARM_UP_MS, ms: CAPACITY_MS });
    const perSecond = capacity.perSecond / 2;
    const synced = fdatasyncRate(folder, SYNCED_MS);
    const samples = await latencies(platform, platform.customers, { perSecond, ms: MEASURED_MS, from: FROM });
    return { perSecond, p50: percentile(samples, 0.5), p99: percentile(samples, 0.99), synced };
  } finally {
    await platform.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
};

const told = ({ perSecond, p50, p99, synced }: Round): string =>
  `${perSecond.toFixed(0)}/s arriving: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; ` +
  `fdatasync p50 ${synced.p50.toFixed(2)} ms, p99 ${synced.p99.toFixed(2)} ms`;
