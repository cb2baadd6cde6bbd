import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { openSqlite } from '#libs/sqlite/database';
import { type Projection } from '../projection.ts';
import { SqliteReadModels } from '../sqlite/sqlite-read-models.ts';

export type InMemory = Readonly<{ store: SqliteEventStore; readModels: SqliteReadModels; close: () => Promise<void> }>;

/** An empty log and the read models that follow it, in memory. */
export const openInMemory = async (...projections: readonly Projection[]): Promise<InMemory> => {
  const database = openSqlite('sqlite::memory:');
  const store = new SqliteEventStore(database);
  const readModels = new SqliteReadModels(database, store, projections);
  await readModels.start();
  const close = async (): Promise<void> => {
    await readModels.close();
    store.close();
  };
  return { store, readModels, close };
};
