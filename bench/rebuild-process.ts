import { DatabaseSync } from 'node:sqlite';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { part, projection } from '#libs/read-models/projection';
import { SqliteReadModels } from '#libs/read-models/sqlite/sqlite-read-models';
import { openSqlite } from '#libs/sqlite/database';
import { emmett } from './emmett.ts';

/** One side of one round of `rebuild.ts`, in a process of its own: `raw|rebuild|emmett FILE`; prints what it took as JSON. */

const PAGE = 500;
/** The default of emmett's consumers; neither smaller nor larger batches, nor a larger cache, took it less CPU. */
const EMMETT_PAGE = 100;

type CustomerEvent = DomainEvent<
  'CustomerRegistered' | 'CustomerChanged',
  Readonly<{ customerId: string; parentId: string; name: string; change: number; credit: string; currency: string }>
>;
type Customer = Readonly<{ path: readonly string[]; name: string; credit: string; currency: string; changes: number }>;

/** Of the same kind as the Customers page: two indexes and a path whose elements are found. */
const customers = projection({
  name: 'bench-customers',
  version: 1,
  parts: {
    customer: part<CustomerEvent, Customer>('bench.customer', {
      document: ({ data }) => data.customerId,
      evolve: (before, { type, data }) => {
        const { name, credit, currency } = data;
        if (type === 'CustomerRegistered') return { path: [data.parentId, data.customerId], name, credit, currency, changes: 0 };
        return { path: before?.path ?? [], name, credit, currency, changes: data.change };
      },
    }),
  },
  row: ({ customer }, id) => customer && { id, parentId: customer.path[0] ?? null, ...customer },
  indexes: [['parentId', 'name'], ['name']],
  elements: ['path'],
});

const rawRead = (file: string): number => {
  const database = new DatabaseSync(file, { readOnly: true });
  database.exec('PRAGMA cache_size = -65536');
  const page = database.prepare(
    'SELECT position, stream, revision, type, data, metadata, event_id FROM events WHERE position > ? ORDER BY position LIMIT ?',
  );
  let rows = 0;
  for (let position = 0; ;) {
    const read = page.all(position, PAGE);
    rows += read.length;
    const last = read.at(-1)?.['position'];
    if (typeof last !== 'number') break;
    position = last;
  }
  database.close();
  return rows;
};

const rebuild = async (file: string): Promise<number> => {
  const database = openSqlite(`sqlite:${file}`);
  const store = new SqliteEventStore(database);
  const readModels = new SqliteReadModels(database, store, [customers]);
  await readModels.start();
  const { total } = await readModels.of(customers).find({ limit: 1 });
  await readModels.close();
  store.close();
  return total;
};

const emmettRead = async (file: string): Promise<number> => {
  const { sqliteConnection, readMessagesBatch } = await emmett();
  const connection = sqliteConnection({ fileName: file });
  let rows = 0;
  for (let after = 0n; ;) {
    const { messages, currentGlobalPosition } = await readMessagesBatch(connection, { after, batchSize: EMMETT_PAGE });
    if (messages.length === 0) return rows;
    rows += messages.length;
    after = currentGlobalPosition;
  }
};

const SIDES = { raw: rawRead, rebuild, emmett: emmettRead };
const isSide = (name: string | undefined): name is keyof typeof SIDES => name !== undefined && name in SIDES;

const [, , side, file] = process.argv;
if (file === undefined || !isSide(side)) throw new TypeError('Usage: raw|rebuild|emmett FILE');
const [before, start] = [process.cpuUsage(), performance.now()];
const rows = await SIDES[side](file);
const { user, system } = process.cpuUsage(before);
process.stdout.write(JSON.stringify({ rows, cpuMilliseconds: (user + system) / 1000, milliseconds: performance.now() - start }));
