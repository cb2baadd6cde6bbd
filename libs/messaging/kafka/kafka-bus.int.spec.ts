import { expect } from '@jest/globals';
import { aborted } from '../attempt.ts';
import { busContract, type BusSubject, DELAYS, HANDLER_TIMEOUT } from '../bus.contract.ts';
import { brokerUrl, TestService } from './testing/service.ts';
import { makeTopics } from './topics.ts';

/** One partition: with several, only the order of each stream is kept. */
const opened = async (): Promise<BusSubject> => {
  const service = new TestService();
  await makeTopics(brokerUrl(), [service.topic], { partitions: 1 });
  const waited: number[] = [];
  let held = false;
  const session = async () => {
    const ending = new AbortController();
    const kafka = await service.open('a', {
      delays: DELAYS,
      handlerTimeout: HANDLER_TIMEOUT,
      sleep: async (milliseconds, signal) => {
        waited.push(milliseconds);
        if (held) await aborted(signal);
      },
    });
    const relaying = kafka.relay.run(ending.signal);
    return {
      kafka,
      close: async () => {
        ending.abort();
        await relaying;
        await kafka.close();
      },
    };
  };
  let now = await session();
  return {
    bus: () => now.kafka.bus,
    append: (stream, ...events) => service.append(stream, ...events),
    waited: () => waited,
    restart: async () => {
      await now.close();
      now = await session();
    },
    close: async () => {
      await now.close();
      service.close();
    },
    hold: () => {
      held = true;
    },
    counted: () => expect.any(Number),
    underWay: 3_000,
  };
};

busContract(opened);
