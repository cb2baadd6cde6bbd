import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createAdministrator, startPlatformProcess } from '../proofs/platform-process.ts';
import { writeEvents } from './stored-log.ts';

const EVENTS_A_STREAM = 10;
/** The one that most read models and reactions follow. */
const CATEGORY = 'tenants.tenant';

/** How long a long log is, as the table says; the goals name 10,000,000, which `BENCH_LONG_LOG` sets and which takes minutes to write. */
export const LONG_LOG = Number(process.env['BENCH_LONG_LOG'] ?? 1_000_000);
export const SHORT_LOG = 10_000;

const made = new Map<number, Promise<string>>();

/** Where the platform's log lies in its folder of data. */
export const logIn = (dataDir: string): string => join(dataDir, 'tributary.db');

/** A folder of data whose log holds so many events, all of them passed by every read model and reaction. Made once a run. */
export const dataWith = (events: number, folder: string): Promise<string> => {
  let data = made.get(events);
  if (!data) {
    data = make(events, folder);
    made.set(events, data);
  }
  return data;
};

const make = async (events: number, folder: string): Promise<string> => {
  const dataDir = await mkdtemp(join(folder, 'data-'));
  await createAdministrator(dataDir);
  await (await startPlatformProcess(dataDir)).stop();
  const file = logIn(dataDir);
  if (events > 0) writeEvents(file, { events, streams: events / EVENTS_A_STREAM, category: CATEGORY, interleaved: false });
  passAll(file);
  return dataDir;
};

/** As after all of it has been folded and reacted to: no start has anything left to catch up with. */
export const passAll = (file: string): void => {
  const database = new DatabaseSync(file);
  database.exec(`UPDATE generations SET position = (SELECT max(position) FROM events);
    UPDATE consumers SET position = (SELECT max(position) FROM events)`);
  database.close();
};
