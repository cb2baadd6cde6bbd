import { join } from 'node:path';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
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
  /** After everything that uses them has ended. */
  close: () => Promise<void>;
}>;

/** Adapters by role and scheme; each is imported only when it is chosen. */
const SCHEMES = {
  EVENT_STORE_URL: ['sqlite'],
  MESSAGING_URL: ['embedded'],
  READ_MODELS_URL: ['sqlite'],
} as const;

/** @throws ConfigurationFault for a scheme that no adapter has; StorageError when the file cannot be used. */
export const openStorage = async (
  { dataDir, eventStoreUrl, messagingUrl, readModelsUrl }: StorageConfiguration,
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
  const [{ openSqlite }, { SqliteEventStore }, { SqliteReadModels }, { EmbeddedBus }] = await Promise.all([
    import('#libs/sqlite/database'),
    import('#libs/event-sourcing/sqlite/sqlite-event-store'),
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
