import { join } from 'node:path';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Feed, type Partition } from '#libs/messaging/feed';
import { openKafka } from '#libs/messaging/kafka/open-kafka';
import { openSqlite } from '#libs/sqlite/database';
import { type Steady, SteadyState } from './steady.ts';
import { CATEGORY } from './tenant-log.ts';
import { bareClient, serviceNamed, silent } from './topic.ts';

/** One side of one round of `reading.ts`: `bus|bare|order MESSAGING_URL SERVICE EVENTS FOLDER`; prints what it took as JSON. */

const WARM_UP = 0.25;
/** As the bus has it. */
const FETCHED = { maxWaitTimeInMs: 250, maxBytesPerPartition: 1024 * 1024 };

const [, , side, messagingUrl = '', name = '', events = '', folder = ''] = process.argv;
const { codec, topic } = serviceNamed(name);
const all = Number(events);
const steady = new SteadyState(all * WARM_UP);
let done = 0;
let finished: (seen: Steady) => void = () => undefined;
const ended = new Promise<Steady>((resolve) => (finished = resolve));
const took = (count: number): void => {
  steady.at(done);
  done += count;
  if (done >= all) finished(steady.ended(done));
};

/** The bus with a feed that takes everything: fetched, decoded, handed over. */
const bus = async (): Promise<Steady> => {
  const store = new SqliteEventStore(openSqlite(`sqlite:${join(folder, `${name}-reader.db`)}`, { shared: true }));
  const feed: Feed = {
    categories: [CATEGORY],
    places: (partitions) => Promise.resolve(new Map(partitions.map((partition): [Partition, bigint] => [partition, 0n]))),
    take: (_partition, messages) => {
      took(messages.length);
      return Promise.resolve(undefined);
    },
  };
  const kafka = await openKafka({
    ...{ url: messagingUrl, service: name, instance: '1', store, categories: [CATEGORY], codec, feed, log: silent },
  });
  const ending = new AbortController();
  const running = kafka.bus.run([], ending.signal);
  const seen = await ended;
  ending.abort();
  await running;
  await kafka.close();
  store.close();
  return seen;
};

/** kafkajs with a handler that does nothing, or one that looks at the order. */
const loop = async (check: (subject: string, revision: number) => void): Promise<Steady> => {
  const consumer = bareClient(messagingUrl).consumer({ groupId: `${name}.${side ?? ''}`, ...FETCHED });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: ({ batch: { messages } }) => {
      if (side === 'order')
        for (const { headers } of messages) check(String(headers?.['ce_subject']), Number(String(headers?.['ce_revision'])));
      took(messages.length);
      return Promise.resolve();
    },
  });
  const seen = await ended;
  await consumer.disconnect();
  return seen;
};

/** Every stream without a gap, a repetition or a later event before an earlier one. */
const inOrder = (): ((subject: string, revision: number) => void) => {
  const next = new Map<string, number>();
  return (subject, revision) => {
    const wanted = next.get(subject) ?? 0;
    if (revision !== wanted) throw new Error(`${subject}: revision ${String(revision)} came where ${String(wanted)} belongs.`);
    next.set(subject, wanted + 1);
  };
};

const seen = await (side === 'bus' ? bus() : loop(inOrder()));
process.stdout.write(JSON.stringify(seen));
process.exit(0);
