import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type CommandId, type DomainEvent, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type Instant } from '#libs/time/time';
import { customerList } from '../customer-list/customer-list.projection.ts';
import { tenantsService } from '../tenants.module.ts';

/** More than are looked at together, and the last of them alone. */
const MANY = 401;
const NOW = '2026-03-20T10:00:00.000Z' as Instant;

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform([tenantsService], { clock: { now: () => NOW } });
});
afterAll(() => platform.close());

const say = async (stream: string, revision: number, event: DomainEvent): Promise<void> => {
  const metadata = { commandId: randomUUID() as CommandId, bodyHash: '', principal: { id: 'test' }, tenant: null, time: NOW };
  await platform.running.platform.store.append(stream as StreamName, [event], revision, metadata);
};

const dataSourceId = randomUUID();
const rhoId = randomUUID() as TenantId;
const customers = Array.from({ length: MANY }, () => randomUUID() as TenantId);
const accountOf = (tenantId: TenantId): string => `account of ${tenantId}`;

const register = (tenantId: TenantId, path: readonly TenantId[], tier: string): Promise<void> =>
  say(`tenants.tenant-${tenantId}`, NO_STREAM, {
    type: 'TenantRegistered',
    data: { tenantId, path, tier, name: tier, customerCode: null, currency: 'USD', primaryDomain: null, registeredAt: NOW },
  });

const link = (tenantId: TenantId): Promise<void> => {
  const accountId = accountOf(tenantId);
  const of = { dataSourceId, managementAccountId: 'payer', accountId, rootId: rhoId };
  const days = { from: null, to: null, takenFrom: [] };
  return say(`tenants.linkedAccount-${dataSourceId}~${accountId}`, NO_STREAM, {
    type: 'LinkedAccountLinked',
    data: { ...of, tenantId, path: [rhoId, tenantId], ...days },
  });
};

const judged = (status: HealthStatus, revision: number): Promise<void> =>
  say(`ingestion.sourceHealth-${dataSourceId}`, revision, {
    type: 'SourceHealthChanged',
    data: { dataSourceId, tenantId: rhoId, path: [rhoId], status, statusBelow: status, changedAt: NOW },
  });

const shown = async (): Promise<unknown> => {
  await platform.settled();
  const rows = await platform.running.platform.readModels.of(customerList).aggregate({ groupBy: ['tier', 'sourceData'] });
  return rows.map(({ group, count }) => [...group, count]);
};

it('a source that serves very many customers tells each of them, and the reseller above, how it is and that its data has come', async () => {
  await register(rhoId, [rhoId], 'reseller');
  await Promise.all(customers.map((id) => register(id, [rhoId, id], 'endCustomer')));
  await say(`ingestion.dataSource-${dataSourceId}`, NO_STREAM, {
    type: 'DataSourceRegistered',
    data: { dataSourceId, tenantId: rhoId, path: [rhoId], managementAccountId: 'payer', name: 'Payer' },
  });
  await Promise.all(customers.map(link));
  await judged('Failed', NO_STREAM);
  expect(await shown()).toEqual([
    ['endCustomer', 'Failed', MANY],
    ['reseller', 'Failed', 1],
  ]);
  await judged('Success', 0);
  expect(await shown()).toEqual([
    ['endCustomer', 'Success', MANY],
    ['reseller', 'Success', 1],
  ]);

  const accounts = customers.map((id) => ({
    accountId: accountOf(id),
    name: null,
    firstDay: '2026-03-01',
    lastDay: '2026-03-19',
  }));
  const of = { dataSourceId, tenantId: rhoId, rootId: rhoId, month: '2026-03', importId: randomUUID(), importedAt: NOW };
  const content = { managementAccountId: 'payer', files: [], rows: MANY, billedCost: [], contentHash: 'one', accounts, order: 1 };
  await say(`ingestion.usageMonth-${dataSourceId}~2026-03`, NO_STREAM, { type: 'UsageImported', data: { ...of, ...content } });
  await platform.settled();
  const rows = await platform.running.platform.readModels.of(customerList).all({ tier: 'endCustomer' });
  const connected = rows.filter(({ onboarding: { tasks } }) =>
    tasks.some(({ task, state }) => task === 'connectCloudAccount' && state === 'done'),
  );
  expect(connected).toHaveLength(MANY);
});
