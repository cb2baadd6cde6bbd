import { type Database, type Statement } from '#libs/sqlite/database';
import { type DocumentStore } from '../document-store.ts';
import { type Document, type Encoded, type PartState } from '../fold.ts';
import { type Path, type Projection } from '../projection.ts';
import { type Filter } from '../read-model.ts';
import { arrayAt, isArrayAt, jsonAt, type Members, valueAt } from './statements.ts';
import { Totals } from './totals.ts';

/** Beyond this many rows, sorting them costs more than walking an index that is in order. */
const BROAD = 2_000;

/** So many rows and answers that were asked for are remembered until they change; they are few where it matters. */
const REMEMBERED = 1_000;
/** A longer answer is not worth its memory. */
const SHORT = 20;

type StoredRow = { id: string; parts: string; row: string | null; version: number };

/** What stands in a row, as text (empty: it is none), and whether a part of it waits. */
export type RowText = { id: string; row: string; flagged: number };

/** The documents of one generation in a table of its own. */
export class SqliteDocuments implements DocumentStore {
  readonly table: string;
  readonly members: Members;
  readonly #database: Database;
  readonly #projection: Projection;
  readonly #rows = new Map<string, RowText | undefined>();
  readonly #answers = new Map<string, readonly unknown[]>();
  readonly #totals: Totals;

  constructor(database: Database, projection: Projection, generation: number) {
    this.#database = database;
    this.#projection = projection;
    this.table = tableOf(generation);
    const members = membersOf(this.table);
    const found = new Set<string>();
    this.members = {
      table: members,
      indexed: projection.elements ?? [],
      of: this.table,
      broad: (path, element) => {
        // Once broad, for good: should it shrink, only the way to the rows is a worse one.
        const key = `${path} ${String(element)}`;
        if (found.has(key)) return true;
        const some = `SELECT 1 FROM ${members} WHERE path = ? AND value = ? LIMIT ${String(BROAD)}`;
        const seen = database.prepare<{ count: number }>(`SELECT count(*) AS count FROM (${some})`).get(path, element);
        if (seen?.count !== BROAD) return false;
        if (found.size >= REMEMBERED) found.clear();
        found.add(key);
        return true;
      },
    };
    this.#totals = new Totals(database, this.members);
  }

  create(): void {
    this.#database.exec(`
      CREATE TABLE ${this.table} (
        id TEXT PRIMARY KEY NOT NULL, parts TEXT NOT NULL, row TEXT, version INTEGER NOT NULL, flagged INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX ${this.table}_flagged ON ${this.table} (id) WHERE flagged = 1;
      CREATE TABLE ${this.members.table} (
        path TEXT NOT NULL, value ANY NOT NULL, id TEXT NOT NULL, PRIMARY KEY (path, value, id)
      ) STRICT, WITHOUT ROWID;
    `);
  }

  /**
   * What queries need beside the documents, piece by piece: indexing many documents at once is far cheaper than one by one, but each
   * piece holds everybody up. Those that are there already are left alone.
   */
  indexing(): readonly (() => void)[] {
    const indexes: readonly (readonly Path[])[] = this.#projection.indexes.length > 0 ? this.#projection.indexes : [[]];
    return [
      ...indexes.map((paths, number) => () => {
        this.#index(paths, number);
      }),
      ...this.members.indexed.map((path, number) => () => {
        this.#indexElements(path, number);
      }),
    ];
  }

  #index(paths: readonly Path[], number: number): void {
    const values = [...paths.filter((path) => path !== 'id').map(valueAt), 'id'];
    this.#database.exec(
      `CREATE INDEX IF NOT EXISTS ${this.table}_${String(number)} ON ${this.table} (${values.join(', ')}) WHERE row IS NOT NULL`,
    );
  }

  /** A path that holds an array is indexed element by element. */
  #indexElements(path: Path, number: number): void {
    const { table, members } = this;
    const elements = (row: string, id: string): string =>
      `SELECT '${path}', value, ${id} FROM ${arrayAt(path, row)} WHERE value IS NOT NULL AND ${isArrayAt(path, row)}`;
    const insert = `INSERT OR IGNORE INTO ${members.table} (path, value, id)`;
    this.#database.transaction(() => {
      const there = this.#database
        .prepare(`SELECT 1 AS there FROM sqlite_schema WHERE type = 'trigger' AND name = ?`)
        .get(`${table}_insert_${String(number)}`);
      if (there) return;
      this.#database.exec(`
        ${insert} SELECT '${path}', element.value, ${table}.id FROM ${table}, ${arrayAt(path, `${table}.row`)} AS element
          WHERE ${isArrayAt(path, `${table}.row`)} AND element.value IS NOT NULL ORDER BY 2, 3;
        CREATE TRIGGER ${table}_insert_${String(number)} AFTER INSERT ON ${table} BEGIN ${insert} ${elements('new.row', 'new.id')}; END;
        CREATE TRIGGER ${table}_update_${String(number)} AFTER UPDATE OF row ON ${table}
          WHEN ${jsonAt(path, 'old.row')} IS NOT ${jsonAt(path, 'new.row')}
        BEGIN
          DELETE FROM ${members.table} WHERE path = '${path}' AND id = old.id
            AND value IN (SELECT value FROM ${arrayAt(path, 'old.row')});
          ${insert} ${elements('new.row', 'new.id')};
        END;`);
    });
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

  /** The row of one document as it is stored, remembered until it is written; undefined without a document. */
  row(id: string): RowText | undefined {
    const known = this.#rows.get(id);
    if (known || this.#rows.has(id)) return known;
    const found = this.#database
      .prepare<RowText>(`SELECT id, coalesce(row, '') AS row, flagged FROM ${this.table} WHERE id = ?`)
      .get(id);
    remember(this.#rows, id, found);
    return found;
  }

  /** What `read` finds, remembered under `key` until any document is written. `key` tells the type, too. */
  answer<Found>(key: string, read: () => readonly Found[]): readonly Found[] {
    const known = this.#answers.get(key);
    if (known) return known as readonly Found[];
    const found = read();
    if (found.length <= SHORT) remember(this.#answers, key, found);
    return found;
  }

  /** How many rows match, exactly. */
  total(filter: Filter): number {
    return this.#totals.of(filter);
  }

  save(documents: readonly Encoded[]): readonly string[] {
    this.#answers.clear();
    this.#totals.changing(documents.map(({ id }) => id));
    const insert: Statement<never> = this.#database.prepare(
      `INSERT INTO ${this.table} (id, parts, row, version, flagged) VALUES (?, ?, ?, 1, ?) ON CONFLICT DO NOTHING`,
    );
    const update: Statement<never> = this.#database.prepare(
      `UPDATE ${this.table} SET parts = ?, row = ?, version = version + 1, flagged = ? WHERE id = ? AND version = ?`,
    );
    const lost: string[] = [];
    for (const { id, partsText, row, version, flagged } of documents) {
      this.#rows.delete(id);
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

const remember = <Value>(kept: Map<string, Value>, key: string, value: Value): void => {
  if (kept.size >= REMEMBERED) kept.clear();
  kept.set(key, value);
};

const documentOf = ({ id, parts, row, version }: StoredRow): Document => ({
  id,
  parts: JSON.parse(parts) as Record<string, PartState>,
  row,
  version,
});

/** Removes a generation's documents, piece by piece: each only hands pages back, whatever they hold. */
export const dropping = (database: Database, generation: number): readonly (() => void)[] => {
  const table = tableOf(generation);
  const indexes = database
    .prepare<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL`)
    .all(table);
  const statements = [
    ...indexes.map(({ name }) => `DROP INDEX IF EXISTS ${name}`),
    `DROP TABLE IF EXISTS ${table}`,
    `DROP TABLE IF EXISTS ${membersOf(table)}`,
  ];
  return statements.map((statement) => () => {
    database.exec(statement);
  });
};

/** Numbers of the generations whose documents are stored. */
export const storedGenerations = (database: Database): readonly number[] =>
  database
    .prepare<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'documents_[0-9]*'`)
    .all()
    .flatMap(({ name }) => (/^documents_(\d+)$/.exec(name) ?? []).slice(1).map(Number));

const tableOf = (generation: number): string => `documents_${String(generation)}`;
const membersOf = (table: string): string => `${table}_members`;
