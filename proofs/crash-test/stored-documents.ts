import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Whoever looks logs in first, which is told in the log; no read model knows of it. */
const LOGINS = ['access-control.loginAttempts', 'access-control.sessions'];

/** The documents of each read model that serves, as their bytes stand in the file; `head` is the log's last position but for logins. */
export type Stored = Readonly<{ head: number; documents: ReadonlyMap<string, string> }>;

type Generation = Readonly<{ generation: number; projection: string; version: number }>;

const opened = <T>(dataDir: string, look: (database: DatabaseSync) => T): T => {
  const database = new DatabaseSync(join(dataDir, 'tributary.db'));
  try {
    return look(database);
  } finally {
    database.close();
  }
};

/** Reads a folder that no process holds. */
export const storedDocuments = (dataDir: string): Stored =>
  opened(dataDir, (database) => {
    const { head } = database
      .prepare('SELECT max(position) AS head FROM events WHERE category NOT IN (?, ?)')
      .get(...LOGINS) as Readonly<{ head: number }>;
    const generations = database
      .prepare(`SELECT generation, projection, version FROM generations WHERE state = 'serving'`)
      .all() as unknown as readonly Generation[];
    const documents = new Map<string, string>();
    for (const { generation, projection, version } of generations) {
      const rows = database.prepare(`SELECT * FROM documents_${String(generation)} ORDER BY id`).all();
      // How often a document was written is not what it says.
      const text = rows.map(({ version: _writes, ...document }) => JSON.stringify(document)).join('\n');
      documents.set(`${projection}@${String(version)}`, text);
    }
    return { head, documents };
  });

/**
 * How many generations were being built when the process died, looked up in a copy: opening the file itself would recover it, which is
 * for the platform to do.
 */
export const buildingIn = async (dataDir: string, copy: string): Promise<number> => {
  await mkdir(copy, { recursive: true });
  for (const file of ['tributary.db', 'tributary.db-wal']) await copyFile(join(dataDir, file), join(copy, file));
  return opened(copy, (database) => {
    const { count } = database.prepare(`SELECT count(*) AS count FROM generations WHERE state = 'building'`).get() as Readonly<{
      count: number;
    }>;
    return count;
  });
};

/** Takes away all that can be built from the log. */
export const deleteReadModels = (dataDir: string): void => {
  opened(dataDir, (database) => {
    const tables = database
      .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'documents\\_%' ESCAPE '\\'`)
      .all();
    for (const { name } of tables) database.exec(`DROP TABLE ${String(name)}`);
    for (const table of ['generations', 'generation_heads', 'generation_alarms']) database.exec(`DELETE FROM ${table}`);
  });
};

/** Where two sets of documents differ; both must be of one log. */
export const differencesOf = (left: Stored, right: Stored): readonly string[] => {
  const names = [...new Set([...left.documents.keys(), ...right.documents.keys()])].sort();
  const different = names.filter((name) => left.documents.get(name) !== right.documents.get(name));
  const heads = left.head === right.head ? [] : [`one log ends at ${String(left.head)}, the other at ${String(right.head)}`];
  return [
    ...heads,
    ...different.map((name) => `${name}: ${firstDifference(left.documents.get(name), right.documents.get(name))}`),
  ];
};

const firstDifference = (left: string | undefined, right: string | undefined): string => {
  if (left === undefined || right === undefined) return 'is there once only';
  const [ours, others] = [left.split('\n'), right.split('\n')];
  const at = ours.findIndex((line, index) => line !== others[index]);
  // Where all of the one are there, the other has more.
  const [line, other] = at === -1 ? [undefined, others[ours.length]] : [ours[at], others[at]];
  return `${line === undefined ? 'nothing' : `"${line}"`} and ${other === undefined ? 'nothing' : `"${other}"`}`;
};
