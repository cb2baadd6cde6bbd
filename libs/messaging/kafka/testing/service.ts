import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
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
import { type Instant } from '#libs/time/time';
import { type Codec } from '../codec.ts';
import { type KafkaOptions, openKafka, type OpenKafka } from '../open-kafka.ts';

/** Where tests find the broker; `npm run test:engines` has seen that it is given. */
export const brokerUrl = (): string => process.env['MESSAGING_URL'] ?? '';

/** JSON through one topic, for tests that are not about what is on the wire. */
export const jsonThrough = (topic: string): Codec => ({
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
