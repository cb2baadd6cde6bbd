import { type DomainEvent, type StreamName } from '#libs/event-sourcing/event';
import { metadataOf } from '#libs/event-sourcing/command';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { openSqlite } from '#libs/sqlite/database';
import { type Projection } from '../projection.ts';
import { upkeepContract, type UpkeepSubject } from '../upkeep.contract.ts';
import { SqliteReadModels } from './sqlite-read-models.ts';

const metadata = metadataOf(aCommand());

upkeepContract(async (first) => {
  const database = openSqlite('sqlite::memory:');
  const store = new SqliteEventStore(database);
  let queue = Promise.resolve();
  const append = (stream: string, ...events: readonly DomainEvent[]): Promise<void> => {
    queue = queue.then(async () => {
      const { revision } = await store.read(stream as StreamName);
      await store.append(stream as StreamName, events, revision, metadata);
    });
    return queue;
  };
  const started = async (projections: readonly Projection[]): Promise<UpkeepSubject> => {
    const readModels = new SqliteReadModels(database, store, projections);
    await readModels.start();
    return {
      readModels,
      append,
      bytes: async (name) => {
        await readModels.status();
        return readModels.documents(name).bytes();
      },
      restarted: async (others) => {
        await readModels.close();
        return started(others);
      },
      close: async () => {
        await readModels.close();
        store.close();
      },
    };
  };
  return started(first);
});
