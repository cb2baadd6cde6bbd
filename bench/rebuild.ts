import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { openSqlite } from '#libs/sqlite/database';
import { EMMETT, emmettInstalled, writeEmmettLog } from './emmett.ts';
import { alternately, type Bench, type Measured } from './goal.ts';
import { resultOf } from './process.ts';
import { writeEvents } from './stored-log.ts';

const EVENTS = 1_000_000;
const ROWS = 100_000;
const PROCESS = 'dist/bench/rebuild-process.js';

type Side = Readonly<{ rows: number; cpuMilliseconds: number; milliseconds: number }>;

/** P5: how fast a list is built from a whole log, beside reading it as SQLite gives it, and as the peer's batches give it. */
export const rebuild: Bench = {
  goals: ['P5'],
  run: async ({ rounds, folder, say }) => {
    const log = join(folder, 'log.sqlite');
    const database = openSqlite(`sqlite:${log}`);
    new SqliteEventStore(database).close();
    writeEvents(log, { events: EVENTS, streams: ROWS, category: 'bench.customer', interleaved: true });
    const side = async (name: 'raw' | 'rebuild' | 'emmett', ofLog: string, rows: number): Promise<number> => {
      const copy = join(folder, 'copy.sqlite');
      await copyFile(ofLog, copy);
      const seen = await resultOf<Side>(PROCESS, name, copy);
      for (const end of ['', '-wal', '-shm', '.lock']) await rm(`${copy}${end}`, { force: true });
      if (seen.rows !== rows) throw new Error(`${name} ended with ${String(seen.rows)} rows instead of ${String(rows)}.`);
      say(`  ${name}: ${seen.cpuMilliseconds.toFixed(0)} ms of CPU in ${seen.milliseconds.toFixed(0)} ms`);
      return EVENTS / (seen.cpuMilliseconds / 1000);
    };
    const compared = async (
      { goal, against, atLeast }: Readonly<{ goal: string; against: string; atLeast: number }>,
      theirs: () => Promise<number>,
    ): Promise<Measured> => {
      const seen = await alternately(rounds, () => side('rebuild', log, ROWS), theirs);
      return {
        goal,
        what: 'a list of 100,000 rows with two indexes and its paths, rebuilt from 1M events, events per second of CPU',
        against,
        ratio: seen.ratio,
        bound: { atLeast },
        seen: `${(seen.ours[0] ?? 0).toFixed(0)} against ${(seen.theirs[0] ?? 0).toFixed(0)} events per second of CPU`,
      };
    };
    const raw = { goal: 'P5', against: 'reading all rows of the log in batches as objects, nothing parsed', atLeast: 0.35 };
    const rows = [await compared(raw, () => side('raw', log, EVENTS))];
    if (await emmettInstalled(say)) {
      const emmettLog = join(folder, 'emmett.sqlite');
      await writeEmmettLog(emmettLog, log);
      const against = `${EMMETT}, readMessagesBatch of the same events by 100, its default; rows written straight into its tables, nothing built`;
      rows.push(await compared({ goal: 'P5 emmett', against, atLeast: 4 }, () => side('emmett', emmettLog, EVENTS)));
    }
    return rows;
  },
};
