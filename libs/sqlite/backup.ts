import { backup, DatabaseSync } from 'node:sqlite';
import { type Database } from './database.ts';
import { storageErrorOf } from './storage-error.ts';

/** Pages copied between two looks at the signal: a mebibyte. */
const PAGES_A_STEP = 256;

export type CopyOptions = Readonly<{ signal: AbortSignal; progress: (done: number, total: number) => void }>;

/**
 * Copies the database as of this moment into a new file while it is being written. A reader of its own holds the moment, so writers
 * neither wait for the copy nor make it begin anew; the WAL grows by what they write meanwhile. A database in memory is copied at once.
 * `progress` is told in pages. @throws StorageError for the target; the signal's reason
 */
export const copyDatabase = async (database: Database, target: string, { signal, progress }: CopyOptions): Promise<void> => {
  signal.throwIfAborted();
  const [main] = database.prepare<{ file: string }>('PRAGMA database_list').all();
  if (!main || main.file === '') {
    database.prepare('VACUUM INTO ?').run(target);
    return;
  }
  const reader = new DatabaseSync(main.file, { readOnly: true });
  try {
    reader.exec('BEGIN');
    // The moment is that of the first read.
    reader.prepare('SELECT count(*) FROM sqlite_schema').get();
    await backup(reader, target, {
      rate: PAGES_A_STEP,
      progress: ({ totalPages, remainingPages }) => {
        signal.throwIfAborted();
        progress(totalPages - remainingPages, totalPages);
      },
    });
  } catch (error) {
    throw storageErrorOf(error, target);
  } finally {
    reader.close();
  }
};
