import { randomUUID } from 'node:crypto';
import { isMainThread } from 'node:worker_threads';
import { type Logger } from 'pino';
import { type Category, categoryOf } from '#libs/event-sourcing/event';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { type Written } from '#libs/messaging/consistency-token';
import { openKafka } from '#libs/messaging/kafka/open-kafka';
import { MongoReadModels } from '#libs/read-models/mongo/mongo-read-models';
import { type Projection } from '#libs/read-models/projection';
import { decode, encode } from '#libs/wire/wire-message';
import { isPublic, PUBLIC_CATEGORIES, serviceOf, topicOf } from '#libs/wire/events';
import { replayInThread } from './replay-thread.ts';
import { openLog } from './shared-log.ts';
import { type Storage } from './storage.ts';

type Urls = Readonly<{ eventStoreUrl: string; messagingUrl: string; readModelsUrl: string }>;
type Surroundings = Readonly<{
  service: Readonly<{ name: string; secrets?: readonly Category[] }>;
  projections: readonly Projection[];
  upcasters: Upcasters;
  log: Logger;
}>;

/**
 * One of several processes of a service: its log in a file that they share or in EventStoreDB, events between services by Kafka,
 * read models in MongoDB.
 */
export const openDistributed = async (urls: Urls, { service, projections, upcasters, log }: Surroundings): Promise<Storage> => {
  const { name, secrets = [] } = service;
  const categories = PUBLIC_CATEGORIES.filter((category) => serviceOf(category) === name);
  const written = await openLog(urls.eventStoreUrl, [...categories, ...secrets], upcasters);
  const [, program = ''] = process.argv;
  const readModels = new MongoReadModels({
    url: urls.readModelsUrl,
    service: name,
    projections,
    log,
    ...(isMainThread ? { beside: (replay, signal) => replayInThread(program, replay, signal) } : {}),
  });
  const kafka = await openKafka({
    url: urls.messagingUrl,
    service: name,
    instance: randomUUID(),
    store: written.store,
    categories,
    codec: { encode, decode, topicOf },
    feed: readModels,
    log,
  });
  readModels.start(kafka.bus);
  return {
    ...written,
    readModels,
    bus: kafka.bus,
    upkeep: readModels,
    leases: readModels.leases,
    shared: {
      work: [
        {
          name: kafka.relay.name,
          inEveryProcess: true,
          run: (signal) => kafka.relay.run(signal),
          troubles: () => [...kafka.relay.troubles(), ...kafka.bus.troubles(), ...readModels.troubles()],
        },
      ],
      republish: (from) => kafka.relay.republish(from - 1),
      carryOut: (replay, signal) => readModels.carryOut(replay, signal),
      consistency: {
        written: (writes) =>
          writes
            .filter(({ stream }) => isPublic(categoryOf(stream)))
            .map(({ stream, position }): Written => ({
              logId: written.store.logId,
              partition: kafka.bus.partitionOf(stream),
              position,
            })),
        reached: (wanted, timeoutMs) => readModels.reached(wanted, { timeout: timeoutMs }),
      },
    },
    close: async () => {
      await kafka.close();
      await readModels.close();
      await written.close();
    },
  };
};
