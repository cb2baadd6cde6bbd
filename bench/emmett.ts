import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const PEERS = 'bench/peers';
const DRIVER = `${PEERS}/node_modules/sqlite3/build/Release/node_sqlite3.node`;
const ENTRY = `${PEERS}/node_modules/@event-driven-io/emmett-sqlite/dist/index.js`;
const INSTALL_MS = 600_000;
/** Of why it cannot be installed: npm says so first, and a compiler whatever it likes after it. */
const MOST_LINES = 8;

/** As the table names it; the version is the one that `bench/peers` locks. */
export const EMMETT = 'emmett-sqlite 0.42';

type Connection = Readonly<{
  command: (sql: string, parameters?: readonly unknown[]) => Promise<unknown>;
  close: () => void;
}>;
type Store = Readonly<{
  schema: Readonly<{ migrate: () => Promise<void> }>;
  appendToStream: (stream: string, events: readonly unknown[]) => Promise<unknown>;
}>;

/** What is used of emmett-sqlite, which is not installed with the platform. */
type Emmett = Readonly<{
  sqliteConnection: (options: Readonly<{ fileName: string }>) => Connection;
  createEventStoreSchema: (connection: Connection) => Promise<void>;
  getSQLiteEventStore: (
    options: Readonly<{ fileName: string; connectionOptions?: Readonly<{ singleton: true; connection: Connection }> }>,
  ) => Store;
  readMessagesBatch: (
    connection: Connection,
    options: Readonly<{ after: bigint; batchSize: number }>,
  ) => Promise<Readonly<{ messages: readonly unknown[]; currentGlobalPosition: bigint }>>;
}>;

/** @throws where `emmettInstalled` said no */
export const emmett = async (): Promise<Emmett> => (await import(pathToFileURL(resolve(ENTRY)).href)) as Emmett;

/** The peer is no dependency of the platform: it is installed here, from its lock, when somebody compares. */
export const emmettInstalled = async (say: (text: string) => void): Promise<boolean> => {
  const isThere = (): Promise<boolean> =>
    access(DRIVER).then(
      () => true,
      () => false,
    );
  if (await isThere()) return true;
  try {
    await promisify(execFile)('npm', ['ci'], { cwd: PEERS, timeout: INSTALL_MS });
    if (await isThere()) return true;
    say('  peer not installable here: its SQLite driver was not built');
  } catch (error) {
    say(
      `  peer not installable here: ${error instanceof Error ? error.message.split('\n', MOST_LINES).join('\n  ') : String(error)}`,
    );
  }
  return false;
};

/**
 * The events of one of our logs, closed, in a new one of emmett's own schema, row for row as its append would have written them in a
 * transaction for each. Its table of streams stays empty: reads of the whole log need none.
 */
export const writeEmmettLog = async (file: string, ofLog: string): Promise<void> => {
  const { sqliteConnection, createEventStoreSchema } = await emmett();
  const connection = sqliteConnection({ fileName: file });
  await createEventStoreSchema(connection);
  for (const setting of ['journal_mode = OFF', 'synchronous = OFF', 'cache_size = -524288'])
    await connection.command(`PRAGMA ${setting}`);
  await connection.command('ATTACH ? AS ours', [ofLog]);
  await connection.command(
    `INSERT INTO emt_messages (stream_id, stream_position, partition, message_kind, message_data, message_metadata,
       message_schema_version, message_type, message_id, is_archived, global_position)
     SELECT stream, revision + 1, 'emt:default', 'E', data,
       json_patch(json_object('streamName', stream, 'messageId', event_id, 'streamPosition', '1'), metadata),
       revision, type, event_id, FALSE, position
     FROM ours.events ORDER BY position`,
  );
  connection.close();
};
