import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type Category, type CommandId, type DomainEvent, type Metadata, type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { type Database, openSqlite } from '#libs/sqlite/database';
import { type Instant } from '#libs/time/time';
import { aborted } from '../attempt.ts';
import { busContract, type BusSubject, DELAYS, HANDLER_TIMEOUT } from '../bus.contract.ts';
import { type Consumer } from '../consumer.ts';
import { EmbeddedBus } from './embedded-bus.ts';

const metadata = (): Metadata => ({
  commandId: randomUUID() as CommandId,
  bodyHash: 'a'.repeat(64),
  principal: { id: 'operator' },
  tenant: null,
  time: '2025-01-15T12:00:00.000Z' as Instant,
});

const opened = async (): Promise<BusSubject & Readonly<{ database: () => Database }>> => {
  const folder = mkdtempSync(join(tmpdir(), 'bus-'));
  const waited: number[] = [];
  let held = false;
  const open = () => {
    const database = openSqlite(`sqlite:${join(folder, 'log.sqlite')}`);
    const store = new SqliteEventStore(database);
    const sleep = async (milliseconds: number, signal: AbortSignal): Promise<void> => {
      waited.push(milliseconds);
      if (held) await aborted(signal);
    };
    return { database, store, bus: new EmbeddedBus(database, store, { delays: DELAYS, handlerTimeout: HANDLER_TIMEOUT, sleep }) };
  };
  let now = open();
  const heads = new Map<string, number>();
  const append = async (stream: string, ...events: readonly DomainEvent[]) => {
    const head = heads.get(stream) ?? -1;
    heads.set(stream, head + events.length);
    return (await now.store.append(stream as StreamName, events, head, metadata())).position;
  };
  return {
    bus: () => now.bus,
    database: () => now.database,
    append,
    waited: () => waited,
    hold: () => {
      held = true;
    },
    counted: (positions) => positions,
    underWay: 10,
    restart: async () => {
      now.store.close();
      now = open();
    },
    close: async () => {
      now.store.close();
      rmSync(folder, { recursive: true });
    },
  };
};

busContract(opened);

describe('checkpoints that the log cannot have made', () => {
  it.each([
    [`UPDATE consumers SET log_id = 'another'`, /belongs to the log another.*delete the row "reaction"/],
    ['UPDATE consumers SET position = 9', /reached position 9, but the log ends at 1.*delete the row "reaction"/],
  ])('refuse to run, and say what to do', async (damage, message) => {
    const subject = await opened();
    const ending = new AbortController();
    const consumers = [
      {
        name: 'reaction',
        categories: ['test.order' as never],
        onFailure: 'park',
        target: () => '',
        handle: async () => undefined,
      },
    ] as const;
    const running = subject.bus().run(consumers, ending.signal);
    await subject.append('test.order-a', { type: 'Ordered', data: {} });
    await subject.bus().settled();
    ending.abort();
    await running;
    await subject.bus().verify(consumers);
    subject.database().exec(damage);
    await expect(subject.bus().verify(consumers)).rejects.toThrow(message);
    await expect(subject.bus().run(consumers, new AbortController().signal)).rejects.toThrow(message);
    await subject.close();
  });
});

describe('a fault of the store', () => {
  it('holds a consumer up without losing an event', async () => {
    const subject = await opened();
    const handled: unknown[] = [];
    const ending = new AbortController();
    subject.database().exec(`CREATE TRIGGER fault BEFORE INSERT ON consumers BEGIN SELECT raise(ABORT, 'no room'); END`);
    const running = subject.bus().run(
      [
        {
          name: 'reaction',
          categories: ['test.order' as never],
          onFailure: 'park',
          target: () => '',
          handle: async ({ revision }) => {
            handled.push(revision);
            if (handled.length === 2) subject.database().exec('DROP TRIGGER fault');
          },
        },
      ],
      ending.signal,
    );
    await subject.append('test.order-a', { type: 'Ordered', data: {} });
    await subject.append('test.order-a', { type: 'Ordered', data: {} });
    await subject.bus().settled();
    expect(handled).toEqual([0, 1]);
    expect((await subject.bus().status())[0]).toMatchObject({ state: 'running', lag: 0, failure: null });
    ending.abort();
    await running;
    await subject.close();
  });
});

describe('a parked message whose event type has been retired', () => {
  it('is retried in today’s language', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bus-'));
    const handled: unknown[] = [];
    const session = async (
      upcasters: Upcasters,
      handle: Consumer['handle'],
      work: (store: SqliteEventStore, bus: EmbeddedBus) => Promise<unknown>,
    ): Promise<void> => {
      const database = openSqlite(`sqlite:${join(folder, 'log.sqlite')}`);
      const store = new SqliteEventStore(database, { upcasters });
      const bus = new EmbeddedBus(database, store, { delays: [] });
      const ending = new AbortController();
      const consumer = { name: 'reaction', categories: ['test.order' as Category], onFailure: 'park', handle } as const;
      const running = bus.run([{ ...consumer, target: ({ stream }) => stream }], ending.signal);
      await work(store, bus);
      ending.abort();
      await running;
      store.close();
    };
    const broken = async (): Promise<void> => Promise.reject(new Error('broken'));
    await session({}, broken, async (store, bus) => {
      await store.append('test.order-a' as StreamName, [{ type: 'Ordered', data: { pieces: 3 } }], -1, metadata());
      await bus.settled();
    });
    const renamed = ({ pieces }: { pieces: number }) => ({ type: 'GoodsOrdered', data: { quantity: pieces } });
    const noting = async ({ type, data }: DomainEvent): Promise<void> => void handled.push([type, data]);
    await session({ Ordered: renamed }, noting, async (_store, bus) => {
      await bus.settled();
      expect(await bus.retryParked('reaction')).toEqual({ handled: 1, remaining: 0 });
    });
    expect(handled).toEqual([['GoodsOrdered', { quantity: 3 }]]);
    rmSync(folder, { recursive: true });
  });
});
