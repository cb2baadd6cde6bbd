import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fdatasyncRate } from './calibration.ts';
import { type Bench, type Measured, ratioOf } from './goal.ts';
import { type Loaded, type LoadedPlatform, saturate, startLoadedPlatform, startNoOpServer } from './load.ts';

const WARM_UP_MS = 2_000;
const MEASURED_MS = 3_000;
const SYNCED_MS = 1_000;

type Round = Readonly<{ customers: Loaded; drafts: Loaded; noOp: Loaded; synced: number }>;

/** P1: durable, authorised, validated commands, visible to every read that follows the answer. */
export const commands: Bench = {
  goals: ['P1'],
  run: async ({ rounds, folder, say }) => {
    const seen: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const one = await measure(folder, round % 2 === 0);
      say(`  round ${String(round + 1)}: ${told(one)}`);
      seen.push(one);
    }
    const row = (goal: string, what: string, against: string, atLeast: number, ratio: (round: Round) => number): Measured => ({
      goal,
      what,
      against,
      ratio: ratioOf(seen.map(ratio)),
      bound: { atLeast },
      seen: seen[0] ? told(seen[0]) : '',
    });
    const drafting = 'commands a second that draft a contract, 64 connections';
    const adding = 'commands a second that add a customer, 64 connections';
    return [
      row('P1', adding, 'no-op POST on bare Fastify', 0.5, ({ customers, noOp }) => customers.perSecond / noOp.perSecond),
      row('P1', drafting, 'no-op POST on bare Fastify', 0.5, ({ drafts, noOp }) => drafts.perSecond / noOp.perSecond),
      row('P1 fsync', adding, 'fdatasync of 400 B', 5, ({ customers, synced }) => customers.perSecond / synced),
    ];
  },
};

/** Fresh processes and a fresh folder for each side. */
const measure = async (folder: string, oursFirst: boolean): Promise<Round> => {
  const limits = async (): Promise<Pick<Round, 'noOp' | 'synced'>> => {
    const server = await startNoOpServer();
    try {
      const noOp = await saturate(server, () => NO_OP, { warmUpMs: WARM_UP_MS, ms: MEASURED_MS });
      return { noOp, synced: fdatasyncRate(folder, SYNCED_MS).perSecond };
    } finally {
      await server.stop();
    }
  };
  if (oursFirst) return { ...(await ours(folder)), ...(await limits()) };
  return { ...(await limits()), ...(await ours(folder)) };
};

const ours = async (folder: string): Promise<Pick<Round, 'customers' | 'drafts'>> => {
  const dataDir = await mkdtemp(join(folder, 'platform-'));
  let platform: LoadedPlatform | undefined;
  try {
    platform = await startLoadedPlatform(dataDir);
    const times = { warmUpMs: WARM_UP_MS, ms: MEASURED_MS };
    return {
      customers: await saturate(platform, platform.customers, times),
      drafts: await saturate(platform, platform.drafts, times),
    };
  } finally {
    await platform?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
};

const NO_OP = {
  path: '/api/v1/tenants/0198c1de-0000-7000-8000-000000000000/customers',
  headers: { 'content-type': 'application/json', 'idempotency-key': 'customer-1' },
  body: JSON.stringify({ tier: 'reseller', name: 'Customer 1', primaryDomain: 'customer-1.example' }),
};

const told = ({ customers, drafts, noOp, synced }: Round): string =>
  [
    ...Object.entries({ 'adding a customer': customers, 'drafting a contract': drafts, 'no-op': noOp }).map(
      ([name, { perSecond, cpuMicroseconds }]) =>
        `${name} ${perSecond.toFixed(0)}/s at ${cpuMicroseconds.toFixed(0)} µs of the server's CPU`,
    ),
    `fdatasync ${synced.toFixed(0)}/s`,
  ].join(', ');
