import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Category, type DomainEvent, type Recorded } from '#libs/event-sourcing/event';
import { kafkaClient } from '#libs/messaging/kafka/broker';
import { brokerUrl, type Running, TestService, until } from '#libs/messaging/kafka/testing/service';
import { makeTopics } from '#libs/messaging/kafka/topics';
import { followBills } from '../../docs/events/consumer.ts';
import { billOf, unbilled } from './testing/bills.ts';
import { decode, encode } from './wire-message.ts';

const CATEGORIES = ['invoicing.bill', 'invoicing.rating'] as Category[];

let service: TestService;
let running: Running;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  service = new TestService();
  await makeTopics(brokerUrl(), [service.topic]);
  running = await service.run('a', [], { categories: CATEGORIES, codec: { encode, decode, topicOf: () => service.topic } });
});
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  await running.end();
  service.close();
});

/** Follows the topic of this test with the consumer of the docs, in a group of its own. */
const follow = async (): Promise<readonly string[]> => {
  const lines: string[] = [];
  const consumer = kafkaClient(brokerUrl(), 'other-system').consumer({ groupId: `other-system-${randomUUID()}` });
  await consumer.connect();
  ends.push(() => consumer.disconnect());
  const followed = {
    ...consumer,
    subscribe: () => consumer.subscribe({ topic: service.topic, fromBeginning: true }),
  };
  await followBills(followed, new Map(), (line) => lines.push(line));
  return lines;
};

const everything = async (): Promise<readonly Recorded[]> => {
  const events: Recorded[] = [];
  for await (const event of service.store.subscribe(CATEGORIES, 'start', new AbortController().signal)) {
    if (event === 'caught-up') break;
    events.push(event);
  }
  return events;
};

describe('the consumer that the docs print', () => {
  it('reads from a broker what a service publishes, from the beginning, and everything once', async () => {
    const accepted: DomainEvent = { type: 'CommandAccepted', data: {} };
    await service.append('invoicing.bill-t1~2026-01', unbilled, billOf('12.50'));
    await service.append('invoicing.rating-t0~2026-01', accepted);
    await running.bus.settled();
    const lines = await follow();
    await until(() => lines.length === 2);
    await running.relay.republish(0);
    await service.append('invoicing.bill-t1~2026-01', billOf('13.00'));
    await until(() => lines.length === 3);
    expect(lines).toEqual([
      'Acme, 2026-01: No contract covers a day of this month.',
      'Acme, 2026-01: 12.50 EUR',
      'Acme, 2026-01: 13.00 EUR',
    ]);
  });

  it('gets what any reader can turn into the event that was appended', async () => {
    await service.append('invoicing.bill-t1~2026-01', unbilled, billOf('12.50'));
    await running.bus.settled();
    const arrived: unknown[] = [];
    const consumer = kafkaClient(brokerUrl(), 'other-system').consumer({ groupId: `other-system-${randomUUID()}` });
    await consumer.connect();
    ends.push(() => consumer.disconnect());
    await consumer.subscribe({ topic: service.topic, fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message: { headers = {}, value, key } }) => {
        arrived.push([key?.toString(), decode({ headers, value })]);
        return Promise.resolve();
      },
    });
    await until(() => arrived.length === 2);
    const appended = await everything();
    const expected = appended.map((event) => [
      event.stream,
      { event: { ...event, metadata: { ...event.metadata, bodyHash: '' } }, logId: service.store.logId },
    ]);
    expect(JSON.stringify(arrived)).toBe(JSON.stringify(expected));
  });
});
