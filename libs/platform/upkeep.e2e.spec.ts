import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Inject, Module, Param } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { type Category, type DomainEvent } from '#libs/event-sourcing/event';
import { part, projection } from '#libs/read-models/projection';
import { type ReadModels } from '#libs/read-models/read-model';
import { Public } from './requires.ts';
import { type ServiceDefinition } from './service.ts';
import { type HttpClient, startPlatform, type TestPlatform } from './testing/platform.ts';
import { READ_MODELS } from './tokens.ts';

type Ordered = DomainEvent<'Ordered', { id: string; quantity: number }>;
type Problem = Readonly<{ code: string; detail: string }>;
type Health = Readonly<{ status: string; reasons: readonly string[]; warnings: readonly string[] }>;

/** The fault that an operator has to mend: quantities that neither read model nor reaction can take. */
const faulty = new Set<number>();
let delivered: number[] = [];
const take = (quantity: number): number => {
  if (faulty.has(quantity)) throw new Error(`cannot take ${String(quantity)}`);
  return quantity;
};

const orders = projection({
  name: 'orders',
  version: 1,
  parts: {
    order: part<Ordered, number>('shop.order', {
      document: ({ data }) => data.id,
      evolve: (sum = 0, { data }) => sum + take(data.quantity),
    }),
  },
  row: ({ order }, id): { id: string; quantity: number } | undefined =>
    order === undefined ? undefined : { id, quantity: order },
  indexes: [],
});

@Controller('orders')
class OrdersController {
  constructor(@Inject(READ_MODELS) readonly readModels: ReadModels) {}

  @Get()
  @Public('a test')
  all(): Promise<unknown> {
    return this.readModels.of(orders).find({ limit: 10 });
  }

  @Get(':id')
  @Public('a test')
  one(@Param('id') id: string): Promise<unknown> {
    return this.readModels.of(orders).get(id);
  }
}

@Module({ controllers: [OrdersController] })
class ShopModule {}

const shop = (onFailure: 'park' | 'stop' = 'park'): ServiceDefinition => ({
  name: 'shop',
  module: ShopModule,
  projections: [orders],
  consumers: () => [
    {
      name: 'shop.delivery',
      categories: ['shop.order' as Category],
      onFailure,
      target: ({ stream }) => stream,
      handle: async ({ data }) => {
        delivered.push(take((data as Ordered['data']).quantity));
        return Promise.resolve();
      },
    },
  ],
});

let platform: TestPlatform;
let operator: HttpClient;

const started = async (service: ServiceDefinition): Promise<void> => {
  platform = await startPlatform([service]);
  operator = await platform.asOperator();
};
const order = async (id: string, ...quantities: readonly number[]): Promise<void> => {
  const events = quantities.map((quantity) => ({ type: 'Ordered', data: { id, quantity } }));
  await platform.happened(`shop.order-${id}`, ...events);
};
const health = async (): Promise<Health> => (await platform.http.get<Health>('/health/ready')).body;
/** Retries take six seconds before a message is parked. */
const parked = async (): Promise<void> => {
  while (!(await health()).warnings.some((warning) => warning.includes('parked'))) await new Promise((r) => setTimeout(r, 50));
};

beforeEach(() => {
  faulty.clear();
  delivered = [];
});
afterEach(() => platform.close());

describe('an event that a read model cannot fold', () => {
  beforeEach(async () => {
    await started({ ...shop(), consumers: () => [] });
    faulty.add(13);
    await order('a', 1);
    await order('b', 2);
    await order('a', 13);
    await order('a', 4);
  });

  it('makes its row unavailable, naming stream and revision; all others go on, and health warns', async () => {
    const { status, body, headers } = await platform.http.get<Problem>('/orders/a');
    expect([status, body.code]).toEqual([503, 'row-quarantined']);
    expect(body.detail).toContain('revision 1 of shop.order-a');
    expect(headers.get('retry-after')).toBe('1');
    await order('b', 5);
    expect((await platform.http.get('/orders/b')).body).toEqual({ id: 'b', quantity: 7 });
    expect((await platform.http.get('/orders')).body).toMatchObject({
      items: [
        { id: 'a', quarantined: true },
        { id: 'b', quantity: 7 },
      ],
      total: 2,
    });
    expect(await health()).toEqual({
      status: 'ready',
      reasons: [],
      warnings: ['read model orders cannot fold revision 1 of shop.order-a: 1 part(s) in quarantine'],
    });
    expect((await operator.get('/operations/quarantine')).body).toEqual({
      items: [
        {
          projection: 'orders',
          document: 'a',
          part: 'order',
          stream: 'shop.order-a',
          revision: 1,
          error: 'Error: cannot take 13',
        },
      ],
      nextCursor: null,
      total: 1,
    });
  });

  it('is folded once an operator retries after the fix', async () => {
    expect((await operator.put('/operations/quarantine/retry', {})).body).toEqual({ retried: 1, remaining: 1 });
    faulty.clear();
    expect((await operator.put('/operations/quarantine/retry', { readModel: 'orders' })).body).toEqual({
      retried: 1,
      remaining: 0,
    });
    expect((await platform.http.get('/orders/a')).body).toEqual({ id: 'a', quantity: 18 });
    expect((await health()).warnings).toEqual([]);
    const { status } = await operator.put('/operations/quarantine/retry', { readModel: 'unknown' });
    expect(status).toBe(404);
  });
});

describe('replaying a read model', () => {
  it('is begun by an operator, once at a time, and shows in its status', async () => {
    await started(shop());
    await order('a', 1, 2, 3);
    const before = await operator.get<{ items: readonly { projection: string; generation: number }[] }>(
      '/operations/read-models',
    );
    const generationOf = ({ body: { items } }: typeof before): number | undefined =>
      items.find(({ projection: name }) => name === 'orders')?.generation;
    const [one, other] = await Promise.all([
      operator.put<Problem>('/operations/read-models/orders/replay'),
      operator.put<Problem>('/operations/read-models/orders/replay'),
    ]);
    expect([one.status, other.status].filter((status) => status === 202).length).toBeGreaterThan(0);
    for (const { status, body } of [one, other]) if (status !== 202) expect([status, body.code]).toEqual([409, 'replay-running']);
    let after = before;
    while (generationOf(after) === generationOf(before)) after = await operator.get('/operations/read-models');
    expect(after.body.items.find(({ projection: name }) => name === 'orders')).toMatchObject({
      state: 'serving',
      lag: 0,
      error: null,
    });
    expect((await platform.http.get('/orders/a')).body).toEqual({ id: 'a', quantity: 6 });
    expect((await operator.put('/operations/read-models/unknown/replay')).status).toBe(404);
  });
});

describe('a message that a reaction cannot handle', () => {
  it('is parked and listed with its reason; a retry delivers it and those behind it in order, a drop gives it up', async () => {
    await started(shop());
    faulty.add(13);
    await order('a', 13, 14, 15);
    await order('b', 1);
    await parked();
    await platform.settled();
    expect(delivered).toEqual([1]);
    const { body } = await operator.get<{ items: readonly { eventId: string }[] }>('/operations/parked?reaction=shop.delivery');
    expect(body).toMatchObject({
      items: [
        {
          stream: 'shop.order-a',
          revision: 0,
          reason: 'Error: cannot take 13',
          behind: false,
          event: { data: { quantity: 13 } },
        },
        { revision: 1, behind: true },
        { revision: 2, behind: true },
      ],
      total: 3,
    });
    const two = '/operations/parked?limit=2';
    const page = await operator.get<{ items: readonly unknown[]; nextCursor: string }>(two);
    const rest = await operator.get<{ items: readonly unknown[] }>(`${two}&cursor=${page.body.nextCursor}`);
    expect(rest.body).toMatchObject({ nextCursor: null, total: 3 });
    expect([...page.body.items, ...rest.body.items]).toEqual(body.items);
    const { status, warnings } = await health();
    expect([status, warnings]).toEqual(['ready', expect.arrayContaining(['reaction shop.delivery has 3 parked message(s)'])]);

    const retry = '/operations/reactions/shop.delivery/retry';
    expect((await operator.put(retry, {})).body).toEqual({ handled: 0, remaining: 3 });
    const first = `/operations/reactions/shop.delivery/parked/${String(body.items[0]?.eventId)}`;
    expect((await operator.delete(first)).status).toBe(204);
    expect((await operator.delete(first)).status).toBe(404);
    expect((await operator.put(retry, { target: 'shop.order-a' })).body).toEqual({ handled: 2, remaining: 0 });
    expect(delivered).toEqual([1, 14, 15]);
    expect((await operator.get('/operations/reactions')).body).toMatchObject({
      items: [{ consumer: 'shop.delivery', state: 'running', lag: 0, parked: 0, failure: null }],
    });
  });

  it('stops a reaction that says so, which makes the process not ready', async () => {
    await started(shop('stop'));
    faulty.add(13);
    await order('a', 13);
    while ((await health()).status === 'ready') await new Promise((r) => setTimeout(r, 50));
    expect(await health()).toMatchObject({
      reasons: ['reaction shop.delivery has stopped: Error: cannot take 13'],
    });
  });
});

describe('upkeep', () => {
  it('is for those who run the platform', async () => {
    await started(shop());
    const admin = await platform.asUser(randomUUID() as never, 'admin');
    for (const path of ['/operations/read-models', '/operations/quarantine', '/operations/reactions', '/operations/parked'])
      expect([path, (await admin.get(path)).status, (await platform.http.get(path)).status]).toEqual([path, 403, 401]);
    for (const path of ['/operations/read-models/orders/replay', '/operations/quarantine/retry', '/operations/reactions/x/retry'])
      expect([path, (await admin.put(path, {})).status]).toEqual([path, 403]);
  });
});
