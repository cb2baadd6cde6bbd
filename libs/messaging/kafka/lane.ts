import { setImmediate as nextTurn } from 'node:timers/promises';
import { type KafkaMessage } from 'kafkajs';
import { categoryOf, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type Clock } from '#libs/time/time';
import { attempt, BEHIND, messageOf, targetOf } from '../attempt.ts';
import { type ConsumerStatus, type Failure } from '../bus.ts';
import { type Consumer } from '../consumer.ts';
import { type Partition } from '../feed.ts';
import { type ParkedMessages, rawOf } from './parked-messages.ts';

const TURN = 100;
/** How long a lane rests after a fault that is not its handler's, such as a broker that is away. */
const FAULT_DELAY_MS = 1_000;

/** A message of a partition; `unreadable` says why when no event could be made of it. `stream` is its key. */
export type Item = Readonly<{ offset: bigint; stream: StreamName; message: KafkaMessage }> &
  Readonly<{ event: Recorded; logId: string } | { unreadable: string }>;

export type Delivery = Readonly<{
  parked: ParkedMessages;
  delays: readonly number[];
  handlerTimeout: number;
  /** Rejects when the signal aborts. */
  sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  clock: Clock;
  moved: () => void;
}>;

/** Delivers one partition to one consumer, in order, beside everybody else's. */
export class Lane {
  readonly consumer: Consumer;
  readonly partition: Partition;
  /** Everything before is handled or parked. */
  next: bigint;
  state: ConsumerStatus['state'] = 'running';
  failure: Failure | null = null;
  readonly ended: Promise<void>;
  readonly #delivery: Delivery;
  readonly #signal: AbortSignal;
  readonly #queue: Readonly<{ next: bigint; item?: Item }>[] = [];
  #offered: bigint;
  #wake: () => void = () => undefined;

  constructor(consumer: Consumer, partition: Partition, next: bigint, delivery: Delivery, signal: AbortSignal) {
    this.consumer = consumer;
    this.partition = partition;
    this.next = next;
    this.#offered = next;
    this.#delivery = delivery;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      this.#wake();
    });
    this.ended = this.#run();
  }

  /** Consecutive messages; what was offered before is left out. */
  offer(items: readonly Item[], next: bigint): void {
    if (this.state === 'stopped' || next <= this.#offered) return;
    for (const item of items)
      if (item.offset >= this.#offered && this.consumer.categories.includes(categoryOf(item.stream)))
        this.#queue.push({ next: item.offset + 1n, item });
    this.#queue.push({ next });
    this.#offered = next;
    this.#wake();
  }

  get left(): number {
    return this.#queue.length;
  }

  async #run(): Promise<void> {
    for (let delivered = 0; !this.#signal.aborted;) {
      const first = this.#queue[0];
      if (!first) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      if (first.item && !(await this.#delivered(first.item))) {
        if (this.state !== 'stopped') continue;
        this.#queue.length = 0;
        break;
      }
      this.#queue.shift();
      this.next = first.next;
      if (first.item) {
        this.failure = null;
        this.state = 'running';
        // Handlers that never wait would keep requests, timers and heartbeats from running.
        if (++delivered % TURN === 0) await nextTurn();
      }
      this.#delivery.moved();
    }
    this.#delivery.moved();
  }

  /** False: not yet, or never. */
  async #delivered(item: Item): Promise<boolean> {
    try {
      return await this.#deliver(item);
    } catch (error) {
      // Not the handler's: what is to be parked cannot be written now. The place has not moved.
      this.failure = { event: null, message: messageOf(error), attempts: 1 };
      await this.#delivery.sleep(FAULT_DELAY_MS, this.#signal).catch(() => undefined);
      return false;
    }
  }

  async #deliver(item: Item): Promise<boolean> {
    const { delays, handlerTimeout, parked, sleep } = this.#delivery;
    const { name, onFailure } = this.consumer;
    // It comes again while it waits: its place, and why it is there, stay.
    if (parked.find(name, this.#idOf(item))) return true;
    const target = 'event' in item ? targetOf(this.consumer, item.event) : item.stream;
    if (parked.next(name, target)) {
      await this.#park(item, target, BEHIND, true);
      return true;
    }
    for (let attempts = 1; ; attempts++) {
      const message = 'event' in item ? await attempt(this.consumer, item.event, this.#signal, handlerTimeout) : item.unreadable;
      if (message === undefined) return true;
      if (this.#signal.aborted) return false;
      const { revision, position } = placeIn(item);
      this.failure = { event: { stream: item.stream, revision, position }, message, attempts };
      // What cannot be read today cannot be read in a second either.
      const delay = 'event' in item ? delays[attempts - 1] : undefined;
      if (delay === undefined) {
        if (onFailure === 'stop') {
          this.state = 'stopped';
          return false;
        }
        await this.#park(item, target, message, false);
        return true;
      }
      this.state = 'retrying';
      await sleep(delay, this.#signal).catch(() => undefined);
      if (this.#signal.aborted) return false;
    }
  }

  #idOf(item: Item): string {
    return 'event' in item ? item.event.eventId : `${this.partition}@${String(item.offset)}`;
  }

  async #park(item: Item, target: string, reason: string, behind: boolean): Promise<void> {
    await this.#delivery.parked.park({
      consumer: this.consumer.name,
      target,
      eventId: this.#idOf(item),
      ...placeIn(item),
      stream: item.stream,
      reason,
      behind,
      parkedAt: this.#delivery.clock.now(),
      message: rawOf(item.message),
    });
  }
}

const placeIn = (item: Item): Pick<Recorded, 'revision' | 'position'> =>
  'event' in item ? { revision: item.event.revision, position: item.event.position } : { revision: -1, position: 0 };
