import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Category } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { type Storage } from './storage.ts';

type Log = Pick<Storage, 'store' | 'stored' | 'copyTo'> & Readonly<{ close: () => void | Promise<void> }>;

/**
 * A log that several processes share: a file on this host, or EventStoreDB. `stored` gives the events of `categories`, where the log is
 * others', too. Whoever opens it closes it. @throws StorageError for a file that cannot be used
 */
export const openLog = async (url: string, categories: readonly Category[], upcasters: Upcasters): Promise<Log> => {
  if (url.startsWith('sqlite:')) {
    const [{ openSqlite }, { sqliteLog }] = await Promise.all([import('#libs/sqlite/database'), import('./sqlite-log.ts')]);
    const database = openSqlite(url, { shared: true });
    const log = sqliteLog(database, upcasters);
    return {
      ...log,
      close: () => {
        log.store.close();
      },
    };
  }
  const { EventStoreDb } = await import('#libs/event-sourcing/eventstoredb/event-store-db');
  const store = await EventStoreDb.open(url, { upcasters });
  return {
    store,
    stored: (position, limit) => storedIn(store, categories, position, limit),
    copyTo: () =>
      Promise.reject(
        new DomainError('rejected', 'log-elsewhere', 'The log is kept by EventStoreDB: back it up with the tools of its server.'),
      ),
    close: () => store.close(),
  };
};

/** Up to `limit` events after `position`, as the store gives them to anybody. */
const storedIn = async (
  store: EventStore,
  categories: readonly Category[],
  position: number,
  limit: number,
): Promise<readonly StoredEvent[]> => {
  const events: StoredEvent[] = [];
  const enough = new AbortController();
  for await (const event of store.subscribe(categories, position === 0 ? 'start' : position, enough.signal)) {
    if (event === 'caught-up') break;
    const { data, metadata, ...rest } = event;
    events.push({ ...rest, data: JSON.stringify(data), metadata: JSON.stringify(metadata) });
    if (events.length === limit) break;
  }
  enough.abort();
  return events;
};
