import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Category, NO_STREAM, type DomainEvent, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type Delivered, type Feed, type Partition, type Published } from '#libs/messaging/feed';
import { recorded } from './rows.ts';

type Options = Readonly<{ partitions?: number; batch?: () => number }>;

/** What is published, in memory: one topic of some partitions, each in its order, with holes in the offsets as marks of a broker leave. */
export class PartitionedLog implements Published {
  readonly logId: string;
  readonly #partitions: readonly Partition[];
  readonly #messages = new Map<Partition, Delivered[]>();
  readonly #ends = new Map<Partition, bigint>();
  readonly #batch: () => number;
  readonly #heads = new Map<StreamName, number>();
  #position = 0;
  #arrived: (() => void)[] = [];

  constructor(logId = 'log-1', { partitions = 3, batch = () => 100 }: Options = {}) {
    this.logId = logId;
    this.#partitions = Array.from({ length: partitions }, (_, number) => `topic/${String(number)}` as Partition);
    this.#batch = batch;
    for (const partition of this.#partitions) {
      this.#messages.set(partition, []);
      this.#ends.set(partition, 0n);
    }
  }

  mayHold(partition: Partition): boolean {
    return this.#partitions.includes(partition);
  }

  partitionsOf(_categories: readonly Category[]): readonly Partition[] {
    return this.#partitions;
  }

  partitionOf(stream: StreamName): Partition {
    let hash = 0;
    for (const character of stream) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
    return this.#partitions[hash % this.#partitions.length] ?? ('topic/0' as Partition);
  }

  ends(partitions: readonly Partition[]): Promise<ReadonlyMap<Partition, bigint>> {
    return Promise.resolve(new Map(partitions.map((partition) => [partition, this.#ends.get(partition) ?? 0n] as const)));
  }

  /** The events of one stream, one after the other, as its log has them; published at once. */
  append(stream: string, ...events: readonly DomainEvent[]): readonly Recorded[] {
    const head = this.#heads.get(stream as StreamName) ?? NO_STREAM;
    const appended = recorded([{ stream, events }]).map((event) => {
      this.#position += 1;
      return {
        ...event,
        revision: head + 1 + event.revision,
        position: this.#position,
        eventId: `${stream}/${String(this.#position)}`,
      };
    });
    this.#heads.set(stream as StreamName, head + events.length);
    this.publish(...appended);
    return appended;
  }

  publish(...events: readonly Recorded[]): void {
    for (const event of events) this.publishTo(this.partitionOf(event.stream), event);
  }

  publishTo(partition: Partition, ...events: readonly Recorded[]): void {
    for (const event of events) {
      const offset = this.#ends.get(partition) ?? 0n;
      this.#messages.get(partition)?.push({ event, logId: this.logId, offset });
      this.#ends.set(partition, offset + 1n);
    }
    this.mark(partition);
  }

  /** As the end of a transaction is marked: an offset that no message has. */
  mark(partition: Partition): void {
    this.#ends.set(partition, (this.#ends.get(partition) ?? 0n) + 1n);
    for (const wake of this.#arrived.splice(0)) wake();
  }

  follow(_group: string, feed: Feed, signal: AbortSignal): Promise<void> {
    return this.drive(feed, this.#partitions, signal);
  }

  /** Delivers these partitions, side by side, until the signal aborts; what the feed refuses comes again. */
  async drive(feed: Feed, partitions: readonly Partition[], signal: AbortSignal): Promise<void> {
    let places: ReadonlyMap<Partition, bigint> | undefined;
    while (!places && !signal.aborted) {
      places = await feed.places(partitions).catch(() => undefined);
      if (!places) await pause();
    }
    await Promise.all(partitions.map((partition) => this.#deliver(feed, partition, places?.get(partition) ?? 0n, signal)));
  }

  async #deliver(feed: Feed, partition: Partition, from: bigint, signal: AbortSignal): Promise<void> {
    for (let at = from; !signal.aborted;) {
      const end = this.#ends.get(partition) ?? 0n;
      if (at >= end) {
        await this.#more(signal);
        continue;
      }
      const all = this.#messages.get(partition) ?? [];
      const first = firstAt(all, at);
      const messages = all.slice(first, first + this.#batch());
      const last = messages.at(-1);
      const isAll = first + messages.length >= all.length;
      const next = last && !isAll ? last.offset + 1n : end;
      try {
        const back = await feed.take(partition, messages, next, signal);
        at = back?.goBackTo ?? next;
        await nextTurn();
      } catch {
        await pause();
      }
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#arrived.push(resolve);
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
      if (signal.aborted) resolve();
    });
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

const firstAt = (messages: readonly Delivered[], offset: bigint): number => {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((messages[middle]?.offset ?? 0n) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
};
