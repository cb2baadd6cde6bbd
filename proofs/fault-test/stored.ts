import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DomainEvent, type Metadata } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { storedEvents } from '#libs/event-sourcing/sqlite/stored-events';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { distinctProjections } from '#libs/platform/bootstrap';
import { MongoConnection } from '#libs/read-models/mongo/connection';
import { collectionName, ControlRecord, keyOf } from '#libs/read-models/mongo/control';
import { MongoDocuments } from '#libs/read-models/mongo/mongo-documents';
import { SqliteReadModels } from '#libs/read-models/sqlite/sqlite-read-models';
import { openSqlite } from '#libs/sqlite/database';
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

/** An event that waits in quarantine says where it stands in its log, which is another one when it is told again. */
const textOf = (documents: readonly string[]): string => documents.join('\n').replaceAll(/"position":\d+/g, '"position":0');

/** Every document of every read model that serves, by service and read model, as its bytes stand in the store. */
export const documentsIn = async (url: string): Promise<Texts> => {
  const connection = new MongoConnection(url);
  const texts = new Map<string, string>();
  try {
    await connection.connected();
    for (const service of SERVICES) {
      const control = await new ControlRecord(connection, service.name).read();
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

/** What the same read models come to when these logs are told from the beginning, by the embedded read models. */
export const replayed = async (logs: readonly ServiceLog[]): Promise<Texts> => {
  const database = openSqlite('sqlite::memory:');
  const store = new SqliteEventStore(database);
  const readModels = new SqliteReadModels(database, store, distinctProjections(SERVICES));
  try {
    await readModels.start();
    for (const { events } of logs) {
      const told = events.map(({ stream, revision, type, data, metadata }) => {
        const event: DomainEvent = { type, data: JSON.parse(data) as unknown };
        return store.append(stream, [event], revision - 1, JSON.parse(metadata) as Metadata);
      });
      await Promise.all(told);
      await nextTurn();
    }
    const texts = new Map<string, string>();
    for (const service of SERVICES)
      for (const { name } of distinctProjections([service]))
        texts.set(`${service.name} ${name}`, textOf(readModels.documents(name).bytes()));
    return texts;
  } finally {
    await readModels.close();
    store.close();
    database.close();
  }
};
