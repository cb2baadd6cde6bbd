import { describe, expect, it } from '@jest/globals';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle } from '#libs/event-sourcing/handle';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { type DataSourceId, type LinkedAccountId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { openSqlite } from '#libs/sqlite/database';
import { day } from '#libs/time/time';
import { link, linkedAccount, linkedAccountKey } from '#services/tenants/src/linked-account/linked-account';

const WRITERS = 1_000;
const root = 'root' as TenantId;
const source = { id: 'source' as DataSourceId, managementAccountId: 'payer' as ManagementAccountId, path: [root] };
const accountId = 'wanted' as LinkedAccountId;
const key = linkedAccountKey(source.id, accountId);

/** The same log as another process sees it: nothing is shared but the log, no queue in memory either. */
const elsewhere = (store: EventStore): EventStore => ({
  logId: store.logId,
  read: (...given) => store.read(...given),
  append: (...given) => store.append(...given),
  appendBatches: (...given) => store.appendBatches(...given),
  subscribe: (...given) => store.subscribe(...given),
  head: () => store.head(),
});

const linkTo = (id: TenantId) =>
  link({
    tenant: { id, path: [root, id] },
    source,
    accountId,
    from: null,
    to: null,
    move: false,
    today: day('2026-01-20'),
    reach: 'platform',
    automatic: [],
    nameOf: (tenant) => tenant,
  });

describe('1,000 writers that share nothing but the log', () => {
  it('link one account to 1,000 customers: one does, all others hear that it is taken', async () => {
    const store = new SqliteEventStore(openSqlite('sqlite::memory:'));
    const outcomes = await Promise.allSettled(
      Array.from({ length: WRITERS }, (_, n) =>
        handle(elsewhere(store), linkedAccount, key, linkTo(`customer-${String(n)}` as TenantId), { command: aCommand() }),
      ),
    );
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(WRITERS - 1);
    for (const outcome of refused) expect(outcome).toMatchObject({ reason: { code: 'account-already-linked' } });
    expect((await store.read(linkedAccount.stream(key))).events).toHaveLength(1);
    store.close();
  });
});
