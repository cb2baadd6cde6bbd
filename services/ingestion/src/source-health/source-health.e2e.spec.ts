import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { ingestionService } from '../ingestion.module.ts';
import { type CsvRow, focusCsv } from '../testing/delivering.ts';

type Health = Readonly<{
  status: string;
  counts: Readonly<Record<string, number>>;
  sources: Readonly<{
    items: readonly Readonly<{
      dataSourceId: string;
      managementAccountId: string;
      ownerId: string | null;
      name: string | null;
      status: string;
      reasons: readonly Readonly<{ code: string; message: string }>[];
      lastImportAt: string | null;
      unassignedAccounts: number;
    }>[];
    nextCursor: string | null;
    total: number;
  }>;
}>;

const PAYER = '111111111111';
const START = Date.parse('2026-03-10T12:00:00.000Z');

/** A tree of its own for every test. */
let root: TenantId;
let reseller: TenantId;
let endCustomer: TenantId;
let neighbour: TenantId;
let paths: readonly (readonly TenantId[])[];

const newTenant = (): TenantId => randomUUID() as TenantId;

let now: number;
let platform: TestPlatform;
let operator: HttpClient;
let customer: HttpClient;

const clock = { now: () => new Date(now).toISOString() as Instant };
const hoursPass = (hours: number): void => {
  now += hours * 3_600_000;
};

beforeAll(async () => {
  now = START;
  platform = await startPlatform([ingestionService], { clock });
  operator = await platform.asOperator();
});
afterAll(() => platform.close());

beforeEach(async () => {
  [root, reseller, endCustomer, neighbour] = [newTenant(), newTenant(), newTenant(), newTenant()];
  paths = [[root], [root, reseller], [root, reseller, endCustomer], [root, neighbour]];
  for (const path of paths) await platform.happened(`tenants.tenant-${path.at(-1) ?? root}`, tenantRegistered(path));
  customer = await platform.asUser(endCustomer, 'sales');
});

const registered = async (managementAccountId = PAYER, scheduleHours: number | null = null): Promise<string> => {
  const { body, status } = await operator.post<{ id: string }>(`/tenants/${root}/data-sources`, {
    ...{ managementAccountId, name: `Payer ${managementAccountId}`, scheduleHours },
  });
  expect(status).toBe(201);
  return body.id;
};

const linked = (dataSourceId: string, accountId: string, tenantId: TenantId, from: string | null = null): Promise<void> => {
  const path = paths.find((one) => one.at(-1) === tenantId) ?? [];
  return platform.happened(`tenants.linkedAccount-${dataSourceId}~${accountId}`, {
    type: 'LinkedAccountLinked',
    data: { dataSourceId, managementAccountId: PAYER, accountId, tenantId, rootId: root, path, from, to: null, takenFrom: [] },
  });
};

const uploaded = async (content: string | Uint8Array<ArrayBuffer>, name = 'usage.csv'): Promise<void> => {
  const form = new FormData();
  form.append('files', new Blob([content]), name);
  const { status } = await operator.post(`/tenants/${root}/imports/upload`, form);
  expect(status).toBe(202);
  await platform.settled();
};
const imported = (...rows: readonly CsvRow[]): Promise<void> => uploaded(focusCsv(...rows));

const healthOf = async (tenantId: TenantId, as = operator, query = ''): Promise<Health> => {
  const { body, status } = await as.get<Health>(`/tenants/${tenantId}/source-health${query}`);
  expect(status).toBe(200);
  return body;
};
const told = ({ status, sources }: Health) => [status, ...sources.items.map(({ reasons }) => reasons.map(({ code }) => code))];

describe('source health', () => {
  it('is not available without a data source, and ages one that nothing was ever delivered for', async () => {
    expect(await healthOf(root)).toEqual({
      status: 'Not available',
      counts: { Success: 0, Warning: 0, Failed: 0, 'Not available': 0 },
      sources: { items: [], nextCursor: null, total: 0 },
    });
    await registered();
    expect(told(await healthOf(root))).toEqual(['Not available', ['nothing-delivered']]);
    hoursPass(24);
    expect(told(await healthOf(root))).toEqual(['Warning', ['nothing-delivered']]);
    hoursPass(25);
    expect(told(await healthOf(root))).toEqual(['Failed', ['nothing-delivered']]);
  });

  it('is a success after an import whose accounts are all linked; a schedule makes it age', async () => {
    const source = await registered(PAYER, 24);
    await linked(source, '1', endCustomer);
    await imported({ SubAccountId: '1' });
    const importedAt = clock.now();
    hoursPass(24);
    const { status, counts, sources } = await healthOf(root);
    expect([status, counts['Success'], sources.items]).toEqual([
      'Success',
      1,
      [
        {
          ...{ dataSourceId: source, managementAccountId: PAYER, ownerId: root, name: `Payer ${PAYER}`, status: 'Success' },
          ...{ reasons: [], lastImportAt: importedAt, unassignedAccounts: 0 },
        },
      ],
    ]);
    hoursPass(1);
    expect(told(await healthOf(root))).toEqual(['Warning', ['late']]);
    hoursPass(24);
    expect(told(await healthOf(root))).toEqual(['Failed', ['late']]);
    await imported({ SubAccountId: '1' });
    expect(told(await healthOf(root))).toEqual(['Success', []]);
  });

  it('warns of accounts that are nobody’s, unknown columns and restated closed months, until they are put right', async () => {
    const source = await registered();
    await imported({ SubAccountId: '1' }, { SubAccountId: '2' });
    const { sources } = await healthOf(root);
    expect(sources.items[0]).toMatchObject({ status: 'Warning', unassignedAccounts: 2 });
    await linked(source, '1', endCustomer);
    await linked(source, '2', neighbour);
    expect(told(await healthOf(root))).toEqual(['Success', []]);
    hoursPass(1);
    await imported({ SubAccountId: '1', BilledCost: '7' }, { SubAccountId: '2', UnheardOf: 'x' });
    expect(told(await healthOf(root))).toEqual(['Warning', ['unknown-columns', 'restated-closed-month']]);
    hoursPass(1);
    await imported({ SubAccountId: '1', BillingPeriodStart: '2026-03-01', ChargePeriodStart: '2026-03-09' });
    expect(told(await healthOf(root))).toEqual(['Success', []]);
  });

  it('fails with the last attempt, and recovers with the next', async () => {
    const source = await registered();
    await linked(source, '1', endCustomer);
    await imported({ SubAccountId: '1' });
    await uploaded(new Uint8Array(gzipSync(focusCsv({ SubAccountId: '1' })).subarray(0, 60)), 'cut.csv.gz');
    const { status, sources } = await healthOf(root);
    expect([status, sources.items[0]?.reasons]).toEqual([
      'Failed',
      [{ code: 'import-failed', message: expect.stringContaining('cut.csv.gz') }],
    ]);
    await imported({ SubAccountId: '1' });
    expect(told(await healthOf(root))).toEqual(['Success', []]);
  });

  it('warns at each source of an owner when a failed import did not show which it was about', async () => {
    const first = await registered();
    await linked(first, '1', endCustomer);
    await registered('222222222222');
    await imported({ SubAccountId: '1' });
    await uploaded(`${focusCsv({ SubAccountId: '1' })}cut,short\n`);
    const { counts, sources } = await healthOf(root);
    expect(counts).toEqual({ Success: 0, Warning: 2, Failed: 0, 'Not available': 0 });
    expect(sources.items.map(({ reasons }) => reasons[0]?.code)).toEqual([
      'unrecognised-import-failed',
      'unrecognised-import-failed',
    ]);
    await imported({ SubAccountId: '1' });
    expect((await healthOf(root)).counts).toEqual({ Success: 1, Warning: 1, Failed: 0, 'Not available': 0 });
  });

  it('blames the source that a wrong line is of, and no other', async () => {
    const first = await registered();
    await linked(first, '1', endCustomer);
    await registered('222222222222');
    await imported({ SubAccountId: '1', BilledCost: '12,5' });
    expect((await healthOf(root)).counts).toEqual({ Success: 0, Warning: 0, Failed: 1, 'Not available': 1 });
  });

  it('blames no source for usage of a management account that has none', async () => {
    const source = await registered();
    await linked(source, '1', endCustomer);
    await imported({ SubAccountId: '1' });
    await imported({ SubAccountId: '9', BillingAccountId: '999999999999' });
    expect(told(await healthOf(root))).toEqual(['Success', []]);
  });
});

describe('source health below the owner', () => {
  it('shows the sources that serve its accounts, and of them only what concerns these', async () => {
    const source = await registered();
    await linked(source, '1', endCustomer, '2026-01-10');
    await imported({ SubAccountId: '1' }, { SubAccountId: '2' });
    expect((await healthOf(root)).sources.items[0]).toMatchObject({ status: 'Warning', unassignedAccounts: 1 });

    const [own] = (await healthOf(endCustomer, customer)).sources.items;
    expect(own).toEqual({
      ...{ dataSourceId: source, managementAccountId: PAYER, ownerId: null, name: null, status: 'Success' },
      ...{ reasons: [], lastImportAt: null, unassignedAccounts: 0 },
    });
    expect((await healthOf(reseller)).sources.items).toMatchObject([{ dataSourceId: source, ownerId: root, status: 'Success' }]);
    expect((await healthOf(neighbour)).sources.items).toEqual([]);
  });

  it('tells of a failed delivery that it failed, and nothing else', async () => {
    const source = await registered();
    await linked(source, '1', endCustomer, '2026-01-11');
    await imported({ SubAccountId: '1' }, { SubAccountId: '1', ChargePeriodStart: '2026-01-20' });
    await imported({ SubAccountId: '1', BilledCost: '12,5' });
    const { status, sources } = await healthOf(endCustomer, customer);
    expect([status, sources.items[0]?.reasons.map(({ code }) => code)]).toEqual(['Failed', ['unassigned-accounts']]);
    expect(told(await healthOf(endCustomer))).toEqual(['Failed', ['import-failed', 'unassigned-accounts']]);
  });

  it('is hidden to strangers', async () => {
    const { status } = await customer.get(`/tenants/${neighbour}/source-health`);
    expect(status).toBe(404);
  });
});

describe('the list of sources', () => {
  it('is read page by page, its status and counts over all of them', async () => {
    const ids = [];
    for (const account of ['3', '1', '2']) ids.push(await registered(account));
    const first = await healthOf(root, operator, '?limit=2');
    expect([first.counts['Not available'], first.sources.total]).toEqual([3, 3]);
    expect(first.sources.items.map(({ managementAccountId }) => managementAccountId)).toEqual(['1', '2']);
    const second = await healthOf(root, operator, `?limit=2&cursor=${first.sources.nextCursor ?? ''}`);
    expect(second.sources.items.map(({ dataSourceId }) => dataSourceId)).toEqual([ids[0]]);
    expect(second.sources.nextCursor).toBeNull();
    expect((await operator.get(`/tenants/${root}/source-health?cursor=eA`)).status).toBe(400);
    expect((await operator.get(`/tenants/${root}/source-health?sort=name`)).status).toBe(400);
  });
});

describe('the thresholds', () => {
  it('refuse a failure that comes before the warning', async () => {
    const environment = { SOURCE_WARNING_HOURS: '24', SOURCE_FAILED_HOURS: '12' };
    await expect(startPlatform([ingestionService], { environment })).rejects.toThrow('SOURCE_FAILED_HOURS');
  });
});
