import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Standing } from '#libs/access-policy/policy';
import { type TenantTreeRow, tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Batch } from '#libs/event-sourcing/event-store';
import { NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { metadataOf } from '#libs/event-sourcing/command';
import { type TenantId } from '#libs/published/ids';
import { SqliteReadModels } from '#libs/read-models/sqlite/sqlite-read-models';
import { openSqlite } from '#libs/sqlite/database';
import { MOST_IN_PART, seesActivityIn } from './sight.ts';

const [FEW, MANY] = ['few', 'many'] as [TenantId, TenantId];
const customerOf = (top: TenantId, number: number): TenantId => `${top}-${String(number)}` as TenantId;

const database = openSqlite('sqlite::memory:');
const store = new SqliteEventStore(database);
const readModels = new SqliteReadModels(database, store, [tenantTree]);

const registering = (path: readonly TenantId[]): readonly [StreamName, Batch] => {
  const tenantId = path.at(-1) ?? FEW;
  const profile = {
    name: tenantId,
    customerCode: null,
    primaryDomain: null,
    currency: 'USD',
    registeredAt: '2026-01-01T00:00:00.000Z',
  };
  const data = { tenantId, path, tier: path.length === 1 ? 'distributor' : 'reseller', ...profile };
  return [
    `tenants.tenant-${tenantId}` as StreamName,
    { events: [{ type: 'TenantRegistered', data }], metadata: metadataOf(aCommand()) },
  ];
};

const top = async (id: TenantId): Promise<TenantTreeRow> => {
  const found = await readModels.of(tenantTree).get(id);
  if (!found) throw new Error(`there is no ${id}`);
  return found;
};

beforeAll(async () => {
  await readModels.start();
  const paths = [FEW, MANY].flatMap((id) => [
    [id],
    ...Array.from({ length: id === MANY ? MOST_IN_PART : 3 }, (_, number) => [id, customerOf(id, number)]),
  ]);
  await Promise.all(
    paths.map((path) => {
      const [stream, batch] = registering(path);
      return store.append(stream, batch.events, NO_STREAM, batch.metadata);
    }),
  );
});
afterAll(async () => {
  await readModels.close();
  store.close();
  database.close();
});

const regularOf = (tenantId: TenantId): Standing => ({
  memberships: [{ tenantId, role: 'regular', carriesOver: true }],
  links: [],
});
const supportOfOne = (tenantId: TenantId): Standing => ({
  ...regularOf(tenantId),
  links: [{ tenantId: customerOf(tenantId, 1), role: 'support' }],
});

describe('where somebody sees who was about', () => {
  it.each([FEW, MANY])('is everywhere where nothing below %s lessens it', async (id) => {
    expect(await seesActivityIn(readModels, regularOf(id), { top: await top(id), allowed: 'all' })).toBe('all');
  });

  it('is all of a few but those where they are Support', async () => {
    expect(await seesActivityIn(readModels, supportOfOne(FEW), { top: await top(FEW), allowed: 'all' })).toEqual([
      FEW,
      customerOf(FEW, 0),
      customerOf(FEW, 2),
    ]);
  });

  it('is nowhere where it would be a part of very many, whom each page would have to sort', async () => {
    expect(await seesActivityIn(readModels, supportOfOne(MANY), { top: await top(MANY), allowed: 'all' })).toEqual([]);
  });
});
