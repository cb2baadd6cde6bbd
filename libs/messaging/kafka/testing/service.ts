import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import {
  type Category,
  type CommandId,
  type DomainEvent,
  type Metadata,
  type Position,
  type Recorded,
  type StreamName,
} from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { openSqlite } from '#libs/sqlite/database';
import { type Consumer } from '../../consumer.ts';
import { type Delivered, type Feed, type Partition } from '../../feed.ts';
import { type Instant } from '#libs/time/time';
import { type Codec } from '../codec.ts';
import { type KafkaOptions, openKafka, type OpenKafka } from '../open-kafka.ts';

/** Where tests find the broker; `npm run test:engines` has seen that it is given. */
export const brokerUrl = (): string => process.env['MESSAGING_URL'] ?? '';

/** JSON through one topic, for tests that are not about what is on the wire. */
const jsonThrough = (topic: string): Codec => ({
  encode: (event, logId) => ({ key: event.stream, headers: { logId }, value: Buffer.from(JSON.stringify(event)) }),
  decode: ({ headers, value }) => ({
    event: JSON.parse((value ?? Buffer.alloc(0)).toString()) as Recorded,
    logId: String(headers['logId']),
  }),
  topicOf: () => topic,
});

const metadata = (): Metadata => ({
  commandId: randomUUID() as CommandId,
  bodyHash: 'a'.repeat(64),
  principal: { id: 'operator' },
  tenant: null,
  time: '2025-01-15T12:00:00.000Z' as Instant,
});

export const CATEGORIES = ['test.order', 'test.orders', 'test.other', 'test.bill'] as Category[];

export type Running = OpenKafka & Readonly<{ end: () => Promise<void> }>;

/** Notes what it is given, and keeps its places in memory. */
export class RecordingFeed implements Feed {
  readonly categories = CATEGORIES;
  readonly taken: Recorded[] = [];
  readonly kept = new Map<Partition, bigint>();
  /** Answered once instead of taking. */
  goBack: bigint | undefined;
  failures = 0;

  places(partitions: readonly Partition[]): Promise<ReadonlyMap<Partition, bigint>> {
    return Promise.resolve(new Map(partitions.map((partition) => [partition, this.kept.get(partition) ?? 0n])));
  }

  take(partition: Partition, messages: readonly Delivered[], next: bigint): Promise<Readonly<{ goBackTo: bigint }> | undefined> {
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new Error('the read models are away'));
    }
    if (this.goBack !== undefined) {
      const goBackTo = this.goBack;
      this.goBack = undefined;
      return Promise.resolve({ goBackTo });
    }
    this.taken.push(...messages.map(({ event }) => event));
    this.kept.set(partition, next);
    return Promise.resolve(undefined);
  }
}

/** Whether each stream's events came in their order, a repeated one after its first time left out. */
export const inOrder = (events: readonly Recorded[]): boolean => {
  const heads = new Map<string, number>();
  return events.every(({ stream, revision }) => {
    const head = heads.get(stream) ?? -1;
    if (revision === head + 1) heads.set(stream, revision);
    return revision <= head + 1;
  });
};

/** Polls until it holds. @throws Error at the timeout, in milliseconds */
export const until = async (holds: () => boolean | Promise<boolean>, timeout = 20_000): Promise<void> => {
  for (const end = performance.now() + timeout; !(await holds());) {
    if (performance.now() > end) throw new Error(`Not so after ${String(timeout)} ms: ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** A network that can be cut: nobody on it reaches the broker until it is mended. */
export class Network {
  readonly #sockets = new Set<Socket>();
  #cut = false;

  readonly connection: NonNullable<KafkaOptions['connection']> = {
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port: this.#cut ? NOBODY : port });
      socket.on('connect', onConnect);
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      return socket;
    },
  };

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy(new Error('the network is cut'));
  }

  mend(): void {
    this.#cut = false;
  }
}

/** A port that refuses. */
const NOBODY = 1;

/** A service with a log of its own below a temporary folder, which its instances share. */
export class TestService {
  readonly name = `test-${randomUUID()}`;
  readonly topic = `tributary.${this.name}.v1`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'kafka-'));
  readonly store = new SqliteEventStore(openSqlite(`sqlite:${join(this.#folder, 'log.sqlite')}`));
  readonly #heads = new Map<string, number>();

  open(instance: string, options: Partial<KafkaOptions> = {}): Promise<OpenKafka> {
    return openKafka({
      url: brokerUrl(),
      service: this.name,
      instance,
      store: this.store,
      categories: CATEGORIES,
      codec: jsonThrough(this.topic),
      log: pino({ level: process.env['TEST_LOG'] ?? 'silent' }),
      ...options,
    });
  }

  /** Runs an instance, with its relay or without, until it is ended. */
  async run(
    instance: string,
    consumers: readonly Consumer[],
    { relaying = true, ...options }: Partial<KafkaOptions> & Readonly<{ relaying?: boolean }> = {},
  ): Promise<Running> {
    const kafka = await this.open(instance, options);
    const ending = new AbortController();
    const relay = relaying ? kafka.relay.run(ending.signal) : undefined;
    const running = Promise.all([relay, kafka.bus.run(consumers, ending.signal)]);
    return {
      ...kafka,
      end: async () => {
        ending.abort();
        await running;
        await kafka.close();
      },
    };
  }

  async append(stream: string, ...events: readonly DomainEvent[]): Promise<Position> {
    const head = this.#heads.get(stream) ?? -1;
    this.#heads.set(stream, head + events.length);
    return (await this.store.append(stream as StreamName, events, head, metadata())).position;
  }

  close(): void {
    this.store.close();
    rmSync(this.#folder, { recursive: true });
  }
}
