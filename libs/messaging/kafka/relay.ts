import { type Kafka, type Message, type Producer, type Transaction } from 'kafkajs';
import { type Logger } from 'pino';
import { type Category, type Position } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { messageOf } from '../attempt.ts';
import { type Questions } from './broker.ts';
import { type Codec } from './codec.ts';
import { Backoff, pause } from './delay.ts';
import { type Layout, placeOf } from './topics.ts';

/** More than one request's worth, so that the log is read while the last one is under way. */
const READ_AHEAD = 8_000;
const LARGEST_REQUEST = 4_000;
const LARGEST_REQUEST_BYTES = 4 * 1024 * 1024;
/**
 * What comes meanwhile joins a transaction: to begin and to end one takes the broker four answers, one after the other. Other systems
 * see the news that much later; the platform's own readers do not wait for the end.
 */
const OPEN_MS = 500;
/** What a crash leaves behind the checkpoint is published again. */
const CHECKPOINT_EVERY_MS = 200;
/** A broker forgets offsets that nobody has committed for some days. */
const CHECKPOINT_AT_LEAST_EVERY_MS = 3_600_000;
/** How long a log may be ahead of a checkpoint that does not move, before another relay takes over. */
const PATIENCE_MS = 3_000;
const LONGEST_PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 500;
/** After which a broker aborts what a dead relay has begun; until then, whoever reads what is committed cannot read on. */
const TRANSACTION_TIMEOUT_MS = 15_000;
const TRANSIENT = [
  'CONCURRENT_TRANSACTIONS',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
];
const MOST_TRIES = 200;
const BETWEEN_TRIES_MS = 10;
const FENCED = ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING', 'TRANSACTION_COORDINATOR_FENCED'];
const FENCED_CODES = [47, 90];

type RelayOptions = Readonly<{
  kafka: Kafka;
  questions: Questions;
  layout: Layout;
  service: string;
  /** Where the service publishes; also the place under which its checkpoint is kept. */
  topic: string;
  store: EventStore;
  categories: readonly Category[];
  codec: Codec;
  log: Logger;
  patience?: number;
}>;

/** Without a message: up to there nothing is left to publish. */
type Pending = Readonly<{ position: Position; message?: Message; bytes: number }>;

/** The checkpoint cannot be of this log. */
class Refused extends Error {
  override readonly name = 'Refused';
}

/**
 * Publishes what the service's log holds, in store order, at least once. Its checkpoint is an offset of the group
 * `<service>.relay`. Publishing and moving the checkpoint are transactions of one `transactional.id` each, so that neither waits for
 * the other: whoever begins to publish fences whoever did before, and a fenced relay can neither publish nor move the checkpoint. It
 * then stands by until the checkpoint no longer follows the log.
 */
export class Relay {
  readonly name: string;
  readonly #options: RelayOptions;
  readonly #group: string;
  /** Everything public up to here is published, as far as this process knows. */
  #published: Position | undefined;
  #leading = false;
  readonly #usualPatience: number;
  /** Grows for as long as whoever takes over does not get to publish. */
  #patience: number;
  #trouble: string | undefined;
  #republish: Readonly<{ from: Position; begun: () => void }> | undefined;
  #interrupt: () => void = () => undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.name = `relay of ${options.service}`;
    this.#group = `${options.service}.relay`;
    this.#patience = this.#usualPatience = options.patience ?? PATIENCE_MS;
  }

  troubles(): readonly string[] {
    return this.#trouble === undefined ? [] : [this.#trouble];
  }

  /** Publishes, or stands by for whoever does, until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted)
      try {
        await this.#lead(signal, () => {
          this.#trouble = undefined;
          backoff.succeeded();
        });
      } catch (error) {
        if (signal.aborted) break;
        if (isFenced(error)) {
          this.#options.log.info({ relay: this.name }, 'fenced by another instance, or silent for too long; standing by');
          this.#trouble = undefined;
          const moved = await this.#standBy(signal);
          this.#patience = moved ? this.#usualPatience : Math.min(LONGEST_PATIENCE_MS, this.#patience * 2);
        } else {
          this.#report(error);
          await backoff.wait(signal);
        }
      }
    this.#leading = false;
  }

  /** Publishes all after `from` (exclusive) once more, 0 for everything. Resolves once the checkpoint is there. */
  republish(from: Position): Promise<void> {
    return new Promise((begun) => {
      this.#republish = { from, begun };
      this.#interrupt();
    });
  }

  /** Whether everything public that the log holds is published. */
  async caughtUp(): Promise<boolean> {
    const position = await this.position();
    const looked = new AbortController();
    try {
      for await (const next of this.#options.store.subscribe(this.#options.categories, position, looked.signal))
        return next === 'caught-up';
      return false;
    } finally {
      looked.abort();
    }
  }

  /** Everything public up to here is published. */
  async position(): Promise<Position> {
    if (this.#leading && this.#published !== undefined) return this.#published;
    return (await this.#checkpoint())?.position ?? 0;
  }

  #report(error: unknown): void {
    const trouble = `${this.name}: ${messageOf(error)}`;
    if (trouble !== this.#trouble) this.#options.log.warn({ relay: this.name, err: error }, 'publishing waits');
    this.#trouble = trouble;
  }

  /** Until the signal aborts; rejects when it is fenced, or when something is away. */
  async #lead(signal: AbortSignal, succeeded: () => void): Promise<void> {
    const { layout, service, topic } = this.#options;
    await layout.learn([topic]);
    await this.#verified();
    const producer = this.#producer(`${service}.relay`);
    const keeper = this.#producer(`${service}.relay.checkpoint`);
    const ending = new AbortController();
    const end = (): void => {
      ending.abort();
    };
    signal.addEventListener('abort', end);
    this.#interrupt = end;
    try {
      await Promise.all([producer.connect(), keeper.connect()]);
      // From here on whoever published before is fenced; only now does the checkpoint stand still.
      const first = await keeper.transaction();
      await (await producer.transaction()).abort();
      const asked = this.#republish;
      const from = asked ? Math.min(asked.from, await this.#options.store.head()) : await this.#verified();
      // Also where nothing changes: a coordinator that is not ready yet is found out before anything is published.
      await this.#saveCheckpoint(first, from);
      await first.commit();
      if (asked) {
        this.#republish = undefined;
        asked.begun();
      }
      this.#published = from;
      this.#leading = true;
      succeeded();
      if (!signal.aborted && !this.#republish) {
        const kept = new AbortController();
        const keeping = this.#keepCheckpoint(keeper, from, kept.signal);
        keeping.catch(end);
        try {
          await this.#pump(producer, from, ending.signal, succeeded);
        } finally {
          kept.abort();
          await Promise.allSettled([keeping]);
        }
        await keeping;
      }
    } finally {
      this.#leading = false;
      ending.abort();
      this.#interrupt = () => undefined;
      signal.removeEventListener('abort', end);
      await Promise.allSettled([producer.disconnect(), keeper.disconnect()]);
    }
  }

  async #pump(producer: Producer, from: Position, signal: AbortSignal, succeeded: () => void): Promise<void> {
    const reading = new Ahead(this.#options, from, signal);
    while (!signal.aborted) {
      let pending = await reading.next();
      let last = pending.at(-1)?.position;
      if (messagesOf(pending).length > 0) {
        const transaction = await producer.transaction();
        const sent = new Map<number, bigint>();
        for (const end = performance.now() + OPEN_MS; pending.length > 0; pending = await reading.next(end - performance.now())) {
          last = pending.at(-1)?.position;
          const messages = messagesOf(pending);
          if (messages.length === 0) continue;
          for (const { partition, baseOffset } of await transaction.send({ topic: this.#options.topic, acks: -1, messages }))
            if (baseOffset !== undefined) sent.set(partition, BigInt(baseOffset));
        }
        await transaction.commit();
        await this.#committed(sent);
      }
      if (last === undefined) continue;
      this.#published = last;
      this.#patience = this.#usualPatience;
      succeeded();
    }
  }

  /** A broker answers a commit before it has marked the partitions: until then whoever asks where these end is told an earlier offset. */
  async #committed(sent: ReadonlyMap<number, bigint>): Promise<void> {
    const { questions, topic } = this.#options;
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      const ends = await questions.ask((admin) => admin.fetchTopicOffsets(topic));
      if (ends.every(({ partition, high }) => BigInt(high) > (sent.get(partition) ?? -1n))) return;
      await pause(BETWEEN_TRIES_MS, new AbortController().signal);
    }
    throw new Error(`the broker has not marked in ${topic} what it has committed`);
  }

  /** Until the signal aborts, and then once more. */
  async #keepCheckpoint(producer: Producer, from: Position, signal: AbortSignal): Promise<void> {
    let saved = from;
    let savedAt = performance.now();
    for (let last = false; !last;) {
      await pause(CHECKPOINT_EVERY_MS, signal);
      last = signal.aborted;
      const position = this.#published ?? from;
      if (position === saved && performance.now() - savedAt < CHECKPOINT_AT_LEAST_EVERY_MS) continue;
      const transaction = await producer.transaction();
      await this.#saveCheckpoint(transaction, position);
      await transaction.commit();
      saved = position;
      savedAt = performance.now();
    }
  }

  #producer(transactionalId: string): Producer {
    return this.#options.kafka.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 2, maxRetryTime: 300, retries: 12 },
    });
  }

  /**
   * kafkajs passes `metadata` on, but its types do not say so; and it does not try again, as it does for messages, while the broker
   * is still ending the transaction before.
   */
  async #saveCheckpoint(transaction: Transaction, position: Position): Promise<void> {
    const { topic, store } = this.#options;
    const partitions = [{ partition: 0, offset: String(position), metadata: store.logId }];
    await persistently(() => transaction.sendOffsets({ consumerGroupId: this.#group, topics: [{ topic, partitions }] }));
  }

  async #checkpoint(): Promise<Readonly<{ position: Position; logId: string }> | undefined> {
    const { questions, topic } = this.#options;
    const [found] = await persistently(() =>
      questions.ask((admin) => admin.fetchOffsets({ groupId: this.#group, topics: [topic] })),
    );
    const kept = found?.partitions.find(({ partition }) => partition === 0);
    return kept && Number(kept.offset) >= 0 ? { position: Number(kept.offset), logId: kept.metadata ?? '' } : undefined;
  }

  /** @throws Refused for a checkpoint that this log cannot have made. */
  async #verified(): Promise<Position> {
    const { store, service } = this.#options;
    const checkpoint = await this.#checkpoint();
    if (!checkpoint) return 0;
    const remedy =
      'Put the log that belongs to it back; or, if this log is right and is to be published from its beginning, delete the ' +
      `offsets of the consumer group "${this.#group}" at the broker.`;
    if (checkpoint.logId !== store.logId)
      throw new Refused(
        `What ${service} has published comes from the log ${checkpoint.logId}, but this is the log ${store.logId}. ${remedy}`,
      );
    const head = await store.head();
    if (checkpoint.position > head)
      throw new Refused(
        `${service} has published as far as position ${String(checkpoint.position)}, but its log ends at ${String(head)}: an older log was put in place. ${remedy}`,
      );
    return checkpoint.position;
  }

  /** Until it is time to take over. False: nothing had moved since this relay was fenced. */
  async #standBy(signal: AbortSignal): Promise<boolean> {
    const { store, categories } = this.#options;
    const ending = new AbortController();
    const end = (): void => {
      ending.abort();
    };
    signal.addEventListener('abort', end);
    this.#interrupt = end;
    const seen = { position: 0 };
    let moved = false;
    let since = performance.now();
    try {
      let checkpoint = (await this.#checkpoint())?.position ?? 0;
      const following = this.#follow(store.subscribe(categories, checkpoint, ending.signal), seen);
      while (!ending.signal.aborted) {
        await pause(LOOK_EVERY_MS, ending.signal);
        const now = (await this.#checkpoint())?.position ?? 0;
        if (now !== checkpoint || seen.position <= now) {
          moved ||= now !== checkpoint;
          checkpoint = now;
          since = performance.now();
        } else if (performance.now() - since > this.#patience) break;
      }
      ending.abort();
      await following;
    } catch (error) {
      this.#report(error);
    } finally {
      ending.abort();
      signal.removeEventListener('abort', end);
      this.#interrupt = () => undefined;
    }
    return moved;
  }

  async #follow(events: ReturnType<EventStore['subscribe']>, seen: { position: Position }): Promise<void> {
    for await (const event of events) if (event !== 'caught-up') seen.position = event.position;
  }
}

/** Again for as long as the broker is only busy with itself: it has just started, or ends a transaction. */
const persistently = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries++)
    try {
      return await work();
    } catch (error) {
      if (tries === MOST_TRIES || !isTransient(error)) throw error;
      await pause(BETWEEN_TRIES_MS, new AbortController().signal);
    }
};

const isTransient = (error: unknown): boolean =>
  error instanceof Error && 'type' in error && TRANSIENT.includes(String(error.type));

const messagesOf = (pending: readonly Pending[]): Message[] => pending.flatMap(({ message }) => (message ? [message] : []));

/** kafkajs wraps what has failed too often. */
const isFenced = (error: unknown): boolean => {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (('type' in at && FENCED.includes(String(at.type))) || ('code' in at && FENCED_CODES.includes(Number(at.code))))
      return true;
  return false;
};

/** Reads and encodes the log while the last transaction is under way. */
class Ahead {
  readonly #options: RelayOptions;
  #pending: Pending[] = [];
  readonly #signal: AbortSignal;
  #failed: unknown;
  #ended = false;
  #wake: () => void = () => undefined;
  #room: () => void = () => undefined;

  constructor(options: RelayOptions, from: Position, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      this.#room();
    });
    void this.#read(from, signal)
      .catch((error: unknown) => {
        this.#failed = error;
      })
      .finally(() => {
        this.#ended = true;
        this.#wake();
      });
  }

  /**
   * What there is, in order; nothing when nothing came within these milliseconds or they are over, or once the signal has aborted.
   * @throws what reading has thrown, after everything before it was given, to whoever sets no limit
   */
  async next(milliseconds?: number): Promise<readonly Pending[]> {
    if (milliseconds !== undefined && milliseconds <= 0) return [];
    if (this.#pending.length === 0 && !this.#ended) await this.#news(milliseconds);
    // What was given before is to be committed first: the next one to ask without a limit is told what went wrong.
    if (this.#pending.length === 0 && milliseconds !== undefined) return [];
    if (this.#pending.length === 0 && this.#failed !== undefined) throw this.#failed;
    if (this.#pending.length === 0 && this.#ended && !this.#signal.aborted) throw new Error('the log cannot be read any more');
    let bytes = 0;
    const end = this.#pending.findIndex((one) => (bytes += one.bytes) > LARGEST_REQUEST_BYTES);
    const taken = this.#pending.splice(0, Math.min(LARGEST_REQUEST, end === -1 ? this.#pending.length : Math.max(1, end)));
    this.#room();
    return taken;
  }

  async #news(milliseconds?: number): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (milliseconds !== undefined) late = setTimeout(resolve, milliseconds);
    });
    clearTimeout(late);
  }

  async #read(from: Position, signal: AbortSignal): Promise<void> {
    const { store, categories, codec, layout } = this.#options;
    const passed = (position: Position): void => {
      if (this.#pending.at(-1)?.message === undefined) this.#pending.pop();
      this.#pending.push({ position, bytes: 0 });
      this.#wake();
    };
    for await (const event of store.subscribe(categories, from, signal, passed)) {
      if (event === 'caught-up') continue;
      const { key, headers, value } = codec.encode(event, store.logId);
      this.#pending.push({
        position: event.position,
        message: { key, headers, value, partition: placeOf(layout.partitionOf(event.stream)).partition },
        bytes: value.length,
      });
      this.#wake();
      if (this.#pending.length >= READ_AHEAD && !signal.aborted) await new Promise<void>((resolve) => (this.#room = resolve));
    }
  }
}
