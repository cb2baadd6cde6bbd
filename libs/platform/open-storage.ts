import { isAbsolute, join, relative } from 'node:path';
import { type Logger } from 'pino';
import { type Category } from '#libs/event-sourcing/event';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { type Projection } from '#libs/read-models/projection';
import { ConfigurationFault, type StorageConfiguration } from './configuration.ts';
import { type Storage } from './storage.ts';

/** What a process runs, as far as its storage must know. */
export type Surroundings = Readonly<{
  services: readonly Readonly<{ name: string; secrets?: readonly Category[] }>[];
  projections: readonly Projection[];
  upcasters?: Upcasters;
  log: Logger;
}>;

type Urls = Omit<StorageConfiguration, 'backupFolder'>;

/** Adapters by role and scheme; each is imported only when it is chosen. */
const SCHEMES = {
  EVENT_STORE_URL: ['sqlite', 'esdb', 'esdb+discover'],
  MESSAGING_URL: ['embedded', 'kafka'],
  READ_MODELS_URL: ['sqlite', 'mongodb', 'mongodb+srv'],
} as const;

/** @throws ConfigurationFault for URLs that no adapter has, or that do not go together; StorageError for a file that cannot be used. */
export const openStorage = async (urls: Urls, { services, projections, upcasters = {}, log }: Surroundings): Promise<Storage> => {
  const faults = faultsOf(urls, services.length);
  if (faults.length > 0) throw new ConfigurationFault(faults);
  const eventStoreUrl = located(urls.eventStoreUrl, urls.dataDir);
  const [service] = services;
  if (!isShared(urls) || !service) {
    const { openEmbedded } = await import('./embedded-storage.ts');
    return openEmbedded(eventStoreUrl, projections, upcasters);
  }
  const { openDistributed } = await import('./distributed-storage.ts');
  return openDistributed({ ...urls, eventStoreUrl }, { service, projections, upcasters, log });
};

/** Do several processes work on the same data? */
export const isShared = ({ messagingUrl }: Pick<StorageConfiguration, 'messagingUrl'>): boolean =>
  schemeOf(messagingUrl) === 'kafka';

const faultsOf = (urls: Urls, services: number): readonly string[] => {
  const unknown = [
    ...unknownScheme('EVENT_STORE_URL', urls.eventStoreUrl),
    ...unknownScheme('MESSAGING_URL', urls.messagingUrl),
    ...unknownScheme('READ_MODELS_URL', urls.readModelsUrl),
  ];
  if (unknown.length > 0) return unknown;
  if (!isShared(urls))
    return [
      ...(schemeOf(urls.eventStoreUrl) === 'sqlite'
        ? []
        : ['EVENT_STORE_URL: with MESSAGING_URL embedded: the log is a file of this process: sqlite:']),
      ...(urls.readModelsUrl === urls.eventStoreUrl
        ? []
        : ['READ_MODELS_URL: must be the same file as EVENT_STORE_URL: with MESSAGING_URL embedded: they commit together']),
    ];
  return [
    ...(services === 1 ? [] : ['MESSAGING_URL: with kafka: each service is a process of its own']),
    ...(schemeOf(urls.readModelsUrl) === 'sqlite'
      ? ['READ_MODELS_URL: with MESSAGING_URL kafka: read models are where all instances see them: mongodb:']
      : []),
    ...(urls.eventStoreUrl === 'sqlite::memory:' ? ['EVENT_STORE_URL: memory is not shared by processes: name a file'] : []),
  ];
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
export const located = (url: string, dataDir: string): string => {
  if (!url.startsWith('sqlite:')) return url;
  const file = url.slice('sqlite:'.length);
  return file === ':memory:' || file.startsWith('/') ? url : `sqlite:${join(dataDir, file)}`;
};

const schemeOf = (url: string): string => url.slice(0, url.indexOf(':'));

const unknownScheme = (variable: keyof typeof SCHEMES, url: string): readonly string[] => {
  const scheme = schemeOf(url);
  const known: readonly string[] = SCHEMES[variable];
  return known.includes(scheme)
    ? []
    : [`${variable}: there is no adapter for "${scheme}:"; known: ${known.map((name) => `${name}:`).join(', ')}`];
};
