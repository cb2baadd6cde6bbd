import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type Tier } from '#libs/published/tenants';
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

const dataSourceId = randomUUID();
const rhoId = randomUUID() as TenantId;
const customers = Array.from({ length: MANY }, () => randomUUID() as TenantId);
const accountOf = (tenantId: TenantId): string => `account of ${tenantId}`;

const register = (path: readonly TenantId[], tier: Tier): Promise<void> =>
  platform.happened(`tenants.tenant-${path.at(-1) ?? rhoId}`, tenantRegistered(path, { tier }));

const link = (tenantId: TenantId): Promise<void> => {
  const accountId = accountOf(tenantId);
  const of = { dataSourceId, managementAccountId: 'payer', accountId, rootId: rhoId };
  const days = { from: null, to: null, takenFrom: [] };
  return platform.happened(`tenants.linkedAccount-${dataSourceId}~${accountId}`, {
    type: 'LinkedAccountLinked',
    data: { ...of, tenantId, path: [rhoId, tenantId], ...days },
  });
};

const judged = (status: HealthStatus): Promise<void> =>
  platform.happened(`ingestion.sourceHealth-${dataSourceId}`, {
    type: 'SourceHealthChanged',
    data: { dataSourceId, tenantId: rhoId, path: [rhoId], status, statusBelow: status, changedAt: NOW },
  });

const shown = async (): Promise<unknown> => {
  await platform.settled();
  const rows = await platform.running.platform.readModels.of(customerList).aggregate({ groupBy: ['tier', 'sourceData'] });
  return rows.map(({ group, count }) => [...group, count]);
};

it('a source that serves very many customers tells each of them, and the reseller above, how it is and that its data has come', async () => {
  await register([rhoId], 'reseller');
  await Promise.all(customers.map((id) => register([rhoId, id], 'endCustomer')));
  await platform.happened(`ingestion.dataSource-${dataSourceId}`, {
    type: 'DataSourceRegistered',
    data: { dataSourceId, tenantId: rhoId, path: [rhoId], managementAccountId: 'payer', name: 'Payer' },
  });
  await Promise.all(customers.map(link));
  await judged('Failed');
  expect(await shown()).toEqual([
    ['endCustomer', 'Failed', MANY],
    ['reseller', 'Failed', 1],
  ]);
  await judged('Success');
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
  await platform.happened(`ingestion.usageMonth-${dataSourceId}~2026-03`, { type: 'UsageImported', data: { ...of, ...content } });
  await platform.settled();
  const rows = await platform.running.platform.readModels.of(customerList).all({ tier: 'endCustomer' });
  const connected = rows.filter(({ onboarding: { tasks } }) =>
    tasks.some(({ task, state }) => task === 'connectCloudAccount' && state === 'done'),
  );
  expect(connected).toHaveLength(MANY);
});
