import { randomUUID } from 'node:crypto';
import { type CommandId, type DomainEvent, type Metadata, type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { openSqlite } from '#libs/sqlite/database';
import { type Instant } from '#libs/time/time';
import { readModelsContract } from '../read-models.contract.ts';
import { SqliteReadModels } from './sqlite-read-models.ts';

const metadata = (): Metadata => ({
  commandId: randomUUID() as CommandId,
  bodyHash: 'a'.repeat(64),
  principal: { id: 'operator' },
  tenant: null,
  time: '2025-01-15T12:00:00.000Z' as Instant,
});

readModelsContract(async (projections) => {
  const database = openSqlite('sqlite::memory:');
  const store = new SqliteEventStore(database);
  const readModels = new SqliteReadModels(database, store, projections);
  await readModels.start();
  const append = async (stream: string, ...events: readonly DomainEvent[]): Promise<void> => {
    const { revision } = await store.read(stream as StreamName);
    await store.append(stream as StreamName, events, revision, metadata());
  };
  const close = async (): Promise<void> => {
    await readModels.close();
    store.close();
  };
  return { readModels, append, documents: (of) => readModels.documents(of.name), close };
});
