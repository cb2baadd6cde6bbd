import {
  AssignerProtocol,
  type Consumer as KafkaConsumer,
  type EachBatchPayload,
  type Kafka,
  type KafkaMessage,
  type PartitionAssigner,
} from 'kafkajs';
import { aborted, messageOf } from '../attempt.ts';
import { type Partition } from '../feed.ts';
import { Backoff, pause } from './delay.ts';
import { partition as partitionNamed, placeOf } from './topics.ts';

/** A seek takes effect when the fetch under way ends, so that may not wait long for messages. */
const LONGEST_FETCH_MS = 250;
const SESSION_TIMEOUT_MS = 10_000;
const REBALANCE_TIMEOUT_MS = 15_000;
const HEARTBEAT_MS = 1_000;
/** A member that waits for the others at a rebalance hears nothing either. */
const SILENCE_MS = 5_000;
const LONGEST_SILENCE_MS = 25_000;
const LONGEST_FAREWELL_MS = 5_000;
/** kafkajs decodes all that it has fetched in one go, during which the process does nothing else. */
const BYTES_OF_A_PARTITION = 1024 * 1024;

/** Consecutive messages of a partition; `next` is the offset behind them and behind the broker's own marks that follow. */
export type Slice = Readonly<{ partition: Partition; messages: readonly KafkaMessage[]; next: bigint }>;

export type Commit = (places: readonly Readonly<{ partition: Partition; next: bigint; metadata: string }>[]) => Promise<void>;

/** Who is told what a member of a group reads. */
export interface Reader {
  readonly topics: readonly string[];
  /** Topics that every member reads as a whole from the beginning, whatever the group has committed. */
  readonly sharedTopics: readonly string[];
  /** These partitions are this member's from now on, until `revoked` aborts. Resolves with where each begins. May throw: it is asked again. */
  assigned(partitions: readonly Partition[], revoked: AbortSignal, commit: Commit): Promise<ReadonlyMap<Partition, bigint>>;
  /** Resolves with an earlier offset to go back to. Must not throw. */
  take(slice: Slice, revoked: AbortSignal): Promise<bigint | undefined>;
  takeShared(slice: Slice): void;
  /** These partitions are about to be another's, or this member is leaving: resolves when nothing is at work on them any more. */
  left(commit: Commit): Promise<void>;
  /** Undefined once all is well again. */
  trouble(message: string | undefined): void;
}

/** `left`: partitions that went back, and the offset that they had reached: what was fetched there before comes too early. */
type Assignment = {
  readonly revoked: AbortController;
  readonly left: Map<Partition, bigint>;
  placed: boolean;
  passing: Promise<void>;
};

/** Reads as a member of `group` until the signal aborts, starting anew whatever becomes of the client. Never rejects. */
export const readAsMember = async (
  kafka: Kafka,
  group: string,
  reader: Reader,
  signal: AbortSignal,
  bytesOfPartition = BYTES_OF_A_PARTITION,
): Promise<void> => {
  const backoff = new Backoff();
  while (!signal.aborted) {
    try {
      await membership(kafka, group, reader, signal, bytesOfPartition, () => {
        backoff.succeeded();
      });
    } catch (error) {
      if (signal.aborted) return;
      reader.trouble(messageOf(error));
    }
    await backoff.wait(signal);
  }
};

/** One life of a kafkajs consumer. Rejects with what ended it. */
const membership = async (
  kafka: Kafka,
  group: string,
  reader: Reader,
  signal: AbortSignal,
  bytesOfPartition: number,
  joined: () => void,
): Promise<void> => {
  const consumer = kafka.consumer({
    groupId: group,
    sessionTimeout: SESSION_TIMEOUT_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: LONGEST_FETCH_MS,
    maxBytesPerPartition: bytesOfPartition,
    // An event is in its log before it is published, and comes again where its transaction fails: whoever remembers revisions loses
    // nothing by not waiting for the end.
    readUncommitted: true,
    allowAutoTopicCreation: false,
    partitionAssigners: [sharing(reader.sharedTopics)],
    // It would restart on its own in some cases and not in others.
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 5, restartOnFailure: () => Promise.resolve(false) },
  });
  let assignment: Assignment | undefined;
  // Of the member that fetched last. kafkajs' other way to commit tries again after a rebalance, when the partition may be another's.
  let commitNow: EachBatchPayload['commitOffsetsIfNecessary'] | undefined;
  const commit: Commit = async (places) => {
    const topics = new Map<string, { partition: number; offset: string; metadata: string }[]>();
    for (const { partition: named, next, metadata } of places) {
      const { topic, partition } = placeOf(named);
      topics.set(topic, [...(topics.get(topic) ?? []), { partition, offset: String(next), metadata }]);
    }
    await commitNow?.({ topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })) });
  };
  const leave = async (): Promise<void> => {
    const last = assignment;
    assignment = undefined;
    if (!last) return;
    last.revoked.abort();
    await Promise.all([last.passing, reader.left(commit)]);
  };
  let heard = performance.now();
  let silent = false;
  const hear = (): void => {
    heard = performance.now();
    if (silent) reader.trouble(undefined);
    silent = false;
  };
  let watching: NodeJS.Timeout | undefined;
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      reject(payload.error);
    });
    // kafkajs goes on trying for long without a word, and may stay silent for ever.
    watching = setInterval(() => {
      const silence = performance.now() - heard;
      if (silence < SILENCE_MS) return;
      silent = true;
      reader.trouble('the broker does not answer');
      if (silence > LONGEST_SILENCE_MS) reject(new Error('the broker does not answer'));
    }, HEARTBEAT_MS);
  });
  crashed.catch(() => undefined);
  consumer.on(consumer.events.HEARTBEAT, hear);
  consumer.on(consumer.events.REBALANCING, () => {
    void leave();
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
    void leave();
    hear();
    const own = Object.entries(memberAssignment)
      .filter(([topic]) => !reader.sharedTopics.includes(topic))
      .flatMap(([topic, numbers]) => numbers.map((number) => partitionNamed(topic, number)));
    const joinedNow: Assignment = { revoked: new AbortController(), left: new Map(), placed: false, passing: Promise.resolve() };
    assignment = joinedNow;
    joined();
    // Before the first fetch: nothing is read until it is known where to begin.
    consumer.pause(byTopic(own));
    void place(consumer, own, reader, joinedNow, commit);
  });
  const goBack = (now: Assignment, slice: Slice, to: bigint): void => {
    now.left.set(slice.partition, slice.next);
    consumer.seek({ ...placeOf(slice.partition), offset: String(to) });
  };
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, firstOffset, lastOffset } }) => {
    const now = assignment;
    if (batchSize > 0 || !now || reader.sharedTopics.includes(topic)) return;
    // Marks of the broker alone: kafkajs hands them to nobody and does not wait here either.
    now.passing = now.passing.then(async () => {
      const slice = { partition: partitionNamed(topic, partition), messages: [], next: BigInt(lastOffset) + 1n };
      if (!now.placed || now.revoked.signal.aborted) return;
      const left = now.left.get(slice.partition);
      if (left !== undefined && BigInt(firstOffset) >= left) return;
      const back = await reader.take(slice, now.revoked.signal);
      if (back !== undefined && !now.revoked.signal.aborted) goBack(now, slice, back);
    });
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...reader.topics, ...reader.sharedTopics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale, commitOffsetsIfNecessary }) => {
        commitNow = commitOffsetsIfNecessary;
        const { topic, partition, messages } = batch;
        const slice: Slice = { partition: partitionNamed(topic, partition), messages, next: BigInt(batch.lastOffset()) + 1n };
        const last = messages.at(-1);
        if (!last) return;
        if (reader.sharedTopics.includes(topic)) {
          reader.takeShared(slice);
          resolveOffset(last.offset);
          return;
        }
        const now = assignment;
        if (!now?.placed || !isRunning()) return;
        const beating = setInterval(() => {
          heartbeat().catch(() => {
            // The group is being shared out anew; kafkajs finds out by itself once this batch is left.
            now.revoked.abort();
          });
        }, HEARTBEAT_MS);
        try {
          await now.passing;
          // Also by what passed just now: these messages would leave out those that it went back for.
          if (isStale()) return;
          now.left.delete(slice.partition);
          const back = await reader.take(slice, now.revoked.signal);
          if (now.revoked.signal.aborted) return;
          if (back === undefined) resolveOffset(last.offset);
          else goBack(now, slice, back);
        } finally {
          clearInterval(beating);
        }
      },
    });
    await Promise.race([aborted(signal), crashed]);
  } finally {
    // Before the group is left: what is done can still be committed.
    clearInterval(watching);
    await leave();
    const farewell = consumer.stop().then(() => consumer.disconnect());
    await Promise.race([farewell.catch(() => undefined), pause(LONGEST_FAREWELL_MS, new AbortController().signal)]);
  }
};

const place = async (
  consumer: KafkaConsumer,
  own: readonly Partition[],
  reader: Reader,
  assignment: Assignment,
  commit: Commit,
): Promise<void> => {
  const backoff = new Backoff();
  const { signal } = assignment.revoked;
  while (!signal.aborted)
    try {
      const places = await reader.assigned(own, signal, commit);
      if (signal.aborted) return;
      for (const [partition, offset] of places) consumer.seek({ ...placeOf(partition), offset: String(offset) });
      assignment.placed = true;
      consumer.resume(byTopic(own));
      reader.trouble(undefined);
      return;
    } catch (error) {
      reader.trouble(messageOf(error));
      await backoff.wait(signal);
    }
};

const byTopic = (partitions: readonly Partition[]): { topic: string; partitions: number[] }[] => {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions.map(placeOf)) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return [...topics].map(([topic, numbers]) => ({ topic, partitions: numbers }));
};

const { MemberAssignment, MemberMetadata } = AssignerProtocol;

/** Deals the partitions out in turn, and gives all of the shared topics to everybody. */
const sharing =
  (sharedTopics: readonly string[]): PartitionAssigner =>
  ({ cluster }) => ({
    name: 'tributary',
    version: 0,
    protocol: ({ topics }) => ({
      name: 'tributary',
      metadata: MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
    }),
    assign: ({ members, topics }) => {
      const numbersOf = (topic: string): number[] =>
        cluster
          .findTopicPartitionMetadata(topic)
          .map(({ partitionId }) => partitionId)
          .toSorted((a, b) => a - b);
      const dealt = topics
        .filter((topic) => !sharedTopics.includes(topic))
        .flatMap((topic) => numbersOf(topic).map((partition) => ({ topic, partition })));
      const sorted = members.map(({ memberId }) => memberId).toSorted();
      const given = sorted.map((memberId, place) => {
        const assignment: Record<string, number[]> = {};
        for (const topic of topics) if (sharedTopics.includes(topic)) assignment[topic] = numbersOf(topic);
        for (const { topic, partition } of dealt.filter((_, index) => index % sorted.length === place))
          (assignment[topic] ??= []).push(partition);
        return { memberId, memberAssignment: MemberAssignment.encode({ version: 0, assignment, userData: Buffer.alloc(0) }) };
      });
      return Promise.resolve(given);
    },
  });
