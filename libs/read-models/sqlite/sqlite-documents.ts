import { type StreamName } from '#libs/event-sourcing/event';
import { type Database, type Statement } from '#libs/sqlite/database';
import { type DocumentStore } from '../document-store.ts';
import { type Document, type Encoded, type PartState } from '../fold.ts';
import { type Path, type Projection } from '../projection.ts';
import { arrayAt, isArrayAt, type Members, valueAt } from './statements.ts';

type StoredRow = { id: string; parts: string; row: string | null; version: number };

/** A part that waits, as an operator sees it. */
export type WaitingPart = Readonly<{ document: string; part: string; state: PartState }>;

/** The documents of one generation in a table of its own. */
export class SqliteDocuments implements DocumentStore {
  readonly table: string;
  readonly members: Members;
  readonly #database: Database;
  readonly #projection: Projection;

  constructor(database: Database, projection: Projection, generation: number) {
    this.#database = database;
    this.#projection = projection;
    this.table = tableOf(generation);
    this.members = { table: membersOf(this.table), indexed: singlePaths(projection) };
  }

  create(): void {
    const { table, members } = this;
    const indexes = this.#projection.indexes.map((paths, index) => {
      const values = [...paths.filter((path) => path !== 'id').map(valueAt), 'id'];
      return `CREATE INDEX ${table}_${String(index)} ON ${table} (${values.join(', ')}) WHERE row IS NOT NULL;`;
    });
    this.#database.exec(`
      CREATE TABLE ${table} (
        id TEXT PRIMARY KEY NOT NULL, parts TEXT NOT NULL, row TEXT, version INTEGER NOT NULL, flagged INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX ${table}_flagged ON ${table} (id) WHERE flagged = 1;
      CREATE INDEX ${table}_rows ON ${table} (id) WHERE row IS NOT NULL;
      ${indexes.join('\n')}
      CREATE TABLE ${members.table} (
        path TEXT NOT NULL, value ANY NOT NULL, id TEXT NOT NULL, PRIMARY KEY (path, value, id)
      ) STRICT, WITHOUT ROWID;
      ${members.indexed.map((path, index) => this.#triggers(path, index)).join('\n')}
    `);
  }

  /** An indexed path that holds an array is indexed element by element. */
  #triggers(path: Path, index: number): string {
    const { table, members } = this;
    const add = `INSERT OR IGNORE INTO ${members.table} (path, value, id)
      SELECT '${path}', value, new.id FROM ${arrayAt(path, 'new.row')} WHERE value IS NOT NULL`;
    // SQLite says nothing about the order of triggers: an element that stays must survive the dropping after the adding, too.
    const drop = `DELETE FROM ${members.table} WHERE path = '${path}' AND id = old.id
      AND value IN (SELECT value FROM ${arrayAt(path, 'old.row')})
      AND value NOT IN (SELECT value FROM ${arrayAt(path, 'new.row')} WHERE value IS NOT NULL)`;
    const changed = `json_extract(old.row, '$.${path}') IS NOT json_extract(new.row, '$.${path}')`;
    return `
      CREATE TRIGGER ${table}_add_${String(index)} AFTER INSERT ON ${table} WHEN ${isArrayAt(path, 'new.row')} BEGIN ${add}; END;
      CREATE TRIGGER ${table}_drop_${String(index)} AFTER UPDATE OF row ON ${table}
        WHEN ${isArrayAt(path, 'old.row')} AND ${changed} BEGIN ${drop}; END;
      CREATE TRIGGER ${table}_change_${String(index)} AFTER UPDATE OF row ON ${table}
        WHEN ${isArrayAt(path, 'new.row')} AND ${changed} BEGIN ${add}; END;`;
  }

  load(ids: readonly string[]): ReadonlyMap<string, Document> {
    const select = this.#database.prepare<StoredRow>(`SELECT id, parts, row, version FROM ${this.table} WHERE id = ?`);
    const documents = new Map<string, Document>();
    for (const id of ids) {
      const found = select.get(id);
      if (found) documents.set(id, documentOf(found));
    }
    return documents;
  }

  save(documents: readonly Encoded[]): readonly string[] {
    const insert: Statement<never> = this.#database.prepare(
      `INSERT INTO ${this.table} (id, parts, row, version, flagged) VALUES (?, ?, ?, 1, ?) ON CONFLICT DO NOTHING`,
    );
    const update: Statement<never> = this.#database.prepare(
      `UPDATE ${this.table} SET parts = ?, row = ?, version = version + 1, flagged = ? WHERE id = ? AND version = ?`,
    );
    const lost: string[] = [];
    for (const { id, partsText, row, version, flagged } of documents) {
      const { changes } =
        version === 0
          ? insert.run(id, partsText, row, Number(flagged))
          : update.run(partsText, row, Number(flagged), id, version);
      if (changes === 0) lost.push(id);
    }
    return lost;
  }

  isEmpty(): boolean {
    return this.#database.prepare(`SELECT id FROM ${this.table} LIMIT 1`).get() === undefined;
  }

  flagged(): readonly Document[] {
    return this.#database
      .prepare<StoredRow>(`SELECT id, parts, row, version FROM ${this.table} WHERE flagged = 1 ORDER BY id`)
      .all()
      .map(documentOf);
  }

  /** Bytes of every document, in the order of their ids: equal for equal histories. */
  bytes(): readonly string[] {
    return this.#database
      .prepare<StoredRow>(`SELECT id, parts, row FROM ${this.table} ORDER BY id`)
      .all()
      .map(({ id, parts, row }) => `${id}\t${parts}\t${row ?? ''}`);
  }
}

const documentOf = ({ id, parts, row, version }: StoredRow): Document => ({
  id,
  parts: JSON.parse(parts) as Record<string, PartState>,
  row,
  version,
});

/** Where a document waits, and for which event. */
export const waitingParts = (documents: readonly Document[]): readonly WaitingPart[] =>
  documents.flatMap(({ id, parts }) =>
    Object.entries(parts)
      .filter(([, { waiting }]) => waiting !== undefined)
      .map(([part, state]) => ({ document: id, part, state })),
  );

/** "stream at revision n" of the event that a part waits for. */
export const firstWaiting = ({ stream, waiting, revision }: PartState): Readonly<{ stream: StreamName; revision: number }> => ({
  stream,
  revision: waiting?.[0]?.revision ?? revision,
});

/** Removes up to `count` documents of a generation, the tables with the last; answers whether it is gone. */
export const shrink = (database: Database, generation: number, count: number): boolean => {
  const table = tableOf(generation);
  const { changes } = database.prepare(`DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} LIMIT ?)`).run(count);
  if (changes > 0) return false;
  database.exec(`DROP TABLE ${membersOf(table)}; DROP TABLE ${table}`);
  return true;
};

const tableOf = (generation: number): string => `documents_${String(generation)}`;
const membersOf = (table: string): string => `${table}_members`;

const singlePaths = ({ indexes }: Projection): readonly Path[] =>
  indexes.flatMap((paths) => {
    const [only, ...others] = paths;
    return only !== undefined && only !== 'id' && others.length === 0 ? [only] : [];
  });
