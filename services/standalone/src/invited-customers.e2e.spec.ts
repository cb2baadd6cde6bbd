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

type Named = Readonly<{ name: string }>;
type List = Readonly<{ items: readonly Named[]; total: number }>;

const source = randomUUID();
const billingDetails = {
  profileName: 'AP',
  address: { country: 'US', city: 'Springfield', street: '1 Main Street', zip: '12345' },
};

describe('a customer who was invited', () => {
  let duckDb: DuckDb;
  let platform: TestPlatform;
  let operator: HttpClient;
  let distributor: TenantId;
  let reseller: TenantId;
  let invited: TenantId;

  const made = async (path: string, body: object): Promise<TenantId> => {
    const answer = await operator.post<Readonly<{ id: TenantId }>>(path, body);
    expect({ body: answer.body, status: answer.status }).toMatchObject({ status: 201 });
    return answer.body.id;
  };
  const listed = async (path: string): Promise<readonly [names: readonly string[], total: number]> => {
    await platform.settled();
    const { body } = await operator.get<List>(path);
    return [body.items.map(({ name }) => name).toSorted(), body.total];
  };

  beforeAll(async () => {
    duckDb = await DuckDb.open({ tempDirectory: tmpdir() });
    platform = await startPlatform([tenantsService, contractsService, invoicingService], {
      clock: { now: () => '2026-02-10T12:00:00.000Z' as Instant },
    });
    operator = await platform.asOperator();
    distributor = await made('/tenants', { tier: 'distributor', name: 'Distributor', currency: 'USD' });
    reseller = await made(`/tenants/${distributor}/customers`, { tier: 'reseller', name: 'Reseller' });
    await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Added' });
    invited = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Invited', mode: 'invite' });
    for (const tenant of [distributor, reseller]) {
      const contracts = `/tenants/${tenant}/contracts`;
      const contract = await made(contracts, { name: 'Agreement', start: '2026-01-01', end: null, billingDetails });
      const activated = await operator.post(`${contracts}/${contract}/status`, { to: 'active', reason: 'signed' });
      expect(activated.status).toBe(200);
    }
    const tree = new Tree(platform.running.platform.store, platform.dataDir, duckDb);
    tree.knows(distributor, [distributor]);
    await tree.source(source, distributor);
    const account = { dataSourceId: source, accountId: 'a1' };
    expect((await operator.post(`/tenants/${invited}/linked-accounts`, account)).status).toBe(200);
    await tree.imports(source, distributor, '2026-01', [
      { SubAccountId: 'a1', ChargePeriodStart: '2026-01-15', BilledCost: '100' },
    ]);
  });
  afterAll(async () => {
    await platform.close();
    duckDb.close();
  });

  it('stands on no list before the account is set up, and then on all', async () => {
    const subtree = `/tenants/${reseller}/bills?scope=subtree`;
    const children = `/tenants/${reseller}/bills?scope=children`;
    const unbilled = `/tenants/${distributor}/unbilled`;
    expect(await listed(subtree)).toEqual([['Added', 'Reseller'], 2]);
    expect(await listed(children)).toEqual([['Added'], 1]);
    expect(await listed(`/tenants/${distributor}/bills?scope=subtree&name=invi`)).toEqual([[], 0]);
    expect(await listed(unbilled)).toEqual([[], 0]);
    // Whoever asks for it by its own address has found it on the list of those who were invited.
    expect(await listed(`/tenants/${invited}/bills`)).toEqual([['Invited'], 1]);
    expect(await listed(`/tenants/${invited}/bills?scope=subtree`)).toEqual([['Invited'], 1]);
    await platform.asUser(invited, 'admin');
    expect(await listed(subtree)).toEqual([['Added', 'Invited', 'Reseller'], 3]);
    expect(await listed(children)).toEqual([['Added', 'Invited'], 2]);
    expect(await listed(unbilled)).toEqual([['Invited'], 1]);
  });
});
