import { DatabaseSync } from 'node:sqlite';
import { type Category, type CommandId, type Metadata, type StreamName, streamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { type Currency } from '#libs/money/currency';
import { type TenantId } from '#libs/published/ids';
import { type TenantEvent } from '#libs/published/tenants';
import { openSqlite } from '#libs/sqlite/database';
import { type Instant } from '#libs/time/time';

export const CATEGORY = 'tenants.tenant' as Category;
const USD = 'USD' as Currency;
const TIME = '2025-01-15T12:00:00.000Z' as Instant;

const idOf = (kind: number, n: number): string =>
  `${kind.toString(16).padStart(8, '0')}-1d5e-7c3a-9b1f-${n.toString(16).padStart(12, '0')}`;

/** The `revision`th event of the `n`th tenant: some 450 B of data and metadata. */
export const tenantEvent = (n: number, revision: number): TenantEvent => {
  const tenantId = idOf(2, n) as TenantId;
  const path = [idOf(0, 1) as TenantId, idOf(1, n % 1_000) as TenantId, tenantId];
  const name = `Customer ${String((n * 7_919) % 1_000_000)}, as of change ${String(revision)}`;
  const profile = { tenantId, path, name, customerCode: `C-${String(n)}`, primaryDomain: `customer-${String(n)}.example` };
  if (revision > 0) return { type: 'TenantProfileChanged', data: profile };
  const { customerCode, primaryDomain } = profile;
  return {
    type: 'TenantRegistered',
    data: { tenantId, path, tier: 'endCustomer', name, customerCode, primaryDomain, currency: USD, registeredAt: TIME },
  };
};

export const streamOf = (n: number): StreamName => streamName(CATEGORY, idOf(2, n));

export const metadataOf = (n: number): Metadata => ({
  commandId: idOf(3, n) as CommandId,
  bodyHash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  principal: { id: idOf(4, n % 10) },
  tenant: idOf(1, n % 1_000),
  time: TIME,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
});

/**
 * Makes a log of so many events, all tenants' first before any tenant's second, each by a command of its own. They go straight into
 * the table, as `SqliteEventStore` would have written them, and nothing is durable before the end: for benches only.
 */
export const writeTenantLog = (file: string, { events, tenants }: Readonly<{ events: number; tenants: number }>): void => {
  new SqliteEventStore(openSqlite(`sqlite:${file}`)).close();
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN');
    const insert = database.prepare(
      'INSERT INTO events (stream, revision, category, type, data, metadata, event_id) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    for (let at = 0; at < events; at += 1) {
      const [n, revision] = [at % tenants, Math.floor(at / tenants)];
      const { type, data } = tenantEvent(n, revision);
      insert.run(streamOf(n), revision, CATEGORY, type, JSON.stringify(data), JSON.stringify(metadataOf(at)), idOf(5, at));
    }
    database.exec('COMMIT; PRAGMA journal_mode = WAL');
  } finally {
    database.close();
  }
};
