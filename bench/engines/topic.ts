import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { pino } from 'pino';
import { type Codec } from '#libs/messaging/kafka/codec';
import { makeTopics } from '#libs/messaging/kafka/topics';
import { decode, encode } from '#libs/wire/wire-message';

/** As the services have it. */
const PARTITIONS = 3;

export const silent = pino({ level: 'silent' });

/** A service of one bench, with a topic of its own on the broker. */
export type BenchService = Readonly<{ name: string; topic: string; codec: Codec }>;

export const serviceNamed = (name: string): BenchService => {
  const topic = `tributary.${name}.v1`;
  return { name, topic, codec: { encode, decode, topicOf: () => topic } };
};

export const newService = async (messagingUrl: string): Promise<BenchService> => {
  const service = serviceNamed(`bench-${randomBytes(5).toString('hex')}`);
  await makeTopics(messagingUrl, [service.topic], { partitions: PARTITIONS });
  return service;
};

/** Deletes its topics and groups; whatever is not there is no matter. */
export const forgetService = async (messagingUrl: string, { name, topic }: BenchService): Promise<void> => {
  const admin = bareClient(messagingUrl).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic, `${topic}.parked`] }).catch(() => undefined);
  await admin.deleteGroups([name, `${name}.relay`]).catch(() => undefined);
  await admin.disconnect();
};

/** kafkajs with nothing of ours. */
export const bareClient = (messagingUrl: string): Kafka =>
  new Kafka({ clientId: 'bare', brokers: messagingUrl.replace(/^kafka:/, '').split(','), logLevel: logLevel.NOTHING });
