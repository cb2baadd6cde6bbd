import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eraseReadModels } from '#libs/read-models/mongo/mongo-read-models';
import { type Measured, ratioOf } from '../goal.ts';
import { resultOf } from '../process.ts';
import { type EngineBench } from './engines.ts';
import { bothClocks, ratesOf, type Round } from './rates.ts';
import { type Replayed } from './seen.ts';
import { type Steady } from './steady.ts';
import { writeTenantLog } from './tenant-log.ts';
import { forgetService, newService } from './topic.ts';

/** The goal names 1,000,000 events of 100,000 rows, which `BENCH_LONG_LOG` sets and which takes minutes a round. */
const EVENTS = Number(process.env['BENCH_LONG_LOG'] ?? 200_000);
const TENANTS = EVENTS / 10;
const REPLAY = 'dist/bench/engines/replay-process.js';
const PUBLISHING = 'dist/bench/engines/publishing-process.js';
const READING = 'dist/bench/engines/reading-process.js';

/** P5 and P6 on MongoDB: a replay of the tenant tree, beside reading its topic; and commands while another one runs. */
export const replay: EngineBench = {
  goals: ['P5', 'P6'],
  run: async ({ rounds, folder, say, messagingUrl, readModelsUrl }) => {
    const written = join(folder, 'log.db');
    writeTenantLog(written, { events: EVENTS, tenants: TENANTS });
    const read: Round[] = [];
    const commands: Replayed[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const service = await newService(messagingUrl);
      const log = join(folder, `${service.name}.db`);
      await copyFile(written, log);
      await resultOf(PUBLISHING, 'relay', messagingUrl, log, service.name);
      // Nobody else reads the topic, so it does not matter to either who is first; but our side publishes more.
      const theirs = ratesOf(await resultOf<Steady>(READING, 'bare', messagingUrl, service.name, String(EVENTS), folder));
      const seen = await resultOf<Replayed>(REPLAY, messagingUrl, readModelsUrl, service.name, log, String(TENANTS));
      const ours = ratesOf(seen.replay);
      read.push({ ours, theirs });
      commands.push(seen);
      say(`  round ${String(round + 1)}: ${ours.wall.toFixed(0)} against ${theirs.wall.toFixed(0)} events/s; ${told(seen)}`);
      await forgetService(messagingUrl, service);
      await eraseReadModels(readModelsUrl, service.name);
    }
    const besides: Measured = {
      goal: 'P6',
      what: 'p99 of appends to the log, 100 a second, while the read model is rebuilt in the same process',
      against: 'the same without a rebuild',
      ratio: ratioOf(commands.map(({ alone, beside }) => beside.p99 / alone.p99)),
      bound: { atMost: 1.5 },
      seen: commands[0] ? told(commands[0]) : '',
    };
    return [
      ...bothClocks(read, {
        goal: 'P5',
        what: `a list of ${String(TENANTS)} rows rebuilt on MongoDB from ${String(EVENTS)} published events`,
        against: 'an eachBatch loop of kafkajs over the same topic, nothing decoded',
        atLeast: 0.35,
      }),
      besides,
    ];
  },
};

const told = ({ alone, beside, commands }: Replayed): string =>
  `p99 ${beside.p99.toFixed(1)} ms of ${String(commands)} appends against ${alone.p99.toFixed(1)} ms`;
