import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaClient } from '#libs/messaging/kafka/broker';
import { TOPICS } from '#libs/wire/events';
import { type Message } from './topic.ts';

type Header = string | Buffer | (string | Buffer)[] | undefined;

const READ_TIMEOUT_MS = 60_000;
const LOOK_MS = 50;
const MANY_RETRIES = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 60 };

const textOf = (header: Header): string => (Array.isArray(header) ? header.join() : (header?.toString() ?? ''));

const topics = [...TOPICS];
const placeOf = (topic: string, partition: number): string => `${topic}/${String(partition)}`;

/** Reads every topic from its beginning to its present end, as any other system's plain consumer would. */
export const messagesOn = async (url: string): Promise<readonly Message[]> => {
  const kafka = kafkaClient(url, 'fault-test', { retry: MANY_RETRIES });
  const consumer = kafka.consumer({ groupId: `fault-test.${randomUUID()}`, maxWaitTimeInMs: 100 });
  const admin = kafka.admin();
  const messages: Message[] = [];
  const reached = new Map<string, bigint>();
  try {
    await Promise.all([admin.connect(), consumer.connect()]);
    const ends = new Map<string, bigint>();
    for (const topic of topics)
      for (const { partition, high } of await admin.fetchTopicOffsets(topic)) ends.set(placeOf(topic, partition), BigInt(high));
    // Marks of transactions have offsets, too, and come with no message.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, lastOffset } }) => {
      reached.set(placeOf(topic, partition), BigInt(lastOffset) + 1n);
    });
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: ({ topic, partition, message: { key, offset, value, headers = {} } }) => {
        messages.push({
          partition: placeOf(topic, partition),
          offset: BigInt(offset),
          key: key?.toString() ?? '',
          eventId: textOf(headers['ce_id']),
          revision: Number(textOf(headers['ce_revision'])),
          position: Number(textOf(headers['ce_position'])),
          logId: textOf(headers['ce_logid']),
          headers: Object.entries(headers)
            .map(([name, header]) => `${name}: ${textOf(header)}`)
            .join('\n'),
          value: value?.toString('base64') ?? '',
        });
        return Promise.resolve();
      },
    });
    const until = performance.now() + READ_TIMEOUT_MS;
    while ([...ends].some(([place, end]) => end > 0n && (reached.get(place) ?? 0n) < end)) {
      if (performance.now() > until) throw new Error('The topics could not be read to their end.');
      await sleep(LOOK_MS);
    }
    return messages;
  } finally {
    await consumer.disconnect();
    await admin.disconnect();
  }
};

/** Puts every new message onto its topic once more, as it is, until it is ended. */
export class Doubler {
  readonly #seen = new Set<string>();
  readonly #consumer;
  readonly #producer;
  doubled = 0;

  private constructor(url: string) {
    const kafka = kafkaClient(url, 'fault-test', { retry: MANY_RETRIES });
    this.#consumer = kafka.consumer({ groupId: `fault-test.${randomUUID()}`, maxWaitTimeInMs: 20 });
    this.#producer = kafka.producer({ allowAutoTopicCreation: false });
  }

  static async start(url: string): Promise<Doubler> {
    const doubler = new Doubler(url);
    await doubler.#run();
    return doubler;
  }

  async #run(): Promise<void> {
    await Promise.all([this.#consumer.connect(), this.#producer.connect()]);
    const joined = new Promise((resolve) => this.#consumer.on(this.#consumer.events.GROUP_JOIN, resolve));
    await this.#consumer.subscribe({ topics, fromBeginning: false });
    await this.#consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message: { key, value, headers = {} } }) => {
        const id = textOf(headers['ce_id']);
        if (this.#seen.has(id)) return;
        this.#seen.add(id);
        await this.#producer.send({ topic, messages: [{ key, value, headers, partition }], acks: -1 });
        this.doubled++;
      },
    });
    await joined;
  }

  async end(): Promise<void> {
    await this.#consumer.disconnect();
    await this.#producer.disconnect();
  }
}
