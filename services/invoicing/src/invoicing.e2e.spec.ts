import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type StreamName } from '#libs/event-sourcing/event';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type BillingRule, type CustomLineItem } from '#libs/published/contract-terms';
import { type RuleId, type TenantId, type UserId } from '#libs/published/ids';
import { type ProformaLine } from '#libs/published/invoicing';
import { DuckDb } from '#libs/usage-store/duckdb';
import { invoicingService } from './invoicing.module.ts';
import { Tree } from './testing/tree.ts';

type BillAnswer = Readonly<{
  tenantId: string;
  parentId: string | null;
  revision: number | null;
  state: string;
  trouble: string | null;
  figures: readonly Readonly<
    Record<'billed' | 'resold' | 'margin' | 'rated' | 'excluded' | 'unbilled' | 'unassigned', string | null>
  >[];
  proforma: Readonly<{ net: string; total: string; lines: number }> | null;
  reason: Readonly<{ code: string }> | null;
  contracts: readonly Readonly<{ tenantId: string; version: number }>[];
}>;
type PageAnswer<Item> = Readonly<{ items: readonly Item[]; nextCursor: string | null; total: number }>;

const excluding = (lineItemType: string): BillingRule => ({
  id: `exclude-${lineItemType}` as RuleId,
  name: `Without ${lineItemType}`,
  managementAccounts: 'all',
  scope: { conditions: [{ letter: 'A', dimension: 'x_LineItemType', values: [lineItemType] }], formula: null },
});
const discount = (percentage: string): CustomLineItem => ({
  id: 'partner-discount' as RuleId,
  name: 'Partner discount',
  description: null,
  type: 'percentageDiscount',
  percentage,
  managementAccounts: 'all',
  includeCredits: false,
  includeMarketplace: false,
  frequency: { type: 'recurring', from: '2025-01' as never, to: null },
});

const usage = [
  { SubAccountId: 'a1', BilledCost: '100' },
  { SubAccountId: 'a1', BilledCost: '-5', x_LineItemType: 'SppDiscount', ChargeCategory: 'Adjustment' },
  { SubAccountId: 'a1', BilledCost: '-3', x_LineItemType: 'EdpDiscount', ChargeCategory: 'Adjustment' },
  { SubAccountId: 'a2', BilledCost: '40', ServiceName: 'S3' },
  { SubAccountId: 'nobody', BilledCost: '7' },
];

let duckDb: DuckDb;
let platform: TestPlatform;
let tree: Tree;
let http: HttpClient;

/** d1 → r1 → c1 (a1), c2 (a2, no contract); d1 owns the source. */
beforeEach(async () => {
  duckDb = await DuckDb.open({ tempDirectory: tmpdir() });
  platform = await startPlatform([invoicingService]);
  tree = new Tree(platform.running.platform.store, platform.dataDir, duckDb);
  await tree.tenant('d1', null, 'distributor');
  await tree.tenant('r1', 'd1', 'reseller');
  await tree.tenant('c1', 'r1', 'endCustomer');
  await tree.tenant('c2', 'r1', 'endCustomer');
  await tree.source('111', 'd1');
  await tree.link('111', 'a1', 'c1');
  await tree.link('111', 'a2', 'c2');
  await tree.contract('d1', 'T1', { billingRules: [excluding('SppDiscount')] });
  await tree.contract('r1', 'T2', { billingRules: [excluding('EdpDiscount')], customLineItems: [discount('10')] });
  await tree.contract('c1', 'T3');
  http = await platform.asOperator();
});
afterEach(async () => {
  await platform.close();
  duckDb.close();
});

const billOf = async (tenant: string, month = '2026-01', by = http) => by.get<BillAnswer>(`/tenants/${tenant}/bills/${month}`);
const current = async (tenant: string, by = http): Promise<BillAnswer> => {
  await platform.settled();
  const { status, body } = await billOf(tenant, '2026-01', by);
  expect([status, body.state]).toEqual([200, 'current']);
  return body;
};

describe('bills', () => {
  it('come from usage and contracts by themselves, at every tier', async () => {
    await tree.imports('111', 'd1', '2026-01', usage);
    expect(await current('d1')).toMatchObject({
      parentId: null,
      figures: [{ billed: '139', resold: '126', margin: '-13', rated: '132', excluded: '0', unbilled: '0', unassigned: '7' }],
      proforma: null,
      reason: { code: 'no-parent' },
    });
    expect(await current('r1')).toMatchObject({
      figures: [{ billed: '126', resold: '100', margin: '-26', rated: '140', excluded: '-8' }],
      proforma: { net: '126.00', total: '126.00' },
    });
    expect(await current('c1')).toMatchObject({
      figures: [{ billed: '100', resold: null, margin: null, excluded: '-8' }],
      proforma: { net: '100.00' },
    });
    expect(await current('c2')).toMatchObject({
      figures: [{ billed: '0', unbilled: '40' }],
      proforma: null,
      reason: { code: 'no-contract' },
    });
  });

  it('are 404 in months without an import, and 400 for what is no month', async () => {
    await tree.imports('111', 'd1', '2026-01', usage);
    expect((await billOf('c1', '2026-02')).status).toBe(404);
    expect((await billOf('c1', '2026-13')).status).toBe(400);
    expect((await http.get('/tenants/nobody/bills/2026-01')).status).toBe(404);
  });

  it('are applying from a change of a contract until they reflect it', async () => {
    await tree.imports('111', 'd1', '2026-01', usage);
    const before = await current('r1');
    await tree.version('r1', 2, { billingRules: [excluding('EdpDiscount')], customLineItems: [discount('50')] });
    const at = await billOf('r1');
    expect(at.body.state === 'applying' || at.body.figures[0]?.billed === '70').toBe(true);
    const after = await current('r1');
    expect(after).toMatchObject({
      figures: [{ billed: '70' }],
      contracts: expect.arrayContaining([expect.objectContaining({ tenantId: 'r1', version: 2 })]),
    });
    expect(after.revision).toBe((before.revision ?? 0) + 1);
    // The same figures, but a document of its own: it says which versions it reflects, those above included.
    expect(await current('c1')).toMatchObject({ revision: 1, figures: [{ billed: '100' }] });
  });

  it('do not change when an input changes without effect', async () => {
    await tree.imports('111', 'd1', '2026-01', usage);
    const before = await current('c1');
    await tree.imports('111', 'd1', '2026-03', []);
    await tree.contract('c2', 'T3', { start: '2027-01-01' as never });
    const after = await current('c1');
    expect(after.revision).toBe(before.revision);
    const ratings = await platform.running.platform.store.read(`invoicing.rating-d1~2026-01` as StreamName);
    expect(ratings.revision).toBeGreaterThan(0);
  });

  it('follow the newest import, also when the file of the one before is gone', async () => {
    const first = await tree.imports('111', 'd1', '2026-01', usage);
    await tree.imports('111', 'd1', '2026-01', [{ SubAccountId: 'a1', BilledCost: '60' }]);
    await rm(first);
    expect(await current('c1')).toMatchObject({ figures: [{ billed: '60' }] });
  });

  it('stay applying and say so while rating fails', async () => {
    const file = await tree.imports('111', 'd1', '2026-02', usage);
    await platform.settled();
    await rm(file);
    await tree.version('c1', 2, {
      billingRules: [
        { ...excluding('x'), scope: { conditions: [{ letter: 'A', dimension: 'RegionId', values: ['eu*'] }], formula: null } },
      ],
    });
    let answer = await billOf('c1', '2026-02');
    for (let tries = 0; answer.body.trouble === null && tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      answer = await billOf('c1', '2026-02');
    }
    expect(answer.body).toMatchObject({ state: 'applying', revision: 0, figures: [{ billed: '100' }] });
    expect(answer.body.trouble).toMatch(/fails/);
    const health = await http.get<{ warnings: string[] }>('/health/ready');
    expect(health.body.warnings).toEqual([expect.stringContaining('rating 2026-02 of the tree d1 has failed')]);

    await tree.imports('111', 'd1', '2026-02', [{ SubAccountId: 'a1', BilledCost: '1' }]);
    await platform.settled();
    expect((await billOf('c1', '2026-02')).body).toMatchObject({ state: 'current', trouble: null, figures: [{ billed: '1' }] });
  });

  it('carry their revision as ETag', async () => {
    await tree.imports('111', 'd1', '2026-01', usage);
    await current('c1');
    expect((await billOf('c1')).headers.get('etag')).toBe('"0"');
  });
});

describe('who sees what of a bill', () => {
  beforeEach(() => tree.imports('111', 'd1', '2026-01', usage));

  it('hides what tiers above exclude, and the tiers above', async () => {
    const reseller = await platform.asUser('r1' as TenantId, 'sales');
    const customer = await platform.asUser('c1' as TenantId, 'admin');
    expect(await current('c1', reseller)).toMatchObject({ parentId: 'r1', figures: [{ excluded: '-3' }] });
    const own = await current('c1', customer);
    expect(own).toMatchObject({ parentId: null, figures: [{ excluded: '0' }] });
    expect(own.contracts.map(({ tenantId }) => tenantId)).toEqual(['c1']);
    const listed = await customer.get<PageAnswer<BillAnswer>>('/tenants/c1/bills');
    expect(listed.body.items).toMatchObject([{ parentId: null, figures: [{ excluded: '0' }] }]);
    expect(JSON.stringify([own, listed.body])).not.toMatch(/r1|d1/);
  });

  it('of a customer whose bills one may not see stands on the reseller’s as of nobody, though one may see the customer', async () => {
    await platform.settled();
    const userId = randomUUID() as UserId;
    await platform.happened(`access-control.userAccess-${userId}`, { type: 'AccessOpened', data: { userId } });
    const granted = { type: 'MembershipGranted', data: { tenantId: 'r1', userId, role: 'regular' } };
    await platform.happened(`access-control.membership-r1~${userId}`, granted);
    const place = { tenantId: 'c1', path: ['d1', 'r1', 'c1'], memberOf: 'r1', linkedBy: userId };
    await platform.happened(`access-control.customerLink-c1~${userId}`, {
      type: 'CustomerLinked',
      data: { ...place, userId, role: 'support' },
    });
    const { accessToken } = await platform.running.platform.accessTokens.issue(userId);
    const user = platform.http.with({ authorization: `Bearer ${accessToken}` });
    expect([(await billOf('r1', '2026-01', user)).status, (await billOf('c1', '2026-01', user)).status]).toEqual([200, 403]);
    const { body } = await user.get<PageAnswer<ProformaLine>>('/tenants/r1/bills/2026-01/lines');
    expect(body.items.map(({ customerId }) => customerId)).toEqual(body.items.map(() => null));
    expect(JSON.stringify(body)).not.toContain('c1');
    const line = `/tenants/r1/bills/2026-01/lines/${body.items[0]?.id ?? ''}`;
    for (const end of ['explanation', 'source-lines']) expect((await user.get(`${line}/${end}`)).status).toBe(404);
  });

  it('is nothing at all upstream of the viewer', async () => {
    const customer = await platform.asUser('c1' as TenantId, 'admin');
    await platform.settled();
    for (const path of ['bills', 'bills/2026-01', 'bills/2026-01/lines', 'unassigned', 'unbilled'])
      for (const tenant of ['r1', 'd1', 'c2']) expect((await customer.get(`/tenants/${tenant}/${path}`)).status).toBe(404);
  });
});

type Explained = Readonly<{
  revision: number;
  amount: string;
  paths: readonly Readonly<{ lines: number; start: string; steps: readonly Readonly<{ tenantId: string }>[] }>[];
  removed: readonly Readonly<{ tenantId: string; amount: string }>[];
}>;

describe('explaining a line', () => {
  beforeEach(async () => {
    await tree.imports('111', 'd1', '2026-01', usage);
    await platform.settled();
  });
  const lineOf = async (tenant: string, at = 0): Promise<string> =>
    (await http.get<PageAnswer<ProformaLine>>(`/tenants/${tenant}/bills/2026-01/lines`)).body.items[at]?.id ?? '';

  it('follows the lines through the rules, for each tier its own and those below', async () => {
    const path = `/tenants/c1/bills/2026-01/lines/${await lineOf('c1')}/explanation`;
    const asRoot = (await http.get<Explained>(path)).body;
    expect(asRoot).toMatchObject({
      revision: 0,
      amount: '100',
      paths: [{ lines: 1, start: '100', steps: [{ tenantId: 'r1' }, { tenantId: 'c1' }] }],
    });
    expect(asRoot.removed.map(({ tenantId, amount }) => [tenantId, amount])).toEqual([
      ['d1', '-5'],
      ['r1', '-3'],
    ]);
    const customer = await platform.asUser('c1' as TenantId, 'admin');
    const own = (await customer.get<Explained>(path)).body;
    expect(own).toMatchObject({ amount: '100', paths: [{ steps: [{ tenantId: 'c1' }] }], removed: [] });
    expect(JSON.stringify(own)).not.toMatch(/r1|d1/);
  });

  it('stays with the revision asked for, by the rules and the files of that time', async () => {
    const path = `/tenants/r1/bills/2026-01/lines/${await lineOf('r1', 1)}`;
    await tree.version('r1', 2, { customLineItems: [discount('50')] });
    await tree.imports('111', 'd1', '2026-01', [...usage, { SubAccountId: 'a1', BilledCost: '1' }]);
    await platform.settled();
    expect((await http.get(`${path}/explanation?revision=0`)).body).toMatchObject({ amount: '-10', item: { version: 1 } });
    expect((await http.get<PageAnswer<unknown>>(`${path}/source-lines?revision=0`)).body.total).toBe(1);
    const newest = (await http.get<Explained>(`${path}/explanation`)).body;
    expect(newest).toMatchObject({ amount: '-49', item: { version: 2 } });
    expect(newest.revision).toBeGreaterThan(0);
  });

  it('pages the source lines behind it, and only those', async () => {
    const path = `/tenants/c1/bills/2026-01/lines/${await lineOf('c1')}/source-lines`;
    const whole = (await http.get<PageAnswer<Record<string, unknown>>>(path)).body;
    expect(whole.items).toMatchObject([{ x_Row: 1, SubAccountId: 'a1', ServiceName: 'EC2', BilledCost: '100' }]);
    await tree.imports('111', 'd1', '2026-01', [...usage, { SubAccountId: 'a1', BilledCost: '2' }]);
    await platform.settled();
    const first = (await http.get<PageAnswer<Record<string, unknown>>>(`${path}?limit=1`)).body;
    expect([first.total, first.items.length]).toEqual([2, 1]);
    const second = (await http.get<PageAnswer<Record<string, unknown>>>(`${path}?limit=1&cursor=${first.nextCursor ?? ''}`)).body;
    expect([second.items, second.nextCursor]).toMatchObject([[{ x_Row: 6, BilledCost: '2' }], null]);
    expect((await http.get(`${path}?cursor=nonsense`)).status).toBe(400);
  });

  it('is 404 for a line that the document does not have', async () => {
    for (const end of ['explanation', 'source-lines'])
      expect((await http.get(`/tenants/c1/bills/2026-01/lines/none/${end}`)).status).toBe(404);
  });
});

describe('lists', () => {
  beforeEach(async () => {
    await tree.imports('111', 'd1', '2026-01', usage);
    await platform.settled();
  });

  it('list bills of a tenant, its children or its subtree, by pages', async () => {
    const list = async (query: string) => (await http.get<PageAnswer<BillAnswer>>(`/tenants/r1/bills?${query}`)).body;
    expect((await list('month=2026-01')).items.map(({ tenantId }) => tenantId)).toEqual(['r1']);
    expect((await list('scope=children')).items.map(({ tenantId, state }) => [tenantId, state])).toEqual([
      ['c1', 'current'],
      ['c2', 'current'],
    ]);
    const first = await list('scope=subtree&limit=2');
    expect([first.total, first.items.length]).toEqual([3, 2]);
    expect((await list(`scope=subtree&limit=2&cursor=${first.nextCursor ?? ''}`)).items.map(({ tenantId }) => tenantId)).toEqual([
      'r1',
    ]);
    expect((await list('scope=subtree&tier=endCustomer&name=c1')).items.map(({ tenantId }) => tenantId)).toEqual(['c1']);
    expect((await http.get('/tenants/r1/bills?scope=all')).status).toBe(400);
  });

  it('list the printed lines by pages of one revision', async () => {
    const page = async (query: string) =>
      (await http.get<PageAnswer<ProformaLine>>(`/tenants/r1/bills/2026-01/lines?${query}`)).body;
    const all = await page('');
    expect(all.items.map(({ unrounded }) => unrounded)).toEqual(['100', '-10', '40', '-4']);
    const first = await page('limit=3');
    await tree.version('r1', 2, {});
    await platform.settled();
    expect((await page(`limit=3&cursor=${first.nextCursor ?? ''}`)).items).toEqual(all.items.slice(3));
    expect((await page('')).items.map(({ unrounded }) => unrounded)).not.toEqual(all.items.map(({ unrounded }) => unrounded));
    expect((await page('revision=0')).items).toEqual(all.items);
    expect((await http.get('/tenants/r1/bills/2026-01/lines?revision=9')).status).toBe(404);
    expect((await http.get('/tenants/r1/bills/2026-01/lines?cursor=x')).status).toBe(400);
    expect((await http.get('/tenants/r1/bills/2026-01/lines?sort=-amount')).status).toBe(400);
  });

  it('list what belongs to nobody and what nobody is billed for', async () => {
    const list = async (path: string) => (await http.get<PageAnswer<Record<string, unknown>>>(path)).body;
    expect(await list('/tenants/d1/unassigned?month=2026-01')).toMatchObject({
      total: 1,
      nextCursor: null,
      items: [{ tenantId: 'd1', accountId: 'nobody', managementAccountId: '111', amount: '7', currency: 'USD', lines: 1 }],
    });
    expect(await list('/tenants/r1/unassigned')).toMatchObject({ total: 0, items: [] });
    expect(await list('/tenants/r1/unbilled')).toMatchObject({
      total: 1,
      items: [{ tenantId: 'c2', accountId: 'a2', amount: '40' }],
    });
  });

  it('list unpriced usage by pages that meet without a gap', async () => {
    await tree.imports(
      '111',
      'd1',
      '2026-01',
      Array.from({ length: 7 }, (_, index) => ({ SubAccountId: `n${String(index)}`, BilledCost: '1' })),
    );
    await tree.imports('111', 'd1', '2026-02', [{ SubAccountId: 'n9', BilledCost: '1' }]);
    await platform.settled();
    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await http.get<PageAnswer<{ accountId: string }>>(`/tenants/d1/unassigned?limit=3${query}`);
      expect(body.total).toBe(8);
      found.push(...body.items.map(({ accountId }) => accountId));
      cursor = body.nextCursor;
    }
    expect(found).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n9']);
    expect((await http.get('/tenants/d1/unassigned?cursor=nonsense')).status).toBe(400);
  });
});
