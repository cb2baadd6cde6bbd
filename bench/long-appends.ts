import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type CommandId, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { openSqlite } from '#libs/sqlite/database';
import { type Instant } from '#libs/time/time';
import { type Bench, percentile, ratioOf } from './goal.ts';
import { dataWith, LONG_LOG, logIn, SHORT_LOG } from './long-log.ts';

const WARM_UP = 200;
const APPENDS = 500;

/** P4: what an append takes does not grow with the log. */
export const longAppends: Bench = {
  goals: ['P4'],
  run: async ({ rounds, folder, say }) => {
    const long = await opened(await dataWith(LONG_LOG, folder));
    const short = await opened(await dataWith(SHORT_LOG, folder));
    const medians: (readonly [number, number])[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const samples: Record<'long' | 'short', number[]> = { long: [], short: [] };
      // By turns append by append: the disk's moods last longer than one.
      for (let n = 0; n < APPENDS; n += 1) {
        samples.long.push(await append(long));
        samples.short.push(await append(short));
      }
      const [ours, theirs] = [percentile(samples.long, 0.5), percentile(samples.short, 0.5)];
      say(`  ${ours.toFixed(3)} ms against ${theirs.toFixed(3)} ms`);
      medians.push([ours, theirs]);
    }
    long.close();
    short.close();
    const [[ours, theirs] = [0, 0]] = medians;
    return [
      {
        goal: 'P4',
        what: `median append of one event to a new stream, one by one, ${String(LONG_LOG)} events stored`,
        against: `the same with ${String(SHORT_LOG)} stored`,
        ratio: ratioOf(medians.map(([long, short]) => long / short)),
        bound: { atMost: 1.15 },
        seen: `${ours.toFixed(3)} ms against ${theirs.toFixed(3)} ms`,
      },
    ];
  },
};

/** Both logs in the system's cache, as that of a platform that has been running. */
const opened = async (dataDir: string): Promise<SqliteEventStore> => {
  const file = logIn(dataDir);
  for await (const _ of createReadStream(file, { highWaterMark: 2 ** 22 }));
  const store = new SqliteEventStore(openSqlite(`sqlite:${file}`));
  for (let n = 0; n < WARM_UP; n += 1) await append(store);
  return store;
};

/** How many milliseconds it took. */
const append = async (store: SqliteEventStore): Promise<number> => {
  const id = randomUUID();
  const metadata = {
    commandId: id as CommandId,
    bodyHash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    principal: { id },
    tenant: null,
    time: '2025-01-15T12:00:00.000Z' as Instant,
  };
  const event = { type: 'CustomerRegistered', data: { customerId: id, name: 'A customer', currency: 'USD' } };
  const before = performance.now();
  await store.append(`bench.customer-${id}` as StreamName, [event], NO_STREAM, metadata);
  return performance.now() - before;
};
