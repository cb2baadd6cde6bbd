import { randomUUID } from 'node:crypto';
import { type Kafka, type KafkaMessage, type Producer } from 'kafkajs';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Recorded } from '#libs/event-sourcing/event';
import { messageOf } from '../attempt.ts';
import { type Parked } from '../bus.ts';
import { type Codec, type Received } from './codec.ts';
import { type Slice } from './reading.ts';

const IDLE_MS = 5_000;
const BARRIER = 'barrier:';
const BARRIER_TIMEOUT_MS = 10_000;

/** A message as it came, so that a later version may read what this one cannot. */
type Raw = Readonly<{ key: string; headers: Readonly<Record<string, string>>; value: string }>;

/** What a record of the topic of parked messages says. `since`: the offset of the first record about this message. */
export type Entry = Omit<Parked, 'bytes'> & Readonly<{ since?: string; message: Raw }>;

export type Waiting = Readonly<{ entry: Entry; offset: bigint; order: bigint }>;

/**
 * What a service's reactions have set aside, kept in a compacted topic that every instance reads as a whole: the last record of a
 * message says what has become of it, and an empty one that it is no longer parked.
 */
export class ParkedMessages {
  readonly topic: string;
  readonly #kafka: Kafka;
  readonly #codec: Codec;
  readonly #waiting = new Map<string, Waiting>();
  /** Messages that are no longer parked, until their records were read. */
  readonly #gone = new Map<string, bigint>();
  readonly #barriers = new Map<string, () => void>();
  #read = -1n;
  #producer: Promise<Producer> | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(kafka: Kafka, topic: string, codec: Codec) {
    this.#kafka = kafka;
    this.topic = topic;
    this.#codec = codec;
  }

  /** Records as they are read, from the beginning after every rebalance. */
  take({ messages }: Slice): void {
    for (const { key, value, offset } of messages) {
      const name = key?.toString() ?? '';
      const at = BigInt(offset);
      if (name.startsWith(BARRIER)) this.#barriers.get(name)?.();
      else if (at > this.#read) this.#apply(name, value, at);
      if (at > this.#read) this.#read = at;
      if ((this.#gone.get(name) ?? at + 1n) <= at) this.#gone.delete(name);
    }
  }

  /** Once everything is known here that anybody has parked before. @throws DomainError `unavailable` */
  async upToDate(): Promise<void> {
    const name = `${BARRIER}${randomUUID()}`;
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<void>((resolve, reject) => {
      this.#barriers.set(name, resolve);
      timer = setTimeout(() => {
        reject(new DomainError('unavailable', 'broker-away', 'What is parked cannot be read now.'));
      }, BARRIER_TIMEOUT_MS);
    });
    passed.catch(() => undefined);
    try {
      await this.#write(name, null);
      await passed;
    } finally {
      clearTimeout(timer);
      this.#barriers.delete(name);
    }
  }

  /** In the order in which they were parked. */
  all(consumer?: string): readonly Waiting[] {
    return [...this.#waiting.values()]
      .filter(({ entry }) => consumer === undefined || entry.consumer === consumer)
      .toSorted((a, b) => (a.order < b.order ? -1 : 1));
  }

  next(consumer: string, target: string): Waiting | undefined {
    let first: Waiting | undefined;
    for (const one of this.#waiting.values())
      if (one.entry.consumer === consumer && one.entry.target === target && (!first || one.order < first.order)) first = one;
    return first;
  }

  find(consumer: string, eventId: string): Waiting | undefined {
    return this.#waiting.get(keyOf({ consumer, eventId }));
  }

  count(consumer: string): number {
    let count = 0;
    for (const { entry } of this.#waiting.values()) if (entry.consumer === consumer) count += 1;
    return count;
  }

  async park(entry: Entry): Promise<void> {
    const value = Buffer.from(JSON.stringify(entry));
    this.#apply(keyOf(entry), value, await this.#write(keyOf(entry), value));
  }

  /** It failed again. */
  async again({ entry, order }: Waiting, reason: string): Promise<void> {
    await this.park({ ...entry, reason, behind: false, since: String(order) });
  }

  /** It was handled, or is given up. */
  async remove({ entry }: Waiting): Promise<void> {
    this.#apply(keyOf(entry), null, await this.#write(keyOf(entry), null));
  }

  /** As it reads in today's language. @throws Error when it still cannot be read */
  presently({ entry: { message } }: Waiting): Recorded {
    return this.#codec.decode({ headers: message.headers, value: Buffer.from(message.value, 'base64') }).event;
  }

  /** For operators. */
  parked(waiting: Waiting): Parked {
    const { message, since: _, ...parked } = waiting.entry;
    let bytes: string;
    try {
      bytes = JSON.stringify(this.presently(waiting));
    } catch {
      bytes = JSON.stringify(message);
    }
    return { ...parked, bytes };
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const producer = this.#producer;
    this.#producer = undefined;
    await (await producer?.catch(() => undefined))?.disconnect().catch(() => undefined);
  }

  #apply(key: string, value: Buffer | null, offset: bigint): void {
    const known = this.#waiting.get(key);
    if (offset <= (known?.offset ?? this.#gone.get(key) ?? -1n)) return;
    if (value === null) {
      this.#waiting.delete(key);
      this.#gone.set(key, offset);
      return;
    }
    this.#gone.delete(key);
    const entry = JSON.parse(value.toString()) as Entry;
    this.#waiting.set(key, { entry, offset, order: entry.since === undefined ? offset : BigInt(entry.since) });
  }

  async #write(key: string, value: Buffer | null): Promise<bigint> {
    clearTimeout(this.#idle);
    const connected = (this.#producer ??= this.#connect());
    try {
      const producer = await connected;
      const [written] = await producer.send({ topic: this.topic, acks: -1, messages: [{ key, value, partition: 0 }] });
      return BigInt(written?.baseOffset ?? '-1');
    } catch (error) {
      await this.close();
      throw new DomainError('unavailable', 'broker-away', `What is parked cannot be written now: ${messageOf(error)}`);
    } finally {
      this.#idle = setTimeout(() => {
        void this.close();
      }, IDLE_MS).unref();
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: 1 });
    try {
      await producer.connect();
      return producer;
    } catch (error) {
      await producer.disconnect().catch(() => undefined);
      throw error;
    }
  }
}

const keyOf = ({ consumer, eventId }: Pick<Parked, 'consumer' | 'eventId'>): string => `${consumer} ${eventId}`;

export const rawOf = ({ key, headers, value }: KafkaMessage): Raw => ({
  key: key?.toString() ?? '',
  headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
  value: (value ?? Buffer.alloc(0)).toString('base64'),
});

export const receivedOf = ({ headers, value }: KafkaMessage): Received => ({ headers: headers ?? {}, value });
