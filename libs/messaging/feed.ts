import { type Brand } from '#libs/brand';
import { type Category, type Recorded, type StreamName } from '#libs/event-sourcing/event';

/** A part of what is published that keeps its own order: `<topic>/<number>`. All events of one stream are in one of them. */
export type Partition = Brand<string, 'Partition'>;

/** A published event. `logId` is the log that it comes from; `offset` its place in the partition. */
export type Delivered = Readonly<{ event: Recorded; logId: string; offset: bigint }>;

/** Somebody who is told everything that is published, each partition in its order, and keeps its own place in it. */
export interface Feed {
  readonly categories: readonly Category[];
  /** The offset to begin at in each of these partitions; 0n for the beginning. Asked whenever this process gets partitions. */
  places(partitions: readonly Partition[]): Promise<ReadonlyMap<Partition, bigint>>;
  /**
   * Takes consecutive messages of one partition, of which some may have been taken before; there may be none, when only marks of
   * the broker were passed. Resolves once what came of them is stored, with `next` as the place. Answers an earlier offset when
   * something before these messages is still wanted: they are delivered again from there.
   */
  take(
    partition: Partition,
    messages: readonly Delivered[],
    next: bigint,
    signal: AbortSignal,
  ): Promise<Readonly<{ goBackTo: bigint }> | undefined>;
}

/** What a bus between processes offers to those who read all of it. */
export interface Published {
  /** Whether events of these categories may be in the partition; also while the broker has not answered yet. */
  mayHold(partition: Partition, categories: readonly Category[]): boolean;
  /** Of the topics of these categories. @throws DomainError `unavailable` while the broker has not answered yet */
  partitionsOf(categories: readonly Category[]): readonly Partition[];
  /** Where this stream's events are. */
  partitionOf(stream: StreamName): Partition;
  /** The offset after the last message of each that is committed. */
  ends(partitions: readonly Partition[]): Promise<ReadonlyMap<Partition, bigint>>;
  /** Delivers to `feed` from its places on, all partitions of its categories, beside everybody else, until the signal aborts. */
  follow(group: string, feed: Feed, signal: AbortSignal): Promise<void>;
}
