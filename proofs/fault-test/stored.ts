import { join } from 'node:path';
import { type Metadata, type Recorded } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { storedEvents } from '#libs/event-sourcing/sqlite/stored-events';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { distinctProjections } from '#libs/platform/bootstrap';
import { project } from '#libs/read-models/fold';
import { MongoConnection } from '#libs/read-models/mongo/connection';
import { collectionName, ControlRecord, keyOf } from '#libs/read-models/mongo/control';
import { MongoDocuments } from '#libs/read-models/mongo/mongo-documents';
import { openSqlite } from '#libs/sqlite/database';
import { systemClock } from '#libs/time/time';
import { SERVICES } from '#services/standalone/src/services';
import { type Texts } from './comparison.ts';
import { type ServiceLog } from './log.ts';

const PAGE = 1_000;

const opened = (dataDir: string, service: string) =>
  openSqlite(`sqlite:${join(dataDir, 'logs', `${service}.db`)}`, { shared: true });

/** Writes into the log of a running service as one more process of it. */
export const writingTo = async <T>(
  dataDir: string,
  service: string,
  write: (store: SqliteEventStore) => Promise<T>,
): Promise<T> => {
  const database = opened(dataDir, service);
  try {
    return await write(new SqliteEventStore(database));
  } finally {
    database.close();
  }
};

/** All logs, as they are now. */
export const logsIn = (dataDir: string): readonly ServiceLog[] =>
  SERVICES.map(({ name }) => {
    const database = opened(dataDir, name);
    try {
      const events: StoredEvent[] = [];
      for (
        let page = storedEvents(database, 0, PAGE);
        page.length > 0;
        page = storedEvents(database, events.at(-1)?.position ?? 0, PAGE)
      )
        events.push(...page);
      return { service: name, logId: database.logId, events };
    } finally {
      database.close();
    }
  });

const textOf = (documents: readonly string[]): string => documents.toSorted().join('\n');

/** Every document of every read model that serves, by service and read model, as its bytes stand in the store. */
export const documentsIn = async (url: string): Promise<Texts> => {
  const connection = new MongoConnection(url);
  const texts = new Map<string, string>();
  try {
    await connection.connected();
    for (const service of SERVICES) {
      const control = await new ControlRecord(connection, service.name, systemClock).read();
      for (const projection of distinctProjections([service])) {
        const key = keyOf(projection);
        const serving = control?.models[key]?.serving;
        if (!control || serving === undefined) continue;
        const collection = collectionName(service.name, control, key, serving);
        const documents = new MongoDocuments(connection, collection, projection, 'fault-test');
        texts.set(`${service.name} ${projection.name}`, textOf(await documents.bytes()));
      }
    }
    return texts;
  } finally {
    await connection.close();
  }
};

/** An event as its readers are told of it: the hash of its command's body stays in the log. */
const told = ({ type, data, stream, revision, position, eventId, metadata }: StoredEvent): Recorded => ({
  type,
  data: JSON.parse(data) as unknown,
  stream,
  revision,
  position,
  eventId,
  metadata: { ...(JSON.parse(metadata) as Metadata), bodyHash: '' },
});

/** What the same read models come to when these logs are folded from the beginning. */
export const replayed = (logs: readonly ServiceLog[]): Texts => {
  const events = logs.flatMap((log) => log.events.map(told));
  const texts = new Map<string, string>();
  for (const service of SERVICES)
    for (const projection of distinctProjections([service])) {
      const { documents } = project(projection, events, { documents: new Map(), heads: new Map() });
      const bytes = documents.map(({ id, partsText, row }) => `${id}\t${partsText}\t${row ?? ''}`);
      texts.set(`${service.name} ${projection.name}`, textOf(bytes));
    }
  return texts;
};
