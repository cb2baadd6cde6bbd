import { randomUUID } from 'node:crypto';
import {
  BACKWARDS,
  END,
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM as NO_SUCH_STREAM,
  type ResolvedEvent,
  START,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { sabotaged } from '#libs/sabotage';
import {
  type Category,
  type DomainEvent,
  type Metadata,
  NO_STREAM,
  type Position,
  type Recorded,
  type Revision,
  type StreamName,
} from '../event.ts';
import { type Appended, type Batch, type EventStore, type ReadRange, RevisionConflict } from '../event-store.ts';
import { type Upcasters } from '../upcasting.ts';
import { type WrittenEvent, written } from '../written-event.ts';
import { collected, within } from './deadline.ts';
import { appendErrorOf, storeErrorOf } from './faults.ts';
import { follow, type FollowedLog } from './follow.ts';
import { positionOf } from './place.ts';
import { eventDataOf, recordedOf } from './server-event.ts';

/** Holds one event, whose data names the log: whoever came first wrote it. No category has this name. */
const IDENTITY = 'tributary.log-identity';

/**
 * The write side on EventStoreDB (KurrentDB). One server serves the streams of all services; each follows the streams of its own
 * categories. Positions are the server's own, so they grow by more than one.
 */
export class EventStoreDb implements EventStore {
  readonly #client: EventStoreDBClient;
  readonly #address: string;
  readonly #upcasters: ReadonlyMap<string, (data: unknown) => DomainEvent>;
  readonly #checksRevision = !sabotaged('revision-check');
  readonly #closed = new AbortController();
  readonly #log: FollowedLog;

  private constructor(
    client: EventStoreDBClient,
    address: string,
    readonly logId: string,
    upcasters: Upcasters,
  ) {
    this.#client = client;
    this.#address = address;
    this.#upcasters = new Map(Object.entries(upcasters) as [string, (data: unknown) => DomainEvent][]);
    this.#log = {
      client,
      address,
      head: () => this.head(),
      recorded: (resolved) => recordedOf(resolved, this.#upcasters),
    };
  }

  /**
   * `url` is the client's own (`esdb://HOST:PORT?tls=false`, `esdb+discover://…`).
   * @throws DomainError `event-store-unavailable` when nobody answers there
   */
  static async open(url: string, { upcasters = {} }: Readonly<{ upcasters?: Upcasters }> = {}): Promise<EventStoreDb> {
    const client = EventStoreDBClient.connectionString(url);
    const address = addressOf(url);
    try {
      return new EventStoreDb(client, address, await identify(client, address), upcasters);
    } catch (error) {
      await client.dispose();
      throw storeErrorOf(error, address);
    }
  }

  async read<E extends DomainEvent>(
    stream: StreamName,
    { after = NO_STREAM, upTo = Number.MAX_SAFE_INTEGER }: ReadRange = {},
  ): Promise<Readonly<{ revision: Revision; events: readonly Recorded<E>[] }>> {
    const events = upTo > after ? await this.#events(stream, after + 1, upTo - after) : [];
    const last = events.at(-1);
    if (last) return { revision: last.revision, events: events as readonly Recorded<E>[] };
    return {
      revision: after === NO_STREAM ? NO_STREAM : Math.min(await this.#revisionOf(stream), upTo),
      events: [],
    };
  }

  append(stream: StreamName, events: readonly DomainEvent[], expected: Revision, metadata: Metadata): Promise<Appended> {
    return this.appendBatches(stream, [{ events, metadata }], expected);
  }

  async appendBatches(stream: StreamName, batches: readonly Batch[], expected: Revision): Promise<Appended> {
    const ready = written(stream, batches);
    const before = this.#checksRevision ? expected : await this.#revisionOf(stream);
    await this.#asked(
      (error) => appendErrorOf(error, this.#address, stream, expected),
      () =>
        this.#client.appendToStream(stream, ready.map(eventDataOf), {
          expectedRevision: before === NO_STREAM ? NO_SUCH_STREAM : BigInt(before),
        }),
    );
    const events = await this.#events(stream, before + 1, ready.length);
    // The server takes events whose ids it has at this place already for the same ones and says yes, whatever else they say.
    if (!areThose(events, ready)) throw new RevisionConflict(stream, expected);
    return { revision: before + ready.length, position: events.at(-1)?.position ?? 0, events };
  }

  subscribe(
    categories: readonly Category[],
    from: Position | 'start',
    signal: AbortSignal,
    passed: (position: Position) => void = () => undefined,
  ): AsyncGenerator<Recorded | 'caught-up'> {
    return follow(this.#log, categories, from, AbortSignal.any([signal, this.#closed.signal]), passed);
  }

  async head(): Promise<Position> {
    const [last] = await this.#collected(() => this.#client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 }));
    return last?.event ? positionOf(last.event.position) : 0;
  }

  /** @throws DomainError `event-store-unavailable` when the server does not answer now */
  async checkHealth(): Promise<void> {
    await this.head();
  }

  /** Ends all subscriptions and the connection. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#client.dispose();
  }

  async #events(stream: StreamName, from: Revision, most: number): Promise<readonly Recorded[]> {
    const resolved = await this.#collected(() =>
      this.#client.readStream(stream, {
        fromRevision: from === 0 ? START : BigInt(from),
        maxCount: Math.min(most, Number.MAX_SAFE_INTEGER),
      }),
    );
    return resolved.map((one) => recordedOf(one, this.#upcasters));
  }

  async #revisionOf(stream: StreamName): Promise<Revision> {
    const [last] = await this.#collected(() =>
      this.#client.readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 1 }),
    );
    return last?.event ? Number(last.event.revision) : NO_STREAM;
  }

  /** A stream that does not exist gives nothing. */
  async #collected<T extends Pick<ResolvedEvent, 'event'>>(
    read: () => Parameters<typeof collected<T>>[0],
  ): Promise<readonly T[]> {
    try {
      return await collected(read(), this.#address);
    } catch (error) {
      if (error instanceof StreamNotFoundError) return [];
      throw storeErrorOf(error, this.#address);
    }
  }

  async #asked<T>(errorOf: (error: unknown) => unknown, ask: () => Promise<T>): Promise<T> {
    try {
      return await within(ask(), this.#address);
    } catch (error) {
      throw errorOf(error);
    }
  }
}

/** Without credentials and options, for messages. */
export const addressOf = (url: string): string => url.replace(/^[^:]+:\/\/(?:[^/?@]*@)?/, '').replace(/[/?].*$/, '');

/** The log's id, given to it by whoever came first. */
const identify = async (client: EventStoreDBClient, address: string): Promise<string> => {
  const event = jsonEvent({ type: 'LogBegun', data: { logId: randomUUID() } });
  try {
    await within(client.appendToStream(IDENTITY, event, { expectedRevision: NO_SUCH_STREAM }), address);
  } catch (error) {
    if (!(error instanceof WrongExpectedVersionError)) throw error;
  }
  const [first] = await collected(client.readStream(IDENTITY, { fromRevision: START, maxCount: 1 }), address);
  const data = first?.event?.data;
  if (typeof data === 'object' && 'logId' in data && typeof data['logId'] === 'string') return data['logId'];
  throw new Error(`The stream ${IDENTITY} of the event store at ${address} does not say which log this is.`);
};

/** Whether what stands in the stream is what was to be written: a repeated command may have decided something else. */
const areThose = (events: readonly Recorded[], ready: readonly WrittenEvent[]): boolean =>
  events.length === ready.length &&
  ready.every(({ eventId, metadataText }, index) => {
    const event = events[index];
    return event?.eventId === eventId && JSON.stringify(event.metadata) === metadataText;
  });
