import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { type Category, type Recorded } from '#libs/event-sourcing/event';
import { type Consumer } from '../consumer.ts';
import { brokerUrl, CATEGORIES, inOrder, RecordingFeed, type Running, TestService, until } from './testing/service.ts';
import { makeTopics } from './topics.ts';

let service: TestService;
let running: Running[];
let handled: Recorded[];

const ordered = (n: number) => ({ type: 'Ordered', data: { n } });
const append = async (from: number, count: number): Promise<void> => {
  for (let n = from; n < from + count; n++) await service.append(`test.order-${String(n % 7)}`, ordered(n));
};
const numberOf = ({ data }: Recorded): number => (data as { n: number }).n;
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const numbers = (events: readonly Recorded[]): readonly number[] => events.map(numberOf).toSorted((a, b) => a - b);
const reaction = (told: Partial<Consumer> = {}): Consumer => ({
  name: 'reaction',
  categories: ['test.order' as Category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: (event) => {
    handled.push(event);
    return Promise.resolve();
  },
  ...told,
});
const start = async (
  instance: string,
  consumers: readonly Consumer[] = [reaction()],
  options: Parameters<TestService['run']>[2] = {},
): Promise<Running> => {
  const started = await service.run(instance, consumers, { delays: [1], ...options });
  running.push(started);
  return started;
};
const end = async (one: Running): Promise<void> => {
  running = running.filter((other) => other !== one);
  await one.end();
};

beforeEach(async () => {
  service = new TestService();
  running = [];
  handled = [];
  await makeTopics(brokerUrl(), [service.topic]);
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.end()));
  service.close();
});

describe('two instances of a service', () => {
  it('share the partitions; what is shared out anew in the middle of a batch is neither lost nor disordered', async () => {
    const by = new Map<string, number>();
    const slowly = (name: string): Consumer =>
      reaction({
        handle: async (event) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          handled.push(event);
          by.set(name, (by.get(name) ?? 0) + 1);
        },
      });
    for (let n = 0; n < 600; n++) await service.append(`test.order-${String(n % 40)}`, ordered(n));
    const first = await start('a', [slowly('a')]);
    await until(() => handled.length > 50);
    // A second relay would publish once more what the first has not yet noted as published.
    const second = await start('b', [slowly('b')], { relaying: false });
    await until(() => (by.get('b') ?? 0) > 20);
    await end(first);
    await second.bus.settled({ timeout: 30_000 });
    expect([...new Set(numbers(handled))]).toEqual(upTo(600));
    expect(by.get('a')).toBeGreaterThan(50);
    expect(inOrder(handled)).toBe(true);
    expect(handled.length).toBeLessThan(700);
  });

  it('know what the other has parked, and one retries what the other has set aside', async () => {
    let broken = true;
    const failing = reaction({
      handle: async (event) => {
        if (broken && event.stream === 'test.order-3') throw new Error('not now');
        handled.push(event);
      },
    });
    await append(0, 14);
    const first = await start('a', [failing]);
    await first.bus.settled();
    const parkedByFirst = [
      ['test.order-3', 0, false],
      ['test.order-3', 1, true],
    ];
    const parkedNow = async () => (await first.bus.parked()).map(({ stream, revision, behind }) => [stream, revision, behind]);
    expect(await parkedNow()).toEqual(parkedByFirst);
    await first.relay.republish(0);
    await first.bus.settled();
    expect(await parkedNow()).toEqual(parkedByFirst);
    const second = await start('b', [failing]);
    await until(async () => (await second.bus.parked()).length === 2);
    await end(first);
    await append(14, 7);
    await second.bus.settled();
    expect((await second.bus.parked()).map(({ revision, behind }) => [revision, behind])).toEqual([
      [0, false],
      [1, true],
      [2, true],
    ]);
    const third = await start('c', [failing]);
    await until(async () => (await third.bus.parked()).length === 3);
    broken = false;
    expect(await third.bus.retryParked('reaction')).toEqual({ handled: 3, remaining: 0 });
    await until(async () => (await second.bus.parked()).length === 0);
    expect([...new Set(numbers(handled))]).toEqual(upTo(21));
    expect(inOrder(handled)).toBe(true);
  });
});

describe('the feed', () => {
  it('is told before the reactions and keeps its place behind the marks of the broker', async () => {
    const feed = new RecordingFeed();
    await append(0, 30);
    const early: number[] = [];
    const one = await start(
      'a',
      [
        reaction({
          handle: async (event) => {
            if (!feed.taken.some(({ eventId }) => eventId === event.eventId)) early.push(numberOf(event));
          },
        }),
      ],
      { feed },
    );
    await one.bus.settled();
    expect(early).toEqual([]);
    expect(numbers(feed.taken)).toEqual(upTo(30));
    expect(feed.kept).toEqual(await one.bus.ends(one.bus.partitionsOf(CATEGORIES)));
  });

  it('that has forgotten its places is told everything again, and no reaction is', async () => {
    await append(0, 20);
    const first = await start('a', [reaction()], { feed: new RecordingFeed() });
    await first.bus.settled();
    await end(first);
    const forgetful = new RecordingFeed();
    const second = await start('b', [reaction()], { feed: forgetful });
    await second.bus.settled();
    expect(numbers(forgetful.taken)).toEqual(upTo(20));
    expect(numbers(handled)).toEqual(upTo(20));
  });

  it('that cannot take holds on to its place, and may go back', async () => {
    const feed = new RecordingFeed();
    feed.failures = 2;
    await append(0, 10);
    const one = await start('a', [reaction()], { feed });
    await one.bus.settled();
    expect(numbers(feed.taken)).toEqual(upTo(10));
    feed.goBack = 0n;
    await append(10, 1);
    await one.bus.settled();
    expect([...new Set(numbers(feed.taken))]).toEqual(upTo(11));
    expect(feed.taken.length).toBeGreaterThan(11);
    expect(numbers(handled)).toEqual(upTo(11));
  });

  it('that follows beside everybody else gets all there is', async () => {
    await append(0, 20);
    const one = await start('a');
    await one.bus.settled();
    const feed = new RecordingFeed();
    const ending = new AbortController();
    const following = one.bus.follow(`${service.name}.rebuild`, feed, ending.signal);
    await until(() => feed.taken.length === 20);
    await append(20, 5);
    await until(() => feed.taken.length === 25);
    ending.abort();
    await following;
    expect(inOrder(feed.taken)).toBe(true);
    expect(numbers(handled)).toEqual(upTo(25));
  });
});

describe('a message that is no event', () => {
  it('is parked with its bytes and named to operators; everything else goes on', async () => {
    const feed = new RecordingFeed();
    await append(0, 5);
    const one = await start('a', [reaction()], { feed });
    await one.bus.settled();
    const client = new Kafka({ brokers: [brokerUrl().slice('kafka:'.length)], logLevel: logLevel.NOTHING });
    const producer = client.producer();
    await producer.connect();
    await producer.send({ topic: service.topic, messages: [{ key: 'test.order-9', value: 'nonsense' }] });
    await producer.disconnect();
    await append(5, 5);
    await until(() => handled.length >= 10 && feed.taken.length >= 10);
    await one.bus.settled();
    const [parked, ...others] = await one.bus.parked();
    expect(others).toEqual([]);
    expect(parked).toMatchObject({
      stream: 'test.order-9',
      target: 'test.order-9',
      reason: expect.stringContaining('cannot be read'),
    });
    expect(JSON.parse(parked?.bytes ?? '')).toMatchObject({ value: Buffer.from('nonsense').toString('base64') });
    expect(one.bus.troubles()).toEqual([expect.stringContaining('(test.order-9) cannot be read: SyntaxError')]);
    expect(await one.bus.retryParked('reaction')).toEqual({ handled: 0, remaining: 1 });
    await one.bus.dropParked('reaction', parked?.eventId ?? '');
    expect(await one.bus.parked()).toEqual([]);
  });
});
