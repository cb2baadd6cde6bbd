import { join } from 'node:path';
import { resultOf } from '../process.ts';
import { type EngineBench } from './engines.ts';
import { bothClocks, inTurn, type Rates, ratesOf, type Round } from './rates.ts';
import { type Steady } from './steady.ts';
import { writeTenantLog } from './tenant-log.ts';
import { forgetService, newService } from './topic.ts';

const EVENTS = 100_000;
const TENANTS = 10_000;
const PUBLISHING = 'dist/bench/engines/publishing-process.js';
const READING = 'dist/bench/engines/reading-process.js';

/**
 * P15: what the relay publishes and what the bus hands over, each beside a bare kafkajs loop that moves the same messages, headers
 * included. Every round has a topic of its own, and the order of what the relay has published is checked in each.
 */
export const publishing: EngineBench = {
  goals: ['P15'],
  run: async ({ rounds, folder, say, messagingUrl }) => {
    const log = join(folder, 'log.db');
    writeTenantLog(log, { events: EVENTS, tenants: TENANTS });
    const told = (name: string, seen: Steady): Rates => {
      const rates = ratesOf(seen);
      say(`  ${name}: ${rates.wall.toFixed(0)} events/s, ${rates.cpu.toFixed(0)} per second of CPU`);
      return rates;
    };
    const written: Round[] = [];
    const read: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const [own, bare] = [await newService(messagingUrl), await newService(messagingUrl)];
      const publish = async (side: 'relay' | 'bare'): Promise<Rates> =>
        told(side, await resultOf(PUBLISHING, side, messagingUrl, log, side === 'relay' ? own.name : bare.name));
      const take = async (side: 'bus' | 'bare'): Promise<Rates> =>
        told(`reading, ${side}`, await resultOf(READING, side, messagingUrl, own.name, String(EVENTS), folder));
      written.push(
        await inTurn(
          round,
          () => publish('relay'),
          () => publish('bare'),
        ),
      );
      await resultOf(READING, 'order', messagingUrl, own.name, String(EVENTS), folder);
      read.push(
        await inTurn(
          round,
          () => take('bus'),
          () => take('bare'),
        ),
      );
      await Promise.all([own, bare].map((service) => forgetService(messagingUrl, service)));
    }
    return [
      ...bothClocks(written, {
        goal: 'P15',
        what: 'events read from the log, encoded and published in transactions, the order of each stream checked',
        against: 'a kafkajs producer that sends the same messages from memory in batches of 4,000 without transactions',
        atLeast: 0.8,
      }),
      ...bothClocks(read, {
        goal: 'P15 reading',
        what: 'published events fetched, decoded and handed to a feed that does nothing',
        against: 'an eachBatch loop of kafkajs that does nothing with what it fetches',
        atLeast: 0.5,
      }),
    ];
  },
};
