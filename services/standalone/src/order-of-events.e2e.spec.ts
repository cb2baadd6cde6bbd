import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type DomainEvent, type Metadata, type StreamName } from '#libs/event-sourcing/event';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { SERVICES } from './services.ts';
import { playThreeTiers } from './testing/three-tiers.ts';

type Bill = Readonly<{ revision: number; revisedAt: string | null; state: string }>;
type Lines = Readonly<{ total: number }>;

const PASSWORD = 'correct horse battery';
const ENTIRE_LOG = 100_000;

describe('a log whose streams are interleaved in another order', () => {
  let folder: string;
  let played: string;
  let month: string;
  let tenantIds: readonly string[];
  /** Everything but what the rating made of it. */
  let log: readonly StoredEvent[];
  let bills: readonly string[];

  /** All that the bills of all tenants say, without when and how often they were made. */
  const billsOn = async (platform: TestPlatform): Promise<readonly string[]> => {
    await platform.settled();
    const http = await platform.as('admin@example.com', PASSWORD);
    const answers: string[] = [];
    for (const tenantId of tenantIds) {
      const at = `/tenants/${tenantId}`;
      const { body: bill } = await http.get<Bill>(`${at}/bills/${month}`);
      const { body: lines } = await http.get<Lines>(`${at}/bills/${month}/lines?limit=500`);
      const { body: unassigned } = await http.get(`${at}/unassigned?month=${month}`);
      answers.push(JSON.stringify([{ ...bill, revision: null, revisedAt: null }, lines, unassigned]));
    }
    return answers;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'order-'));
    played = join(folder, 'played');
    const platform = await startPlatform(SERVICES, { dataDir: played });
    month = await playThreeTiers(platform, folder, 'admin@example.com', PASSWORD);
    const http = await platform.as('admin@example.com', PASSWORD);
    const { body } = await http.get<Readonly<{ items: readonly Readonly<{ id: string }>[] }>>('/tenants?limit=500');
    tenantIds = body.items.map(({ id }) => id);
    bills = await billsOn(platform);
    log = (await platform.running.storage.stored(0, ENTIRE_LOG)).filter(({ stream }) => !stream.startsWith('invoicing.'));
    await platform.close();
  }, 120_000);

  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it('was told in full, with bills that say something', () => {
    expect(log.length).toBeLessThan(ENTIRE_LOG);
    expect(bills.filter((bill) => bill.includes('"state":"current"')).length).toBeGreaterThan(3);
    expect(bills.filter((bill) => /"billed":"[1-9]/.test(bill)).length).toBeGreaterThan(3);
  });

  it.each([1, 2, 3])(
    'gives the same bills, to the last byte (seed %d)',
    async (seed) => {
      const streams = log.map(({ stream }) => stream);
      const all = { minLength: streams.length, maxLength: streams.length };
      const [order = []] = fc.sample(fc.shuffledSubarray([...streams.keys()], all), { seed, numRuns: 1 });
      expect(order).not.toEqual([...streams.keys()]);
      const left = new Map<StreamName, StoredEvent[]>();
      for (const event of log) left.set(event.stream, [...(left.get(event.stream) ?? []), event]);
      const shuffled = order.map((index) => left.get(streams[index] ?? ('' as StreamName))?.shift());

      const dataDir = join(folder, `again-${String(seed)}`);
      for (const name of await readdir(played))
        if (!name.startsWith('tributary.db')) await cp(join(played, name), join(dataDir, name), { recursive: true });
      // Without the services: whatever reacts to events sees them only when all of them are there.
      const writing = await startPlatform([], { dataDir });
      for (const event of shuffled) {
        if (!event) throw new Error('a stream has fewer events than it had');
        const told = { type: event.type, data: JSON.parse(event.data) as unknown } satisfies DomainEvent;
        const metadata = JSON.parse(event.metadata) as Metadata;
        await writing.running.platform.store.append(event.stream, [told], event.revision - 1, metadata);
      }
      await writing.close();

      const platform = await startPlatform(SERVICES, { dataDir });
      try {
        expect(await billsOn(platform)).toEqual(bills);
      } finally {
        await platform.close();
      }
    },
    60_000,
  );
});
