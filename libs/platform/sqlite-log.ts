import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Position } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { storedEvents } from '#libs/event-sourcing/sqlite/stored-events';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { copyDatabase } from '#libs/sqlite/backup';
import { type Database, openSqlite } from '#libs/sqlite/database';
import { type Storage } from './storage.ts';

type SqliteLog = Pick<Storage, 'stored' | 'copyTo'> & Readonly<{ store: SqliteEventStore }>;

/** What a log in a SQLite file can do, whoever reads it further. */
export const sqliteLog = (database: Database, upcasters: Upcasters): SqliteLog => ({
  store: new SqliteEventStore(database, { upcasters }),
  stored: (position, limit) => Promise.resolve(storedEvents(database, position, limit)),
  copyTo: async (file, options) => {
    await copyDatabase(database, file, options);
    const copy = new SqliteEventStore(openSqlite(`sqlite:${file}`, { lock: false }), { upcasters });
    return { logId: copy.logId, position: await copy.head(), events: eventsOf(copy), close: () => copy.close() };
  },
});

const PAGE = 500;

const eventsOf = (log: SqliteEventStore): Awaited<ReturnType<Storage['copyTo']>>['events'] =>
  async function* (categories) {
    for (let position: Position = 0; ;) {
      const events = log.eventsAfter(position, categories, PAGE);
      yield* events;
      const last = events.at(-1);
      if (!last || events.length < PAGE) return;
      position = last.position;
      await nextTurn();
    }
  };
