import { setTimeout as timeout } from 'node:timers/promises';
import { type KafkaConfig } from 'kafkajs';
import { type Logger } from 'pino';
import { type Category } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { systemClock } from '#libs/time/time';
import { DELAYS, HANDLER_TIMEOUT_MS } from '../attempt.ts';
import { type Feed } from '../feed.ts';
import { kafkaClient, Questions } from './broker.ts';
import { type Codec } from './codec.ts';
import { KafkaBus } from './kafka-bus.ts';
import { type Delivery } from './lane.ts';
import { Relay } from './relay.ts';
import { Layout, parkedTopicOf } from './topics.ts';

export type KafkaOptions = Readonly<{
  /** `kafka:host:port[,host:port]` */
  url: string;
  /** Also the name of its consumer group. */
  service: string;
  /** Of this process, for whoever looks at the broker. */
  instance: string;
  store: EventStore;
  /** What the service publishes: categories of its own. */
  categories: readonly Category[];
  codec: Codec;
  feed?: Feed;
  log: Logger;
  /** Milliseconds for which a log may be ahead of a checkpoint that does not move, before this relay takes over. */
  patience?: number;
  /** How the client connects, where that is not by a plain socket. */
  connection?: Pick<KafkaConfig, 'socketFactory' | 'ssl' | 'sasl'>;
}> &
  Partial<Omit<Delivery, 'parked' | 'moved'>>;

export type OpenKafka = Readonly<{ bus: KafkaBus; relay: Relay; close: () => Promise<void> }>;

/** The broker may be away: whatever needs it waits while it runs, and says so. */
export const openKafka = async ({
  url,
  service,
  instance,
  store,
  categories,
  codec,
  feed,
  log,
  patience,
  connection = {},
  delays = DELAYS,
  handlerTimeout = HANDLER_TIMEOUT_MS,
  sleep = (milliseconds, signal) => timeout(milliseconds, undefined, { signal }),
  clock = systemClock,
}: KafkaOptions): Promise<OpenKafka> => {
  const kafka = kafkaClient(url, `${service}.${instance}`, connection);
  const questions = new Questions(kafka);
  const layout = new Layout(questions, codec);
  const [own = ownTopicOf(service), ...others] = layout.topicsOf(categories);
  if (others.length > 0) throw new TypeError(`${service} publishes to one topic, not also to ${others.join(', ')}.`);
  const relay = new Relay({
    ...{ kafka, questions, layout, service, topic: own, store, categories, codec, log },
    ...(patience === undefined ? {} : { patience }),
  });
  const bus = new KafkaBus({
    ...{ kafka, questions, layout, service, parkedTopic: parkedTopicOf(own), codec, feed, relay, store, log },
    ...{ delays, handlerTimeout, sleep, clock },
  });
  // So that partitions are known from the start wherever a broker answers.
  await layout.learn(layout.topicsOf([...categories, ...(feed?.categories ?? [])])).catch(() => undefined);
  return {
    bus,
    relay,
    close: async () => {
      await bus.close();
      await questions.close();
    },
  };
};

const ownTopicOf = (service: string): string => `tributary.${service}.v1`;
