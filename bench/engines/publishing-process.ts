import { setTimeout as sleep } from 'node:timers/promises';
import { type Message } from 'kafkajs';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { openKafka } from '#libs/messaging/kafka/open-kafka';
import { openSqlite } from '#libs/sqlite/database';
import { type Steady, SteadyState } from './steady.ts';
import { CATEGORY } from './tenant-log.ts';
import { bareClient, serviceNamed, silent } from './topic.ts';

/** One side of one round of `publishing.ts`: `relay|bare MESSAGING_URL LOG SERVICE`; prints what it took as JSON. */

/** The relay's largest transaction, which it reaches as long as it is behind. */
const BATCH = 4_000;
const WARM_UP = 0.25;
const LOOK_MS = 1;

const [, , side, messagingUrl = '', log = '', name = ''] = process.argv;
const { codec, topic } = serviceNamed(name);
const store = new SqliteEventStore(openSqlite(`sqlite:${log}`, { shared: true }));
const all = await store.head();
const steady = new SteadyState(all * WARM_UP);
const kafka = await openKafka({
  ...{ url: messagingUrl, service: name, instance: '1', store, categories: [CATEGORY], codec, log: silent },
});

/** Reads, encodes and publishes in transactions. */
const relay = async (): Promise<Steady> => {
  const ending = new AbortController();
  const running = kafka.relay.run(ending.signal);
  for (let at = 0; at < all; await sleep(LOOK_MS)) {
    at = await kafka.relay.position().catch(() => 0); // a broker that is not ready yet
    steady.at(at);
  }
  const seen = steady.ended(all);
  ending.abort();
  await running;
  return seen;
};

/** Sends the same messages, which lie ready in memory and which kafkajs deals out by key, in batches as large, each awaited. */
const bare = async (): Promise<Steady> => {
  const messages: Message[] = store.eventsAfter(0, [CATEGORY], all).map((event) => {
    const { key, headers, value } = codec.encode(event, store.logId);
    return { key, headers, value };
  });
  const producer = bareClient(messagingUrl).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  for (let at = 0; at < all; at += BATCH) {
    steady.at(at);
    await producer.send({ topic, acks: -1, messages: messages.slice(at, at + BATCH) });
  }
  const seen = steady.ended(all);
  await producer.disconnect();
  return seen;
};

const seen = await (side === 'relay' ? relay() : bare());
await kafka.close();
store.close();
process.stdout.write(JSON.stringify(seen));
