import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { DuckDb } from '#libs/usage-store/duckdb';
import { contractsService } from '#services/contracts/src/contracts.module';
import { invoicingService } from '#services/invoicing/src/invoicing.module';
import { Tree } from '#services/invoicing/src/testing/tree';
import { tenantsService } from '#services/tenants/src/tenants.module';

type Bill = Readonly<{
  state: string;
  revision: number;
  figures: readonly Readonly<Record<string, unknown>>[];
  proforma: Readonly<{ net: string; total: string }> | null;
}>;

const billingDetails = {
  profileName: 'AP',
  address: { country: 'US', city: 'Springfield', street: '1 Main Street', zip: '12345' },
};
const source = randomUUID();

let duckDb: DuckDb;
let platform: TestPlatform;
let http: HttpClient;
let tree: Tree;
let distributor: string;
let reseller: string;
let first: string;
let second: string;

const made = async (path: string, body: object): Promise<string> => {
  const { status, body: answer } = await http.post<{ id: string }>(path, body);
  if (status !== 201) throw new Error(`${path}: ${String(status)} ${JSON.stringify(answer)}`);
  return answer.id;
};
const activated = async (tenantId: string, terms: object): Promise<string> => {
  const path = `/tenants/${tenantId}/contracts`;
  const id = await made(path, { name: 'Agreement', start: '2026-01-01', end: null, billingDetails, ...terms });
  const { status, body } = await http.post(`${path}/${id}/status`, { to: 'active', reason: 'signed' });
  if (status !== 200) throw new Error(`${path}: ${String(status)} ${JSON.stringify(body)}`);
  return id;
};
const linked = async (tenantId: string, accountId: string, days: object = {}): Promise<void> => {
  const { status, body } = await http.post(`/tenants/${tenantId}/linked-accounts`, { dataSourceId: source, accountId, ...days });
  if (status >= 300) throw new Error(`${accountId}: ${String(status)} ${JSON.stringify(body)}`);
};
const bill = async (tenantId: string): Promise<Bill> => {
  await platform.settled();
  return (await http.get<Bill>(`/tenants/${tenantId}/bills/2026-01`)).body;
};

beforeAll(async () => {
  duckDb = await DuckDb.open({ tempDirectory: tmpdir() });
  platform = await startPlatform([tenantsService, contractsService, invoicingService], {
    clock: { now: () => '2026-02-10T12:00:00.000Z' as Instant },
  });
  http = await platform.asOperator();
  distributor = await made('/tenants', { tier: 'distributor', name: 'D1', currency: 'USD' });
  reseller = await made(`/tenants/${distributor}/customers`, { tier: 'reseller', name: 'R1' });
  first = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'C1' });
  second = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'C2' });
  tree = new Tree(platform.running.platform.store, platform.dataDir, duckDb);
  tree.knows(distributor, [distributor as TenantId]);
  await tree.source(source, distributor);
  await linked(first, 'a1', { to: '2026-01-16' });
  await linked(second, 'a1', { from: '2026-01-16' });
  await activated(distributor, {
    billingRules: [
      { name: 'SPP', scope: { conditions: [{ letter: 'A', dimension: 'x_LineItemType', values: ['SppDiscount'] }] } },
    ],
  });
  await activated(reseller, {});
  await tree.imports(source, distributor, '2026-01', [
    { SubAccountId: 'a1', ChargePeriodStart: '2026-01-15 23:59:59', BilledCost: '100' },
    { SubAccountId: 'a1', ChargePeriodStart: '2026-01-16', BilledCost: '200' },
    {
      SubAccountId: 'a1',
      ChargePeriodStart: '2026-01-16',
      BilledCost: '-5',
      x_LineItemType: 'SppDiscount',
      ChargeCategory: 'Adjustment',
    },
  ]);
});
afterAll(async () => {
  await platform.close();
  duckDb.close();
});

describe('bills of tenants and contracts made through the API', () => {
  it('follow the account where it moves, and the contract of each', async () => {
    await activated(first, {
      priceBooks: [
        {
          name: 'Prices',
          rules: [
            { name: 'All', priority: 10, scope: { conditions: [] }, pricing: { type: 'percentageDiscount', percentage: '8' } },
          ],
        },
      ],
      customLineItems: [
        { name: 'VAT', type: 'tax', percentage: '19', frequency: { type: 'recurring', from: '2026-01', to: null } },
      ],
    });
    expect(await bill(first)).toMatchObject({
      state: 'current',
      figures: [{ billed: '92' }],
      proforma: { net: '92.00', total: '109.48' },
    });
    expect(await bill(second)).toMatchObject({ state: 'current', figures: [{ billed: '0', unbilled: '200' }], proforma: null });
    expect(await bill(reseller)).toMatchObject({ figures: [{ billed: '300', resold: '92', margin: '-208' }] });
    expect(await bill(distributor)).toMatchObject({ figures: [{ billed: '295', resold: '300', margin: '5' }] });
  });

  it('change with a new contract and with its cancellation, and not before they are current again', async () => {
    const id = await activated(second, {});
    const earlier = await http.get<Bill>(`/tenants/${second}/bills/2026-01`);
    expect(earlier.body.state === 'applying' || earlier.body.figures[0]?.['billed'] === '200').toBe(true);
    expect(await bill(second)).toMatchObject({ state: 'current', figures: [{ billed: '200', unbilled: '0' }] });
    await http.post(`/tenants/${second}/contracts/${id}/status`, {
      to: 'cancelled',
      reason: 'left',
      effectiveFrom: '2026-01-01',
    });
    expect(await bill(second)).toMatchObject({ state: 'current', figures: [{ billed: '0', unbilled: '200' }], proforma: null });
  });

  it('name a renamed tenant by its new name', async () => {
    const before = await bill(first);
    await http.patch(`/tenants/${first}`, { name: 'Renamed' });
    expect(await bill(first)).toMatchObject({ name: 'Renamed', state: 'current', revision: before.revision + 1 });
  });
});
