import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type Partition } from '../feed.ts';
import { brokerUrl, CATEGORIES, inOrder, Network, RecordingFeed, type Running, TestService, until } from './testing/service.ts';
import { makeTopics } from './topics.ts';

const PATIENCE = 1_500;
const ROUNDS = 20;

let service: TestService;
let running: Running[];
let reader: RecordingFeed;

const ordered = (n: number) => ({ type: 'Ordered', data: { n } });
const append = async (from: number, count: number): Promise<void> => {
  for (let n = from; n < from + count; n++) await service.append(`test.order-${String(n % 7)}`, ordered(n));
};
const numbers = (): readonly unknown[] => reader.taken.map(({ data }) => (data as { n: number }).n);
const sorted = (): readonly unknown[] => numbers().toSorted((a, b) => Number(a) - Number(b));
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const start = async (instance: string, options: Parameters<TestService['run']>[2] = {}): Promise<Running> => {
  const started = await service.run(instance, [], { patience: PATIENCE, ...options });
  running.push(started);
  return started;
};
/** The service's log, read by somebody who does something with each event first. */
const readBy = (first: (event: Recorded) => Promise<void>, begun: () => unknown): EventStore =>
  new Proxy(service.store, {
    get: (target, name) => {
      if (name !== 'subscribe') {
        const found: unknown = Reflect.get(target, name, target);
        return typeof found === 'function' ? (found.bind(target) as unknown) : found;
      }
      return async function* (...args: Parameters<EventStore['subscribe']>) {
        begun();
        for await (const event of target.subscribe(...args)) {
          if (event !== 'caught-up') await first(event);
          yield event;
        }
      };
    },
  });

beforeEach(async () => {
  service = new TestService();
  running = [];
  reader = new RecordingFeed();
  await makeTopics(brokerUrl(), [service.topic]);
});
afterEach(async () => {
  await Promise.all(running.map(({ end }) => end()));
  service.close();
});

describe('publishing', () => {
  it('brings every public event once, each stream in its order, over three partitions', async () => {
    await append(0, 100);
    const one = await start('a', { feed: reader });
    await append(100, 100);
    await one.bus.settled();
    expect(sorted()).toEqual(upTo(200));
    expect(inOrder(reader.taken)).toBe(true);
    expect(reader.kept.size).toBe(3);
    expect(await one.relay.caughtUp()).toBe(true);
  });

  it('calls published only what those who read what is committed find', async () => {
    const one = await start('a', { feed: reader });
    const partitions = one.bus.partitionsOf(CATEGORIES);
    const missed: number[] = [];
    for (let n = 0; n < ROUNDS; n++) {
      const position = await service.append('test.order-a', ordered(n));
      await until(async () => (await one.relay.position()) >= position);
      const ends = await one.bus.ends(partitions);
      // The event and the broker's mark of each transaction.
      const end = Number(ends.get(one.bus.partitionOf('test.order-a' as StreamName)));
      if (end < 2 * n + 1) missed.push(n);
    }
    expect(missed).toEqual([]);
  });

  it('commits what comes before an event that cannot be read, and not again with every try', async () => {
    let tries = 0;
    const store = readBy(
      ({ position }) => (position > 10 ? Promise.reject(new Error('unreadable')) : Promise.resolve()),
      () => (tries += 1),
    );
    await append(0, 20);
    const one = await start('a', { store, feed: reader });
    await until(() => tries > 3 && one.relay.troubles().length > 0);
    expect(one.relay.troubles()).toEqual([expect.stringContaining('unreadable')]);
    expect(sorted()).toEqual(upTo(10));
  });

  it('goes on after a restart where it was', async () => {
    await append(0, 20);
    const first = await start('a', { feed: reader });
    await first.bus.settled();
    await first.end();
    running = [];
    await append(20, 20);
    const second = await start('b', { feed: reader });
    await second.bus.settled();
    expect(sorted()).toEqual(upTo(40));
  });

  it('remembers how far it has come in what it does not publish, too', async () => {
    await append(0, 5);
    for (let n = 0; n < 5; n++) await service.append('test.private-a', ordered(n));
    const first = await start('a', { feed: reader });
    await until(async () => (await first.relay.position()) === 10);
    await first.bus.settled();
    await first.end();
    running = [];
    const second = await start('b', { relaying: false });
    expect(await second.relay.position()).toBe(10);
    expect(sorted()).toEqual(upTo(5));
  });

  it('publishes everything once more when asked to', async () => {
    await append(0, 20);
    const one = await start('a', { feed: reader });
    await one.bus.settled();
    await one.relay.republish(10);
    await until(() => reader.taken.length === 30);
    await one.relay.republish(0);
    await until(() => reader.taken.length === 50);
    expect(inOrder(reader.taken)).toBe(true);
    expect(new Set(numbers()).size).toBe(20);
  });
});

describe('two relays of one log', () => {
  it('lose nothing and keep each stream’s order; when one ends, the other takes over', async () => {
    const watching = await start('reader', { feed: reader, relaying: false });
    await start('a');
    await append(0, 30);
    const second = await start('b');
    await append(30, 30);
    await until(() => new Set(numbers()).size === 60);
    await second.end();
    running = running.filter((one) => one !== second);
    await append(60, 30);
    await until(() => new Set(numbers()).size === 90);
    await watching.bus.settled();
    expect([...new Set(sorted())]).toEqual(upTo(90));
    expect(inOrder(reader.taken)).toBe(true);
  });

  it('a paused one that wakes after the other took over publishes nothing more', async () => {
    const watching = await start('reader', { feed: reader, relaying: false });
    let wake = (): void => undefined;
    const pausing = new Promise<void>((resolve) => (wake = resolve));
    let [publishing, paused] = [false, false];
    const store = readBy(
      async ({ position }) => {
        if (position <= 10 || paused) return;
        paused = true;
        await pausing;
      },
      () => (publishing = true),
    );
    await append(0, 10);
    const second = await start('b');
    await until(() => second.relay.caughtUp());
    // The last to start publishes.
    await start('a', { store, patience: 60_000 });
    await until(() => publishing && new Set(numbers()).size === 10);
    await append(10, 20);
    await until(() => new Set(numbers()).size === 30);
    expect(paused).toBe(true);
    await watching.bus.settled();
    const before = reader.taken.length;
    wake();
    await append(30, 20);
    await until(() => new Set(numbers()).size === 50);
    await watching.bus.settled();
    expect(reader.taken.length).toBe(before + 20);
    expect(inOrder(reader.taken)).toBe(true);
  });
});

describe('a checkpoint that the log cannot have made', () => {
  it.each([
    ['another log', 3, /comes from the log .*, but this is the log .*delete the offsets of the consumer group "test-.*\.relay"/],
  ])('of %s is refused, and what to do is said', async (_, events, message) => {
    await append(0, events);
    const right = await start('a', { feed: reader });
    await right.bus.settled();
    await right.end();
    running = [];
    const other = new TestService();
    const wrong = await start('b', { store: other.store });
    await until(() => wrong.relay.troubles().length > 0);
    expect(wrong.relay.troubles()[0]).toMatch(message);
    await wrong.end();
    running = [];
    other.close();
  });

  it('of a longer log is refused, and what to do is said', async () => {
    await append(0, 5);
    const right = await start('a', { feed: reader });
    await right.bus.settled();
    await right.end();
    running = [];
    const older: EventStore = new Proxy(service.store, {
      get: (target, name) => {
        if (name === 'head') return () => Promise.resolve(3);
        const found: unknown = Reflect.get(target, name, target);
        return typeof found === 'function' ? (found.bind(target) as unknown) : found;
      },
    });
    const wrong = await start('b', { store: older });
    await until(() => wrong.relay.troubles().length > 0);
    expect(wrong.relay.troubles()[0]).toMatch(/as far as position 5, but its log ends at 3: an older log was put in place/);
  });
});

describe('a broker that is away', () => {
  it('holds no command up, loses nothing, and is made up for', async () => {
    const network = new Network();
    const one = await start('a', { feed: reader, connection: network.connection });
    await append(0, 10);
    await one.bus.settled();
    network.cut();
    await append(10, 50);
    await until(() => one.relay.troubles().length > 0 && one.bus.troubles().length > 0);
    expect(reader.taken.length).toBe(10);
    network.mend();
    await until(() => reader.taken.length >= 60);
    await one.bus.settled();
    expect([...new Set(sorted())]).toEqual(upTo(60));
    expect(inOrder(reader.taken)).toBe(true);
    expect([...one.relay.troubles(), ...one.bus.troubles()]).toEqual([]);
  });

  it('is waited for from the start', async () => {
    const network = new Network();
    network.cut();
    await append(0, 10);
    const one = await start('a', { feed: reader, connection: network.connection });
    const stream = 'test.order-a' as Recorded['stream'];
    expect(() => one.bus.partitionOf(stream)).toThrow(expect.objectContaining({ refusal: 'unavailable' }));
    // Whoever waits for a position there must not be told that nobody reads it.
    expect(() => one.bus.partitionsOf(CATEGORIES)).toThrow(expect.objectContaining({ refusal: 'unavailable' }));
    expect(one.bus.mayHold(`${service.topic}/0` as Partition, CATEGORIES)).toBe(true);
    expect(one.bus.mayHold('another/0' as Partition, CATEGORIES)).toBe(false);
    await until(() => one.relay.troubles().length > 0);
    network.mend();
    await until(() => reader.taken.length >= 10);
    expect(one.bus.partitionsOf(CATEGORIES)).toContain(one.bus.partitionOf(stream));
  });
});
