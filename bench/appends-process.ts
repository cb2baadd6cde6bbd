import { randomUUID } from 'node:crypto';
import { decider } from '#libs/event-sourcing/decider';
import { type CommandId, type DomainEvent, type Metadata, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { handle } from '#libs/event-sourcing/handle';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { openSqlite } from '#libs/sqlite/database';
import { type Instant } from '#libs/time/time';
import { emmett } from './emmett.ts';

/**
 * One side of one round of `appends.ts`, in a process of its own: `ours|defaults|best CONCURRENCY MILLISECONDS FILE`, or, with 0
 * milliseconds, CONCURRENCY appends to one and the same stream at once. Prints as JSON how many were stored and how many failed.
 */

type Side = Readonly<{ append: (stream: string) => Promise<unknown>; toOne: (stream: string) => Promise<unknown> }>;

const DATA = {
  customerId: '0198c1de-0000-7000-8000-000000000000',
  name: 'A customer whose name is neither short nor long',
  currency: 'USD',
  primaryDomain: 'customer.example',
};

const metadata = (): Metadata => ({
  commandId: randomUUID() as CommandId,
  bodyHash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  principal: { id: '0198c1de-0000-7000-8000-000000000001' },
  tenant: null,
  time: '2025-01-15T12:00:00.000Z' as Instant,
});

type Registered = DomainEvent<'CustomerRegistered', typeof DATA>;
const registered: Registered = { type: 'CustomerRegistered', data: DATA };

const ours = (file: string): Side => {
  const store = new SqliteEventStore(openSqlite(`sqlite:${file}`));
  const customer = decider<number, Registered>('bench.customer', 0, (n) => n + 1);
  return {
    append: (stream) => store.append(`bench.customer-${stream}` as StreamName, [registered], NO_STREAM, metadata()),
    toOne: (stream) => {
      const { commandId: id, ...carried } = metadata();
      return handle(store, customer, stream, () => [registered], { command: { id, keyed: false, ...carried } });
    },
  };
};

const theirs = async (file: string, best: boolean): Promise<Side> => {
  const { getSQLiteEventStore, sqliteConnection } = await emmett();
  const store = getSQLiteEventStore({
    fileName: file,
    ...(best ? { connectionOptions: { singleton: true, connection: sqliteConnection({ fileName: file }) } } : {}),
  });
  await store.schema.migrate();
  const append = (stream: string): Promise<unknown> =>
    store.appendToStream(`customer-${stream}`, [{ ...registered, metadata: metadata() }]);
  return { append, toOne: append };
};

const [, , name, concurrencyText, millisecondsText, file] = process.argv;
if (file === undefined) throw new TypeError('Usage: ours|defaults|best CONCURRENCY MILLISECONDS FILE');
const [concurrency, milliseconds] = [Number(concurrencyText), Number(millisecondsText)];
const side = name === 'ours' ? ours(file) : await theirs(file, name === 'best');
await side.append('first');
let stored = 0;
let failed = 0;
const count = (appended: Promise<unknown>): Promise<void> =>
  appended.then(
    () => void (stored += 1),
    () => void (failed += 1),
  );
const start = performance.now();
if (milliseconds === 0) await Promise.all(Array.from({ length: concurrency }, () => count(side.toOne('one'))));
else {
  const worker = async (): Promise<void> => {
    while (performance.now() - start < milliseconds) await count(side.append(randomUUID()));
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
const perSecond = (stored * 1000) / (performance.now() - start);
process.stdout.write(`\n${JSON.stringify({ perSecond, stored, failed })}\n`, () => process.exit(0));
