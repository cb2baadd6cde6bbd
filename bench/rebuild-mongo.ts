import { randomBytes } from 'node:crypto';
import { type Category, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type Delivered, type Feed, type Partition, type Published } from '#libs/messaging/feed';
import { eraseReadModels, MongoReadModels } from '#libs/read-models/mongo/mongo-read-models';
import { type Projection } from '#libs/read-models/projection';

const BATCH = 2_000;
const LOG = 'bench';

/** What is published, delivered from memory as fast as it is taken. */
const fromMemory = (partitions: readonly (readonly Recorded[])[]): Published => {
  const names = partitions.map((_, number) => `bench/${String(number)}` as Partition);
  const ends = new Map(names.map((name, number) => [name, BigInt(partitions[number]?.length ?? 0)] as const));
  const deliver = async (feed: Feed, name: Partition, events: readonly Recorded[], signal: AbortSignal): Promise<void> => {
    for (let at = Number((await feed.places([name])).get(name) ?? 0n); at < events.length && !signal.aborted;) {
      const messages = events
        .slice(at, at + BATCH)
        .map((event, index): Delivered => ({ event, logId: LOG, offset: BigInt(at + index) }));
      const next = at + messages.length;
      const back = await feed.take(name, messages, BigInt(next), signal);
      at = back ? Number(back.goBackTo) : next;
    }
  };
  return {
    partitionsOf: (_categories: readonly Category[]) => names,
    partitionOf: (_stream: StreamName) => names[0] ?? ('bench/0' as Partition),
    ends: () => Promise.resolve(ends),
    follow: async (_group, feed, signal) => {
      await Promise.all(names.map((name, number) => deliver(feed, name, partitions[number] ?? [], signal)));
    },
  };
};

type Rebuilt = Readonly<{ milliseconds: number; cpuMilliseconds: number; rows: number }>;

/** P5 on MongoDB: one replay of a projection whose events are in memory already, each stream in one of the partitions. */
export const rebuildOnMongo = async (
  url: string,
  projection: Projection,
  partitions: readonly (readonly Recorded[])[],
): Promise<Readonly<{ live: Rebuilt; replay: Rebuilt }>> => {
  const service = `bench-${randomBytes(4).toString('hex')}`;
  const log = { info: () => undefined, warn: () => undefined };
  const readModels = new MongoReadModels({ url, service, projections: [projection], log });
  const published = fromMemory(partitions);
  const timed = async (work: () => Promise<void>): Promise<Rebuilt> => {
    const [before, start] = [process.cpuUsage(), performance.now()];
    await work();
    const { user, system } = process.cpuUsage(before);
    const milliseconds = performance.now() - start;
    const { total: rows } = await readModels.of(projection).find({ limit: 1 });
    return { milliseconds, cpuMilliseconds: (user + system) / 1_000, rows };
  };
  try {
    readModels.start(published);
    const live = await timed(async () => {
      await published.follow(service, readModels, new AbortController().signal);
      while ((await readModels.status()).some(({ state }) => state !== 'serving'));
    });
    const replay = await timed(() => readModels.replay(projection.name));
    return { live, replay };
  } finally {
    await readModels.close();
    await eraseReadModels(url, service);
  }
};
