import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { ALONE } from '#libs/leases/leases';
import { EmbeddedBus } from '#libs/messaging/embedded/embedded-bus';
import { type Projection } from '#libs/read-models/projection';
import { SqliteReadModels } from '#libs/read-models/sqlite/sqlite-read-models';
import { openSqlite } from '#libs/sqlite/database';
import { sqliteLog } from './sqlite-log.ts';
import { type Storage } from './storage.ts';

/** Everything in one file that this process has to itself. */
export const openEmbedded = async (url: string, projections: readonly Projection[], upcasters: Upcasters): Promise<Storage> => {
  const database = openSqlite(url);
  try {
    const log = sqliteLog(database, upcasters);
    const readModels = new SqliteReadModels(database, log.store, projections);
    await readModels.start();
    return {
      ...log,
      readModels,
      bus: new EmbeddedBus(database, log.store),
      upkeep: readModels,
      leases: ALONE,
      close: async () => {
        await readModels.close();
        log.store.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
};
