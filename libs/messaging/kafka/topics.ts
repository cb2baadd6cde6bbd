import { type Admin, type PartitionMetadata } from 'kafkajs';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Category, categoryOf, type StreamName } from '#libs/event-sourcing/event';
import { messageOf } from '../attempt.ts';
import { type Partition } from '../feed.ts';
import { kafkaClient, type Questions } from './broker.ts';
import { type Codec } from './codec.ts';
import { pause } from './delay.ts';
import { murmur2 } from './murmur2.ts';

const DEFAULT_PARTITIONS = 3;
/** An event may be as large as a request that makes it. */
const LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024;
const FOR_EVER = '-1';
const LED_WITHIN_MS = 20_000;
const BETWEEN_LOOKS_MS = 50;

/** Where a service keeps what its reactions have set aside. */
export const parkedTopicOf = (topic: string): string => `${topic}.parked`;

export const partition = (topic: string, number: number): Partition => `${topic}/${String(number)}` as Partition;

export const placeOf = (of: Partition): Readonly<{ topic: string; partition: number }> => {
  const slash = of.lastIndexOf('/');
  return { topic: of.slice(0, slash), partition: Number(of.slice(slash + 1)) };
};

/**
 * Makes what is missing of the topics and of what belongs to them: everything published is kept for ever; of what is parked the
 * last word on each message. The number of partitions of a topic never changes, or a stream's events would lose their order.
 * @returns the topics made
 */
export const makeTopics = async (
  url: string,
  topics: readonly string[],
  { partitions = DEFAULT_PARTITIONS, replicas = 1 }: Readonly<{ partitions?: number; replicas?: number }> = {},
): Promise<readonly string[]> => {
  const admin = kafkaClient(url, 'topics').admin();
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    const largest = { name: 'max.message.bytes', value: String(LARGEST_MESSAGE_BYTES) };
    const wanted = topics.flatMap((topic) => [
      {
        topic,
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: [{ name: 'retention.ms', value: FOR_EVER }, { name: 'cleanup.policy', value: 'delete' }, largest],
      },
      {
        topic: parkedTopicOf(topic),
        numPartitions: 1,
        replicationFactor: replicas,
        configEntries: [{ name: 'cleanup.policy', value: 'compact' }, largest],
      },
    ]);
    const missing = wanted.filter(({ topic }) => !there.has(topic));
    const names = missing.map(({ topic }) => topic);
    if (names.length > 0) {
      await admin.createTopics({ topics: missing, waitForLeaders: false });
      await untilLed(admin, names);
    }
    return names;
  } finally {
    await admin.disconnect();
  }
};

/** A broker that has made a topic may say for a while that there is none. */
const untilLed = async (admin: Admin, names: string[]): Promise<void> => {
  let trouble: unknown = 'a partition has no leader';
  for (const end = performance.now() + LED_WITHIN_MS; performance.now() < end;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: names });
      if (topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0))) return;
    } catch (error) {
      trouble = error;
    }
    await pause(BETWEEN_LOOKS_MS, new AbortController().signal);
  }
  throw new Error(`The broker has made ${names.join(', ')} but does not lead them: ${messageOf(trouble)}`);
};

/** Where the events of each stream are. Known once the broker has answered. */
export class Layout {
  readonly #questions: Questions;
  readonly #codec: Codec;
  readonly #partitions = new Map<string, PartitionMetadata[]>();

  constructor(questions: Questions, codec: Codec) {
    this.#questions = questions;
    this.#codec = codec;
  }

  topicsOf(categories: readonly Category[]): readonly string[] {
    return [...new Set(categories.map((category) => this.#codec.topicOf(category)))];
  }

  /** @throws Error when the broker is away or has not all of them; its message says what to do. */
  async learn(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => !this.#partitions.has(topic));
    if (unknown.length === 0) return;
    const there = await this.#questions.ask((admin) => admin.listTopics());
    const missing = unknown.filter((topic) => !there.includes(topic));
    if (missing.length > 0)
      throw new Error(`The broker has no topic ${missing.join(', ')}: the topics are made when the platform is deployed.`);
    const { topics: found } = await this.#questions.ask((admin) => admin.fetchTopicMetadata({ topics: unknown }));
    for (const { name, partitions } of found) this.#partitions.set(name, partitions);
  }

  /** @throws DomainError `unavailable` until they are known */
  partitions(topic: string): readonly Partition[] {
    return this.#known(topic)
      .map(({ partitionId }) => partitionId)
      .toSorted((a, b) => a - b)
      .map((number) => partition(topic, number));
  }

  /** @throws DomainError `unavailable` until its topic is known */
  partitionOf(stream: StreamName): Partition {
    const topic = this.#codec.topicOf(categoryOf(stream));
    return partition(topic, (murmur2(stream) & 0x7fffffff) % this.#known(topic).length);
  }

  #known(topic: string): PartitionMetadata[] {
    const known = this.#partitions.get(topic);
    if (!known) throw new DomainError('unavailable', 'broker-away', `The partitions of ${topic} are not known yet.`);
    return known;
  }
}
