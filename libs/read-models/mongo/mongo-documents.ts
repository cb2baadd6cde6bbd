import { type Collection, type Model, Schema } from 'mongoose';
import { type DocumentStore } from '../document-store.ts';
import { type Document, type Encoded, type PartState } from '../fold.ts';
import { type Path, type Projection } from '../projection.ts';
import { elementsOf, fieldOf } from './conditions.ts';
import { isDuplicate, type MongoConnection } from './connection.ts';
import { comparable, originalOf, type Queryable, queryableOf } from './queryable.ts';

/** A document as it is stored. `parts` and `row` are the very texts that the embedded adapter stores. */
export type StoredDocument = {
  /** A comparable text. */
  _id: string;
  parts: string;
  row: string | null;
  version: number;
  flagged: boolean;
  /** It is a row. */
  shown: boolean;
  copy: Queryable;
  /** Paths at which true or false stands. */
  booleans: readonly string[];
  /** The writing that made it what it is. */
  by: string;
};

const schema = new Schema<StoredDocument>(
  {
    _id: { type: String, required: true },
    parts: { type: String, required: true },
    row: { type: String, default: null },
    version: { type: Number, required: true },
    flagged: { type: Boolean, required: true },
    shown: { type: Boolean, required: true },
    copy: { type: Schema.Types.Mixed, required: true },
    booleans: { type: [String], default: undefined },
    by: { type: String, required: true },
  },
  { strictQuery: 'throw', strict: 'throw', versionKey: false, autoIndex: false, autoCreate: false, minimize: false },
);

/** So many are read or written by one call. */
const AT_ONCE = 1_000;

type Index = Readonly<{
  name: string;
  key: Readonly<Record<string, 1 | -1>>;
  partialFilterExpression?: Readonly<Record<string, unknown>>;
  unique?: boolean;
}>;

/** The indexes that a projection's queries are served by: over rows only, or over what waits only. */
const indexesOf = ({ indexes, elements = [] }: Projection): readonly Index[] => {
  const rows = { shown: true };
  const key = (paths: readonly string[]): Index['key'] =>
    Object.fromEntries([...paths.filter((path) => path !== '_id'), '_id'].map((path) => [path, 1 as const]));
  // By id alone every collection is indexed already, and no server makes a partial index of that.
  const beyondIds = indexes.map((paths: readonly Path[]) => key(paths.map(fieldOf))).filter((of) => Object.keys(of).length > 1);
  return [
    ...beyondIds.map((of, number) => ({ name: `rows_${String(number)}`, key: of, partialFilterExpression: rows })),
    ...elements.map((path, number) => ({
      name: `elements_${String(number)}`,
      key: key([elementsOf(path)]),
      partialFilterExpression: rows,
    })),
    { name: 'flagged', key: { flagged: 1, _id: 1 }, partialFilterExpression: { flagged: true } },
    // A server need not see by itself that one of two fields is the key.
    { name: 'guard', key: { _id: 1, version: 1 }, unique: true },
  ];
};

let writings = 0;

/** The documents of one generation, in a collection of their own. */
export class MongoDocuments implements DocumentStore {
  readonly model: Model<StoredDocument>;
  readonly #collection: Collection<StoredDocument>;
  readonly #projection: Projection;
  readonly #writer: string;
  readonly #connection: MongoConnection;

  /** `writer` names this process; no two may be called alike. */
  constructor(
    connection: MongoConnection,
    readonly collection: string,
    projection: Projection,
    writer: string,
  ) {
    this.model =
      (connection.raw.models[collection] as Model<StoredDocument> | undefined) ??
      connection.raw.model<StoredDocument>(collection, schema, collection);
    this.#collection = connection.raw.collection<StoredDocument>(collection);
    this.#projection = projection;
    this.#connection = connection;
    this.#writer = writer;
  }

  /** The collection with its indexes; what is there already is left alone. */
  async create(): Promise<void> {
    for (const { key, ...options } of indexesOf(this.#projection)) await this.#collection.createIndex(key, options);
  }

  /** Names of the indexes that its queries would need. */
  async missingIndexes(): Promise<readonly string[]> {
    const there = new Set(
      (
        await this.#collection.indexes().catch((error: unknown) => {
          if (error instanceof Error && 'code' in error && error.code === 26 /* no such collection */) return [];
          throw error;
        })
      ).map(({ name }) => name),
    );
    return indexesOf(this.#projection).flatMap(({ name }) => (there.has(name) ? [] : [name]));
  }

  async drop(): Promise<void> {
    await this.#collection.drop();
    if (this.#connection.raw.models[this.collection]) this.#connection.raw.deleteModel(this.collection);
  }

  async load(ids: readonly string[]): Promise<ReadonlyMap<string, Document>> {
    const documents = new Map<string, Document>();
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const some = ids.slice(at, at + AT_ONCE).map(comparable);
      const found = await this.#collection
        .find({ _id: { $in: some } }, { projection: { parts: 1, row: 1, version: 1 } })
        .toArray();
      for (const one of found) {
        const document = documentOf(one);
        documents.set(document.id, document);
      }
    }
    return documents;
  }

  /** A writing that reached the server without an answer is found out by the next attempt to write the same version. */
  async save(documents: readonly Encoded[]): Promise<readonly string[]> {
    const lost: string[] = [];
    for (let at = 0; at < documents.length; at += AT_ONCE)
      lost.push(...(await this.#saveSome(documents.slice(at, at + AT_ONCE))));
    return lost;
  }

  async #saveSome(documents: readonly Encoded[]): Promise<readonly string[]> {
    const by = `${this.#writer}.${String(writings++)}`;
    const stored = documents.map((document) => storedOf(document, by));
    const updated = stored.filter(({ version }) => version > 1).map(({ _id }) => _id);
    const refused = new Set<string>();
    const written = await this.#collection
      .bulkWrite(
        stored.map((document) =>
          document.version === 1
            ? { insertOne: { document } }
            : { replaceOne: { filter: { _id: document._id, version: document.version - 1 }, replacement: document } },
        ),
        { ordered: false },
      )
      .catch((error: unknown) => {
        for (const index of duplicatesIn(error)) refused.add(stored[index]?._id ?? '');
        return (error as { result: { matchedCount: number } }).result;
      });
    if (written.matchedCount !== updated.length) {
      // Whose writing stands there tells who won; a later writer over ours counts as a loss, which folding again mends.
      const mine = await this.#collection.find({ _id: { $in: updated }, by }, { projection: { _id: 1 } }).toArray();
      const won = new Set(mine.map(({ _id }) => _id));
      for (const id of updated) if (!won.has(id)) refused.add(id);
    }
    return documents.flatMap(({ id }) => (refused.size > 0 && refused.has(comparable(id)) ? [id] : []));
  }

  async flagged(): Promise<readonly Document[]> {
    const found = await this.#collection
      .find({ flagged: true }, { projection: { parts: 1, row: 1, version: 1 } })
      .sort({ _id: 1 })
      .toArray();
    return found.map(documentOf);
  }

  /** Bytes of every document, in the order of their ids: equal for equal histories. */
  async bytes(): Promise<readonly string[]> {
    const found = await this.#collection
      .find({}, { projection: { parts: 1, row: 1 } })
      .sort({ _id: 1 })
      .toArray();
    return found.map(({ _id, parts, row }) => `${originalOf(_id)}\t${parts}\t${row ?? ''}`);
  }
}

const storedOf = ({ id, partsText, row, version, flagged }: Encoded, by: string): StoredDocument => {
  const { copy, booleans } = row === null ? { copy: {}, booleans: [] } : queryableOf(row);
  return { _id: comparable(id), parts: partsText, row, version: version + 1, flagged, shown: row !== null, copy, booleans, by };
};

const documentOf = ({ _id, parts, row, version }: Pick<StoredDocument, '_id' | 'parts' | 'row' | 'version'>): Document => ({
  id: originalOf(_id),
  parts: JSON.parse(parts) as Record<string, PartState>,
  row,
  version,
});

/** Which of the operations were refused because the document is there already. @throws what else went wrong */
const duplicatesIn = (error: unknown): readonly number[] => {
  if (!(error instanceof Error && 'writeErrors' in error && isDuplicate(error))) throw error;
  const writeErrors = [error.writeErrors].flat() as readonly Readonly<{ index: number; code: number }>[];
  if (writeErrors.some(({ code }) => code !== 11_000)) throw error;
  return writeErrors.map(({ index }) => index);
};
