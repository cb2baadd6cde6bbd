import { DatabaseSync } from 'node:sqlite';

/** A log too long to be appended event by event: `streams` streams of one category, as long as each other. */
export type Shape = Readonly<{
  events: number;
  streams: number;
  category: string;
  /** Each stream's second event after all streams' first, as in a life; or stream by stream, far faster to write. */
  interleaved: boolean;
}>;

/** `n` as an id; ids are in the order of their numbers. */
const ID = (n: string): string => `printf('%08x-1d5e-7c3a-9b1f-%012x', ${n}, (${n}) * 7919)`;

/**
 * Events straight into the table of a closed SQLite log, about 480 B of data and metadata each, as `SqliteEventStore` would have
 * written them. Nothing is durable until the database is closed: a log for benches only.
 */
export const writeEvents = (file: string, { events, streams, category, interleaved }: Shape): void => {
  const each = events / streams;
  if (!Number.isInteger(each)) throw new RangeError(`${String(events)} events do not fill ${String(streams)} streams.`);
  const [stream, revision] = interleaved
    ? [`i % ${String(streams)}`, `i / ${String(streams)}`]
    : [`i / ${String(each)}`, `i % ${String(each)}`];
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -524288; BEGIN');
    database
      .prepare(
        `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?),
           e AS (SELECT i, ${stream} AS s, ${revision} AS r, ${ID(stream)} AS id FROM n)
         INSERT INTO events (stream, revision, category, type, data, metadata, event_id)
         SELECT ? || '-' || id, r, ?, iif(r = 0, 'CustomerRegistered', 'CustomerChanged'),
           json_object('customerId', id, 'parentId', ${ID('s % 1000')}, 'name', 'Customer ' || (s * 7919 % 1000000),
             'change', r, 'credit', printf('%d.%06d', i % 1000, i % 1000000), 'currency', 'USD', 'primaryDomain',
             printf('customer-%d.example', s)),
           json_object('commandId', ${ID('i')}, 'bodyHash', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
             'principal', json_object('id', ${ID('7')}), 'tenant', id, 'time', '2025-01-15T12:00:00.000Z'),
           ${ID('i')} FROM e`,
      )
      .run(events, category, category);
    database.exec('COMMIT; PRAGMA journal_mode = WAL');
  } finally {
    database.close();
  }
};
