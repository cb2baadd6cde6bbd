import { isAbsolute, join, relative } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Category, type Position, type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { type SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Bus } from '#libs/messaging/bus';
import { type Projection } from '#libs/read-models/projection';
import { type ReadModels } from '#libs/read-models/read-model';
import { type ReadModelUpkeep } from '#libs/read-models/upkeep';
import { ConfigurationFault, type StorageConfiguration } from './configuration.ts';

/** The adapters of a process, opened together because the embedded ones share one file. */
export type Storage = Readonly<{
  store: EventStore;
  readModels: ReadModels;
  bus: Bus;
  upkeep: ReadModelUpkeep;
  /** Up to `limit` events of the whole log after `position` (exclusive), as they were written. */
  stored: (position: Position, limit: number) => readonly StoredEvent[];
  /** Copies all that is kept here, as of one moment, into a new file, while everything goes on. Progress is told in pages. */
  copyTo: (file: string, options: CopyOptions) => Promise<Copied>;
  /** After everything that uses them has ended. */
  close: () => Promise<void>;
}>;

type CopyOptions = Readonly<{ signal: AbortSignal; progress: (done: number, total: number) => void }>;

/** A copy of the log; whoever made it closes it. */
type Copied = Readonly<{
  logId: string;
  position: Position;
  /** In store order. */
  events: (categories: readonly Category[]) => AsyncIterable<Recorded>;
  close: () => void;
}>;

/** Adapters by role and scheme; each is imported only when it is chosen. */
const SCHEMES = {
  EVENT_STORE_URL: ['sqlite'],
  MESSAGING_URL: ['embedded'],
  READ_MODELS_URL: ['sqlite'],
} as const;

/** @throws ConfigurationFault for a scheme that no adapter has; StorageError when the file cannot be used. */
export const openStorage = async (
  { dataDir, eventStoreUrl, messagingUrl, readModelsUrl }: Omit<StorageConfiguration, 'backupFolder'>,
  projections: readonly Projection[],
  upcasters: Upcasters = {},
): Promise<Storage> => {
  const faults = [
    ...unknownScheme('EVENT_STORE_URL', eventStoreUrl),
    ...unknownScheme('MESSAGING_URL', messagingUrl),
    ...unknownScheme('READ_MODELS_URL', readModelsUrl),
    ...(readModelsUrl === eventStoreUrl
      ? []
      : ['READ_MODELS_URL: must be the same file as EVENT_STORE_URL: they commit together']),
  ];
  if (faults.length > 0) throw new ConfigurationFault(faults);
  return openEmbedded(located(eventStoreUrl, dataDir), projections, upcasters);
};

const openEmbedded = async (url: string, projections: readonly Projection[], upcasters: Upcasters): Promise<Storage> => {
  const [{ openSqlite }, { copyDatabase }, { SqliteEventStore }, { storedEvents }, { SqliteReadModels }, { EmbeddedBus }] =
    await Promise.all([
      import('#libs/sqlite/database'),
      import('#libs/sqlite/backup'),
      import('#libs/event-sourcing/sqlite/sqlite-event-store'),
      import('#libs/event-sourcing/sqlite/stored-events'),
      import('#libs/read-models/sqlite/sqlite-read-models'),
      import('#libs/messaging/embedded/embedded-bus'),
    ]);
  const database = openSqlite(url);
  try {
    const store = new SqliteEventStore(database, { upcasters });
    const readModels = new SqliteReadModels(database, store, projections);
    await readModels.start();
    return {
      store,
      readModels,
      bus: new EmbeddedBus(database, store),
      upkeep: readModels,
      stored: (position, limit) => storedEvents(database, position, limit),
      copyTo: async (file, options) => {
        await copyDatabase(database, file, options);
        const copy = new SqliteEventStore(openSqlite(`sqlite:${file}`, { lock: false }), { upcasters });
        return { logId: copy.logId, position: await copy.head(), events: eventsOf(copy), close: () => copy.close() };
      },
      close: async () => {
        await readModels.close();
        store.close();
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
};

const PAGE = 500;

const eventsOf = (log: Readonly<{ eventsAfter: SqliteEventStore['eventsAfter'] }>): Copied['events'] =>
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

/** Path of the log's file below the data directory; undefined when it lies elsewhere, or in memory. */
export const logFileIn = ({
  dataDir,
  eventStoreUrl,
}: Pick<StorageConfiguration, 'dataDir' | 'eventStoreUrl'>): string | undefined => {
  if (!eventStoreUrl.startsWith('sqlite:') || eventStoreUrl === 'sqlite::memory:') return undefined;
  const file = relative(dataDir, located(eventStoreUrl, dataDir).slice('sqlite:'.length));
  return file === '' || file.startsWith('..') || isAbsolute(file) ? undefined : file;
};

/** Keeps every process out of the data until the result is called. @throws StorageError `locked` when one holds it */
export const lockData = async (dataDir: string, logFile: string): Promise<() => void> => {
  const { lockDatabase } = await import('#libs/sqlite/database');
  return lockDatabase(join(dataDir, logFile));
};

/** A relative file lies in the data directory. */
const located = (url: string, dataDir: string): string => {
  const file = url.slice('sqlite:'.length);
  return file === ':memory:' || file.startsWith('/') ? url : `sqlite:${join(dataDir, file)}`;
};

const unknownScheme = (variable: keyof typeof SCHEMES, url: string): readonly string[] => {
  const scheme = url.slice(0, url.indexOf(':'));
  const known: readonly string[] = SCHEMES[variable];
  return known.includes(scheme)
    ? []
    : [`${variable}: there is no adapter for "${scheme}:"; known: ${known.map((name) => `${name}:`).join(', ')}`];
};
