import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { type Position, type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Written } from '#libs/messaging/consistency-token';
import { openKafka } from '#libs/messaging/kafka/open-kafka';
import { MongoReadModels, type ReplayBeside } from '#libs/read-models/mongo/mongo-read-models';
import { replayInThread } from '#libs/platform/replay-thread';
import { openSqlite } from '#libs/sqlite/database';
import { CATEGORY } from './tenant-log.ts';
import { serviceNamed, silent } from './topic.ts';

const LOOK_MS = 20;
const REPLAY_THREAD = './dist/bench/engines/replay-thread-process.js';

type Urls = Readonly<{ messagingUrl: string; readModelsUrl: string; log: string }>;

export type RunningService = Readonly<{
  store: SqliteEventStore;
  readModels: MongoReadModels;
  /** What a consistency token would say of an event. */
  written: (stream: StreamName, position: Position) => Written;
  rows: () => Promise<number>;
  stop: () => Promise<void>;
}>;

/** The adapters of a service; nothing of it runs. */
export const openService = async (name: string, { messagingUrl, readModelsUrl, log }: Urls) => {
  const { codec } = serviceNamed(name);
  const store = new SqliteEventStore(openSqlite(`sqlite:${log}`, { shared: true }));
  const beside: ReplayBeside = (replay, signal) => replayInThread(REPLAY_THREAD, replay, signal);
  const readModels = new MongoReadModels({
    ...{ url: readModelsUrl, service: name, projections: [tenantTree], log: silent },
    ...(isMainThread ? { beside } : {}),
  });
  const kafka = await openKafka({
    ...{ url: messagingUrl, service: name, instance: '1', store, categories: [CATEGORY], codec, feed: readModels, log: silent },
  });
  readModels.start(kafka.bus);
  const close = async (): Promise<void> => {
    await readModels.close();
    await kafka.close();
    store.close();
  };
  return { store, readModels, kafka, close };
};

/** A service as it is distributed: a log that processes share, the relay, the bus, and one read model; no HTTP. It has caught up. */
export const runService = async (name: string, urls: Urls): Promise<RunningService> => {
  const { store, readModels, kafka, close } = await openService(name, urls);
  const ending = new AbortController();
  const running = Promise.all([kafka.relay.run(ending.signal), kafka.bus.run([], ending.signal)]);
  while ((await readModels.status()).some(({ state, lag }) => state !== 'serving' || lag > 0)) await sleep(LOOK_MS);
  return {
    store,
    readModels,
    written: (stream, position) => ({ logId: store.logId, partition: kafka.bus.partitionOf(stream), position }),
    rows: async () => (await readModels.of(tenantTree).find({ limit: 1 })).total,
    stop: async () => {
      ending.abort();
      await running;
      await close();
    },
  };
};
