import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { openSqlite } from '#libs/sqlite/database';
import { alternately, type Bench } from './goal.ts';
import { resultOf } from './process.ts';
import { writeEvents } from './stored-log.ts';

const EVENTS = 1_000_000;
const ROWS = 100_000;
const PROCESS = 'dist/bench/rebuild-process.js';

type Side = Readonly<{ rows: number; cpuMilliseconds: number; milliseconds: number }>;

/** P5: the CPU of reading the whole log as SQLite gives it, as a share of that of building a list from it. */
export const rebuild: Bench = {
  goals: ['P5'],
  run: async ({ rounds, folder, say }) => {
    const log = join(folder, 'log.sqlite');
    const database = openSqlite(`sqlite:${log}`);
    new SqliteEventStore(database).close();
    writeEvents(log, { events: EVENTS, streams: ROWS, category: 'bench.customer', interleaved: true });
    const side = async (name: 'raw' | 'rebuild', rows: number): Promise<number> => {
      const copy = join(folder, 'copy.sqlite');
      await copyFile(log, copy);
      const seen = await resultOf<Side>(PROCESS, name, copy);
      for (const end of ['', '-wal', '-shm', '.lock']) await rm(`${copy}${end}`, { force: true });
      if (seen.rows !== rows) throw new Error(`${name} ended with ${String(seen.rows)} rows instead of ${String(rows)}.`);
      say(`  ${name}: ${seen.cpuMilliseconds.toFixed(0)} ms of CPU in ${seen.milliseconds.toFixed(0)} ms`);
      return EVENTS / (seen.cpuMilliseconds / 1000);
    };
    const { ratio, ours, theirs } = await alternately(
      rounds,
      () => side('rebuild', ROWS),
      () => side('raw', EVENTS),
    );
    return [
      {
        goal: 'P5',
        what: 'a list of 100,000 rows with two indexes and its paths, rebuilt from 1M events, events per second of CPU',
        against: 'reading all rows of the log in batches as objects, nothing parsed',
        ratio,
        bound: { atLeast: 0.35 },
        seen: `${(ours[0] ?? 0).toFixed(0)} against ${(theirs[0] ?? 0).toFixed(0)} events per second of CPU`,
      },
    ];
  },
};
