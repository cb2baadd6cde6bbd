import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { pause } from './delay.ts';
import { type Reader, readAsMember, type Slice } from './reading.ts';
import { brokerUrl, until } from './testing/service.ts';
import { makeTopics, partition } from './topics.ts';

describe('reading that goes back', () => {
  it('takes nothing that was fetched before it went back, messages or marks of the broker', async () => {
    const topic = `test.reading-${randomUUID()}`;
    await makeTopics(brokerUrl(), [topic]);
    const kafka = new Kafka({ brokers: [brokerUrl().replace('kafka:', '')], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const ended = new AbortController();
    const slices: Slice[] = [];
    /** What is taken once it is told to go back. */
    const again: Slice[] = [];
    let hasGoneBack = false;
    /** The first marks alone: what comes after them is fetched while they are looked at. */
    const reader: Reader = {
      topics: [topic],
      sharedTopics: [],
      assigned: (partitions) => Promise.resolve(new Map(partitions.map((one) => [one, 0n]))),
      take: async (slice, revoked) => {
        if (slice.partition !== partition(topic, 0)) return undefined;
        (hasGoneBack ? again : slices).push(slice);
        if (hasGoneBack || slice.messages.length > 0) return undefined;
        await until(() => isMorePublished);
        await pause(1_000, revoked);
        hasGoneBack = true;
        return 0n;
      },
      takeShared: () => undefined,
      left: () => Promise.resolve(),
      trouble: () => undefined,
    };
    let isMorePublished = false;
    const reading = readAsMember(kafka, topic, reader, ended.signal);
    const publish = async (value: string, isReadFirst: () => boolean): Promise<void> => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value, partition: 0 }] });
      await until(isReadFirst);
      await transaction.commit();
    };
    try {
      await publish('0', () => slices.length > 0);
      await until(() => slices.some(({ messages }) => messages.length === 0));
      for (const value of ['1', '2', '3']) await publish(value, () => true);
      isMorePublished = true;
      await until(() => again.flatMap(({ messages }) => messages).length >= 4);
      const values = again.flatMap(({ messages }) => messages.map((one) => one.value?.toString()));
      expect(values).toEqual(['0', '1', '2', '3']);
      const reached = again.map(({ next }) => Number(next));
      expect(reached).toEqual(reached.toSorted((a, b) => a - b));
      expect(again[0]?.messages.length).toBeGreaterThan(0);
    } finally {
      ended.abort();
      await reading;
      await producer.disconnect();
    }
  });
});
