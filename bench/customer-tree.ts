import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type CommandId, type DomainEvent, type Metadata, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { openEmbedded } from '#libs/platform/embedded-storage';
import { type Instant } from '#libs/time/time';
import { createAdministrator, LoadClient, startPlatformProcess } from '../proofs/platform-process.ts';
import { type Bench, percentile, alternately } from './goal.ts';
import { processorSeconds } from './load.ts';

/** As many as `BENCH_TREE_CUSTOMERS` says; the goal names 100,000. */
const MANY = Number(process.env['BENCH_TREE_CUSTOMERS'] ?? 100_000);
const FEW = 1_000;
const OF_A_RESELLER = 100;
const AT_ONCE = 500;
const WARM_UP = 200;
const ASKED = 300;
/** The first start builds every read model from the seeded log. */
const BUILD_MS = 20 * 60_000;
const QUIET_MS = 1_000;
const QUIET_CPU = 0.1;

const TIME = '2026-01-20T10:00:00.000Z' as Instant;

type Page = Readonly<{ items: readonly unknown[]; total: number }>;
type Stream = Readonly<{ stream: string; events: readonly DomainEvent[] }>;

/** P9, the tree: its first page, all columns rolled up, costs a tree of very many customers hardly more than one of a few. */
export const customerTree: Bench = {
  goals: ['P9'],
  run: async ({ rounds, folder, say }) => {
    const [many, few] = [await treeOf(MANY, folder, say), await treeOf(FEW, folder, say)];
    try {
      const { ratio, ours, theirs } = await alternately(rounds, many.p99, few.p99);
      return [
        {
          goal: 'P9 tree',
          what: `p99 of the first page of the tree of ${String(MANY)} customers over HTTP, all columns, with the exact total`,
          against: `the same with ${String(FEW)} customers`,
          ratio,
          bound: { atMost: 3 },
          seen: `${(ours[0] ?? 0).toFixed(1)} ms against ${(theirs[0] ?? 0).toFixed(1)} ms`,
        },
      ];
    } finally {
      await many.stop();
      await few.stop();
    }
  },
};

const treeOf = async (customers: number, folder: string, say: (text: string) => void) => {
  const dataDir = await mkdtemp(join(folder, 'platform-'));
  const administrator = await createAdministrator(dataDir);
  const root = randomUUID();
  await seed(dataDir, streamsOf(root, customers));
  const platform = await startPlatformProcess(dataDir, { startTimeoutMs: BUILD_MS });
  const client = new LoadClient(platform.url, 1);
  await client.login(administrator);
  const path = `/api/v1/tenants/${root}/customer-tree`;
  const tenants = 1 + Math.ceil(customers / OF_A_RESELLER) + customers;
  const page = async (): Promise<void> => {
    const { status, text, body } = await client.send<Page>({ method: 'GET', path });
    if (status !== 200 || body.total !== tenants)
      throw new Error(`${path} was answered ${String(status)}: ${text.slice(0, 500)}`);
  };
  const isThere = async (): Promise<boolean> => {
    const { status, body } = await client.send<Page>({ method: 'GET', path });
    return status === 200 && body.total === tenants;
  };
  while (!(await isThere())) await pause(QUIET_MS);
  for (let last = processorSeconds(platform.pid), busy = true; busy;) {
    await pause(QUIET_MS);
    const now = processorSeconds(platform.pid);
    busy = now - last > QUIET_CPU;
    last = now;
  }
  for (let n = 0; n < WARM_UP; n += 1) await page();
  say(`  ${String(customers)} customers are there`);
  return {
    p99: async (): Promise<number> => {
      const samples: number[] = [];
      for (let n = 0; n < ASKED; n += 1) {
        const before = performance.now();
        await page();
        samples.push(performance.now() - before);
      }
      return percentile(samples, 0.99);
    },
    stop: async (): Promise<void> => {
      await client.close();
      await platform.stop();
    },
  };
};

/** A distributor, its resellers, and their customers: with contracts, source data and activity. */
function* streamsOf(root: string, customers: number): Generator<Stream> {
  yield* tenant([root], 'distributor', 'Distributor');
  for (let made = 0; made < customers;) {
    const reseller = randomUUID();
    yield* tenant([root, reseller], 'reseller', nameOf(made));
    for (let n = 0; n < OF_A_RESELLER && made < customers; n += 1, made += 1)
      yield* tenant([root, reseller, randomUUID()], 'endCustomer', nameOf(made));
  }
}

const nameOf = (n: number): string => `Customer ${String((n * 7919) % 1_000_003)}`;

function* tenant(path: readonly string[], tier: string, name: string): Generator<Stream> {
  const tenantId = path.at(-1) ?? '';
  const profile = { name, customerCode: null, primaryDomain: null, currency: 'USD', registeredAt: TIME };
  yield {
    stream: `tenants.tenant-${tenantId}`,
    events: [{ type: 'TenantRegistered', data: { tenantId, path, tier, ...profile } }],
  };
  const rolledUp = { tenantId, path, status: 'Success', own: 'Success', rolledUpAt: TIME };
  yield { stream: `tenants.sourceData-${tenantId}`, events: [{ type: 'SourceDataRolledUp', data: rolledUp }] };
  const contract = { tenantId, rootId: path[0], contractId: randomUUID() };
  yield {
    stream: `contracts.tenantContracts-${tenantId}`,
    events: [
      { type: 'ContractDrafted', data: { ...contract, path, tier: 'T3', draftedAt: TIME, terms: TERMS } },
      {
        type: 'ContractStatusChanged',
        data: { ...contract, from: 'draft', to: 'cancelled', effectiveFrom: '2026-01-01', reason: '', changedAt: TIME },
      },
    ],
  };
  yield {
    stream: `access-control.tenantActivity-${tenantId}`,
    events: [{ type: 'TenantUserActive', data: { tenantId, userId: randomUUID(), at: TIME } }],
  };
}

const TERMS = {
  name: 'Agreement',
  start: '2026-01-01',
  end: null,
  managementAccounts: 'all',
  renewalPolicy: 'none',
  entitlements: [],
  invoicePrefix: null,
  billingDetails: null,
  billingRules: [],
  priceBooks: [],
  customLineItems: [],
};

const seed = async (dataDir: string, streams: Iterable<Stream>): Promise<void> => {
  const storage = await openEmbedded(`sqlite:${join(dataDir, 'tributary.db')}`, [], {});
  try {
    let batch: Promise<unknown>[] = [];
    for (const { stream, events } of streams) {
      const metadata: Metadata = {
        commandId: randomUUID() as CommandId,
        bodyHash: '',
        principal: { id: 'bench' },
        tenant: null,
        time: TIME,
      };
      batch.push(storage.store.append(stream as StreamName, events, NO_STREAM, metadata));
      if (batch.length < AT_ONCE) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
  } finally {
    await storage.close();
  }
};
