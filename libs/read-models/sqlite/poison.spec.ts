import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DomainEvent, type Metadata, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { metadataOf } from '#libs/event-sourcing/command';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { part, projection } from '../projection.ts';
import { type InMemory, openInMemory } from '../testing/in-memory.ts';

type Counted = DomainEvent<'Counted', { counter: string; by: number }>;

const COUNTERS = 1_000;
const EVENTS_EACH = 100;
const POISONED = 'c500';
const POISON = -13;

/** Mended once the program knows what to make of it. */
let mended = true;

const counters = projection({
  name: 'counters',
  version: 1,
  parts: {
    own: part<Counted, number>('test.counter', {
      document: ({ data }) => data.counter,
      evolve: (sum = 0, { data }) => {
        if (data.by === POISON && !mended) throw new Error('cannot count backwards');
        return sum + data.by;
      },
    }),
  },
  row: ({ own }, id) => ({ id, sum: own ?? 0 }),
  indexes: [['sum']],
});

const metadata: Metadata = metadataOf(aCommand());

type Counters = InMemory & Readonly<{ count: (...counted: Counted[]) => Promise<void> }>;

const opened: Counters[] = [];
const open = async (): Promise<Counters> => {
  const inMemory = await openInMemory(counters);
  const heads = new Map<string, number>();
  const count = async (...counted: Counted[]): Promise<void> => {
    const stream = `test.counter-${counted[0]?.data.counter ?? ''}` as StreamName;
    const head = heads.get(stream) ?? NO_STREAM;
    heads.set(stream, head + counted.length);
    await inMemory.store.append(stream, counted, head, metadata);
  };
  const all = { ...inMemory, count };
  opened.push(all);
  return all;
};

const counted = (counter: string, by: number): Counted => ({ type: 'Counted', data: { counter, by } });

/** A hundred thousand events, one of them one that nobody can fold yet. */
const fill = async ({ count }: Counters): Promise<void> => {
  const names = Array.from({ length: COUNTERS }, (_, index) => `c${String(index)}`);
  for (let round = 0; round < 10; round++)
    await Promise.all(
      names.map((name) =>
        count(
          ...Array.from({ length: EVENTS_EACH / 10 }, (_, number) =>
            counted(name, name === POISONED && round === 5 && number === 5 ? POISON : number),
          ),
        ),
      ),
    );
};

beforeEach(() => {
  mended = true;
});
afterEach(async () => {
  for (const { close } of opened.splice(0)) await close();
});

describe('one event in a hundred thousand that cannot be folded', () => {
  it('holds up its own row alone, and after the fix leaves no trace', async () => {
    const healthy = await open();
    await fill(healthy);
    mended = false;
    const poisoned = await open();
    await fill(poisoned);
    expect(await poisoned.store.head()).toBe(COUNTERS * EVENTS_EACH);

    const rows = poisoned.readModels.of(counters);
    await expect(rows.get(POISONED)).rejects.toMatchObject({
      refusal: 'unavailable',
      code: 'row-quarantined',
      message: expect.stringContaining('revision 55 of test.counter-c500'),
    });
    expect(await poisoned.readModels.quarantined()).toMatchObject([
      { document: POISONED, part: 'own', stream: 'test.counter-c500', revision: 55 },
    ]);
    const [status] = await poisoned.readModels.status();
    expect(status).toMatchObject({ state: 'serving', lag: 0, quarantined: 1 });
    await poisoned.count(counted('c499', 1));
    await healthy.count(counted('c499', 1));
    expect(await rows.get('c499')).toEqual({ id: 'c499', sum: 451 });
    expect(await rows.find({ filter: { sum: 450 }, limit: 1 })).toMatchObject({ total: COUNTERS - 2 });
    expect((await rows.find({ limit: 1 })).total).toBe(COUNTERS);

    expect(await poisoned.readModels.retry()).toEqual({ retried: 1, remaining: 1 });
    mended = true;
    expect(await poisoned.readModels.retry()).toEqual({ retried: 1, remaining: 0 });
    const bytes = healthy.readModels.documents('counters').bytes();
    expect(bytes.length).toBeGreaterThan(0);
    expect(poisoned.readModels.documents('counters').bytes()).toEqual(bytes);
  }, 120_000);
});
