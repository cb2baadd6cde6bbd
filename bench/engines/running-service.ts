import { setTimeout as sleep } from 'node:timers/promises';
import { type Position, type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Written } from '#libs/messaging/consistency-token';
import { openKafka } from '#libs/messaging/kafka/open-kafka';
import { MongoReadModels } from '#libs/read-models/mongo/mongo-read-models';
import { openSqlite } from '#libs/sqlite/database';
import { CATEGORY } from './tenant-log.ts';
import { serviceNamed, silent } from './topic.ts';

const LOOK_MS = 20;

export type RunningService = Readonly<{
  store: SqliteEventStore;
  readModels: MongoReadModels;
  /** What a consistency token would say of an event. */
  written: (stream: StreamName, position: Position) => Written;
  rows: () => Promise<number>;
  stop: () => Promise<void>;
}>;

/** A service as it is distributed: a log that processes share, the relay, the bus, and one read model; no HTTP. It has caught up. */
export const runService = async (
  name: string,
  { messagingUrl, readModelsUrl, log }: Readonly<{ messagingUrl: string; readModelsUrl: string; log: string }>,
): Promise<RunningService> => {
  const { codec } = serviceNamed(name);
  const store = new SqliteEventStore(openSqlite(`sqlite:${log}`, { shared: true }));
  const readModels = new MongoReadModels({ url: readModelsUrl, service: name, projections: [tenantTree], log: silent });
  const kafka = await openKafka({
    ...{ url: messagingUrl, service: name, instance: '1', store, categories: [CATEGORY], codec, feed: readModels, log: silent },
  });
  const ending = new AbortController();
  readModels.start(kafka.bus);
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
      await readModels.close();
      await kafka.close();
      store.close();
    },
  };
};
