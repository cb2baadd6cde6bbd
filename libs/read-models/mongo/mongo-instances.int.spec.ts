import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type DomainEvent, type Recorded } from '#libs/event-sourcing/event';
import { type Partition } from '#libs/messaging/feed';
import { project } from '../fold.ts';
import { part, projection } from '../projection.ts';
import { PartitionedLog } from '../testing/partitioned-log.ts';
import { MongoConnection } from './connection.ts';
import { ControlRecord } from './control.ts';
import { dropService, readModelsUrl } from './testing/engine.ts';
import { type Instance, startInstance } from './testing/instance.ts';

type Counted = DomainEvent<'Counted', { counter: string; by: number }>;
type Named = DomainEvent<'Named', { counter: string; name: string; groups: readonly string[] }>;

/** One document is touched by streams of several partitions, and one stream touches several documents. */
const counters = projection({
  name: 'counters',
  version: 1,
  parts: {
    own: part<Counted, { sum: number; seen: number }>('test.counter', {
      document: ({ data }) => data.counter,
      evolve: (state, { data }) => ({ sum: (state?.sum ?? 0) + data.by, seen: (state?.seen ?? 0) + 1 }),
    }),
    name: part<Named, { name: string; groups: readonly string[] }>('test.name', {
      document: ({ data }) => data.counter,
      evolve: (_, { data: { name, groups } }) => ({ name, groups }),
    }),
  },
  row: ({ own, name }, id) => own && { id, ...own, name: name?.name ?? null, groups: name?.groups ?? [] },
  indexes: [['name']],
  elements: ['groups'],
});

const kinds = projection({
  name: 'kinds',
  version: 1,
  parts: {
    own: part<Counted, number>('test.counter', {
      document: ({ data }) => [`${data.counter}-x`, `${data.counter}-y`],
      evolve: (n = 0) => n + 1,
    }),
  },
  row: () => undefined,
  indexes: [],
});

const PACE = { tend: 50, stale: 400, retired: 200 };

let service: string;
let log: PartitionedLog;
const services: string[] = [];
const instances: Instance[] = [];

const start = (options: Parameters<typeof startInstance>[3] = {}): Instance => {
  const instance = startInstance(service, [counters], log, { pace: PACE, ...options });
  instances.push(instance);
  return instance;
};

const counted = (counter: string, by: number): Counted => ({ type: 'Counted', data: { counter, by } });
const count = (counter: string, by: number): Recorded | undefined =>
  log.append(`test.counter-${counter}`, counted(counter, by)).at(-1);

const reached = (instance: Instance, event: Recorded | undefined, timeout = 5_000): Promise<boolean> =>
  event
    ? instance.readModels.reached([{ logId: log.logId, partition: log.partitionOf(event.stream), position: event.position }], {
        timeout,
      })
    : Promise.resolve(false);

const bytes = async ({ readModels }: Instance): Promise<readonly string[]> => (await readModels.documents('counters')).bytes();

const until = async (what: () => Promise<boolean>): Promise<void> => {
  for (const deadline = performance.now() + 15_000; !(await what()); await setTimeout(10))
    if (performance.now() > deadline) throw new Error('it did not come to that');
};

const generationOf = async ({ readModels }: Instance): Promise<number | null> =>
  (await readModels.status())[0]?.generation ?? null;

beforeEach(() => {
  service = `instances-${randomBytes(4).toString('hex')}`;
  services.push(service);
  log = new PartitionedLog();
});
afterEach(async () => {
  await Promise.all(instances.splice(0).map((instance) => instance.close()));
});
afterAll(() => dropService(...services));

describe('two instances of a service', () => {
  it('end in the bytes of the embedded fold, whatever comes twice and however it interleaves', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(5), fc.boolean(), fc.nat(9)), { minLength: 10, maxLength: 60 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
        fc.infiniteStream(fc.nat()),
        async (steps, sizes, choices) => {
          service = `instances-${randomBytes(4).toString('hex')}`;
          services.push(service);
          const source = new PartitionedLog();
          const events = steps.flatMap(([which, isName, value]) => {
            const counter = `c${String(which)}`;
            const named: Named = {
              type: 'Named',
              data: { counter, name: `n${String(value)} 🚢`, groups: ['all', `g${String(value % 2)}`] },
            };
            return isName
              ? source.append(`test.name-${counter}`, named)
              : source.append(`test.counter-${counter}`, counted(counter, value));
          });
          const expected = project(counters, events, { documents: new Map(), heads: new Map() }).documents;
          // Every message comes twice, and streams interleave at random with the order of each kept.
          log = new PartitionedLog('log-1', { batch: () => Number(sizes.next().value) });
          const streams = [...new Set(events.map(({ stream }) => stream))].map((one) =>
            events.filter(({ stream }) => stream === one),
          );
          for (const open = [...streams, ...streams]; open.length > 0;) {
            const at = Number(choices.next().value) % open.length;
            const [next, ...rest] = open[at] ?? [];
            if (!next) open.splice(at, 1);
            else {
              open[at] = rest;
              log.publish(next);
            }
          }
          const [first, second, third] = log.partitionsOf([]) as [Partition, Partition, Partition];
          const pair = [
            startInstance(service, [counters, kinds], log, { partitions: [first, second] }),
            // A partition that is given to both for a while, as when a paused instance wakes up.
            startInstance(service, [counters, kinds], log, { partitions: [third, first] }),
          ];
          try {
            await Promise.all(pair.map((one) => one.level()));
            for (const one of pair)
              expect(await bytes(one)).toEqual(
                expected.map(({ id, partsText, row }) => `${id}\t${partsText}\t${row ?? ''}`).toSorted(),
              );
            expect(await pair[0]?.readModels.quarantined()).toEqual([]);
          } finally {
            await Promise.all(pair.map((one) => one.close()));
          }
        },
      ),
      { numRuns: 8 },
    );
  });

  it('tell of what the other has stored', async () => {
    const [first, second, third] = log.partitionsOf([]) as [Partition, Partition, Partition];
    const one = start({ partitions: [first, second, third] });
    const other = start({ partitions: [] });
    await Promise.all([one.level(), other.level()]);
    const waits: number[] = [];
    for (let round = 0; round < 50; round++) {
      const event = count(`c${String(round % 5)}`, 1);
      const since = performance.now();
      expect(await reached(other, event)).toBe(true);
      waits.push(performance.now() - since);
      expect(await other.readModels.of(counters).get(`c${String(round % 5)}`)).toMatchObject({ sum: Math.floor(round / 5) + 1 });
    }
    expect(await other.readModels.reached([{ logId: log.logId, partition: first, position: 1_000 }], { timeout: 50 })).toBe(
      false,
    );
    expect(
      await other.readModels.reached([{ logId: log.logId, partition: 'elsewhere/0' as Partition, position: 9 }], { timeout: 50 }),
    ).toBe(true);
    waits.sort((a, b) => a - b);
    // Some calls to the server, and one poll.
    expect(waits[Math.floor(waits.length / 2)]).toBeLessThan(250);
  });

  it('both notice that another generation serves, and lose nothing on the way', async () => {
    const [first, second, third] = log.partitionsOf([]) as [Partition, Partition, Partition];
    const one = start({ partitions: [first] });
    const other = start({ partitions: [second, third] });
    await Promise.all([one.level(), other.level()]);
    let last: Recorded | undefined;
    let sum = 0;
    for (let round = 0; round < 200; round++) last = count(`c${String(round % 20)}`, 1);
    expect(await reached(one, last)).toBe(true);
    const before = await generationOf(one);
    let running = true;
    const replay = one.readModels.replay('counters').finally(() => (running = false));
    while (running) {
      last = count('c7', 1);
      sum += 1;
      expect(await reached(other, last)).toBe(true);
      expect(await other.readModels.of(counters).get('c7')).toMatchObject({ sum: 10 + sum });
      expect((await one.readModels.of(counters).find({ limit: 1 })).total).toBe(20);
    }
    await replay;
    for (const instance of [one, other]) expect(await generationOf(instance)).not.toBe(before);
    last = count('c7', 1);
    expect(await reached(one, last)).toBe(true);
    expect(await one.readModels.of(counters).get('c7')).toMatchObject({ sum: 11 + sum });
  });

  it('go on with a replay whose process is gone', async () => {
    const one = start();
    await one.level();
    for (let round = 0; round < 50; round++) count(`c${String(round)}`, 1);
    await one.level();
    const other = start({ partitions: [] });
    await other.level();
    const before = await generationOf(other);
    const replay = one.readModels.replay('counters');
    const ended = replay.catch(() => 'closed');
    await until(async () => (await other.readModels.status())[0]?.progress !== null || (await generationOf(other)) !== before);
    await instances.shift()?.close();
    await ended;
    await until(async () => (await generationOf(other)) !== before);
    expect(await other.readModels.of(counters).find({ limit: 1 })).toMatchObject({ total: 50 });
    expect((await other.readModels.status())[0]).toMatchObject({ progress: null, error: null });
  });
});

describe('a replay that others carry out', () => {
  it('ends with another generation that serves', async () => {
    const others = start({ partitions: [] });
    const one = start({ beside: (replay, signal) => others.readModels.carryOut(replay, signal) });
    await Promise.all([one.level(), others.level()]);
    for (let round = 0; round < 50; round++) count(`c${String(round)}`, 1);
    await until(async () => (await bytes(one)).length === 50);
    const before = await bytes(one);
    await one.readModels.replay('counters');
    expect(await generationOf(one)).toBe(2);
    expect(await bytes(one)).toEqual(before);
  });

  it('is told what ended it early', async () => {
    const others = start({ partitions: [] });
    const one = start({ beside: (replay, signal) => others.readModels.carryOut(replay, signal) });
    await Promise.all([one.level(), others.level()]);
    const [first, , third] = new PartitionedLog().append('test.counter-a', counted('a', 1), counted('a', 2), counted('a', 3));
    if (first && third) log.publish(first, third);
    expect(await reached(one, third)).toBe(true);
    await expect(one.readModels.replay('counters')).rejects.toMatchObject({ code: 'replay-incomplete' });
    expect(await generationOf(one)).toBe(1);
  });

  it('can be cancelled, and is left alone then', async () => {
    const others = start({ partitions: [] });
    let begun = (): void => undefined;
    const under = new Promise<void>((resolve) => (begun = resolve));
    const one = start({
      beside: (replay, signal) =>
        new Promise((_, reject) => {
          begun();
          signal.addEventListener('abort', () => {
            others.readModels.carryOut(replay, AbortSignal.timeout(5_000)).catch(reject);
          });
        }),
    });
    await Promise.all([one.level(), others.level()]);
    const replay = one.readModels.replay('counters');
    const ended = expect(replay).rejects.toMatchObject({ code: 'replay-not-running' });
    await under;
    await one.readModels.cancelReplay('counters');
    await ended;
    expect(await generationOf(one)).toBe(1);
    expect((await one.readModels.status())[0]).toMatchObject({ state: 'serving', progress: null });
  });
});

describe('a replay whose generation serves, but which is not over', () => {
  it('is told as one that goes on, for no other may begin', async () => {
    const one = start();
    await one.level();
    const connection = new MongoConnection(readModelsUrl());
    try {
      const record = new ControlRecord(connection, service);
      const control = await record.read();
      expect(control && (await record.begin(control, 'counters@1', 'another'))).toBe(true);
      expect(control && (await record.flip(control, 'counters@1', 'another', 2, 1))).toBe(true);
    } finally {
      await connection.close();
    }
    expect((await one.readModels.status())[0]?.progress).not.toBe(null);
    await expect(one.readModels.replay('counters')).rejects.toMatchObject({ code: 'replay-running' });
    // Whoever went is not heard of any more: the one that is left makes an end of it.
    await until(async () => (await one.readModels.status())[0]?.progress === null);
    await one.readModels.replay('counters');
    expect(await generationOf(one)).toBe(3);
  });
});

describe('a replay that is to end before it was handed on', () => {
  it('is left to whoever goes on', async () => {
    const others = start({ partitions: [] });
    const one = start({
      beside: async (replay, signal) => {
        await others.readModels.carryOut(replay, AbortSignal.abort(new Error('too late')));
        signal.throwIfAborted();
      },
    });
    await Promise.all([one.level(), others.level()]);
    await expect(one.readModels.replay('counters')).rejects.toThrow('too late');
    await until(async () => (await generationOf(others)) === 2);
  });
});

describe('a stream that lacks an event', () => {
  it('is stopped, forbids a replay, and goes on by itself once all is published again', async () => {
    const one = start();
    await one.level();
    const source = new PartitionedLog();
    const [e0, e1, e2, e3] = source.append(
      'test.counter-a',
      counted('a', 1),
      counted('a', 2),
      counted('a', 4),
      counted('a', 8),
    ) as [Recorded, Recorded, Recorded, Recorded];
    log.publish(e0, e2);
    expect(await reached(one, e2)).toBe(true);
    expect(await one.readModels.quarantined()).toMatchObject([{ stream: 'test.counter-a', revision: 2, document: null }]);
    expect(await one.readModels.of(counters).get('a')).toMatchObject({ sum: 1 });
    await expect(one.readModels.replay('counters')).rejects.toMatchObject({ code: 'replay-incomplete' });
    expect((await one.readModels.status())[0]).toMatchObject({
      state: 'serving',
      generation: 1,
      error: expect.stringContaining('test.counter-a'),
    });

    log.publish(e0, e1, e2, e3);
    expect(await reached(one, e3)).toBe(true);
    await until(async () => (await one.readModels.quarantined()).length === 0);
    expect(await one.readModels.of(counters).get('a')).toMatchObject({ sum: 15 });
  });
});

describe('a store that was emptied', () => {
  it('is built from the beginning by itself, and answers nothing meanwhile', async () => {
    const one = start();
    await one.level();
    const event = count('a', 1);
    expect(await reached(one, event)).toBe(true);
    await dropService(service);
    const answers = new Set<string>();
    await until(async () => {
      const row = await one.readModels
        .of(counters)
        .get('a')
        .catch((error: { code: string }) => error.code);
      answers.add(typeof row === 'string' ? row : String(row?.sum));
      if (!(typeof row === 'object')) count('b', 1);
      return typeof row === 'object';
    });
    expect([...answers].filter((answer) => answer !== 'projection-behind')).toEqual(['1']);
    expect(await reached(one, count('a', 2))).toBe(true);
    expect(await one.readModels.of(counters).get('a')).toMatchObject({ sum: 3 });
  });
});

describe('a server that is away', () => {
  it('is told within a few seconds', async () => {
    const one = startInstance(service, [counters], log, { partitions: [], url: 'mongodb://127.0.0.1:1/nowhere' });
    instances.push(one);
    const since = performance.now();
    await expect(one.readModels.of(counters).get('a')).rejects.toMatchObject({
      refusal: 'unavailable',
      code: 'read-models-unavailable',
    });
    await expect(one.readModels.places(log.partitionsOf([]))).rejects.toMatchObject({ refusal: 'unavailable' });
    expect(performance.now() - since).toBeLessThan(8_000);
    expect((await one.readModels.status())[0]).toMatchObject({
      state: 'behind',
      error: expect.stringContaining('cannot be reached'),
    });
  });
});

describe('generations that do not serve any more', () => {
  it('go after a while, with their marks', async () => {
    const one = start();
    await one.level();
    expect(await reached(one, count('a', 1))).toBe(true);
    const old = await one.readModels.documents('counters');
    await one.readModels.replay('counters');
    expect((await one.readModels.documents('counters')).collection).not.toBe(old.collection);
    await until(async () => (await old.bytes()).length === 0);
    expect(await bytes(one)).toHaveLength(1);
  });
});

describe('leases', () => {
  it('let one work at a time, and the next one once it is given back', async () => {
    const pair = [start({ partitions: [] }), start({ partitions: [] })];
    await Promise.all(pair.map((one) => one.level()));
    const stop = new AbortController();
    let working = 0;
    let most = 0;
    const seen: number[] = [];
    await Promise.all(
      pair.map((one, index) =>
        one.readModels.leases.whileHeld('timer', stop.signal, async (held) => {
          working += 1;
          most = Math.max(most, working);
          seen.push(index);
          await setTimeout(30, undefined, { signal: held }).catch(() => undefined);
          working -= 1;
          if (new Set(seen).size === 2 || seen.length > 20) stop.abort();
        }),
      ),
    );
    expect(most).toBe(1);
    expect(new Set(seen).size).toBe(2);
  });
});
