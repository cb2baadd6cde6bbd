import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type Tier } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';
import { contractsService } from './contracts.module.ts';
import { noon } from './testing/sample-contracts.ts';

type Details = Readonly<{
  id: string;
  status: string;
  version: number;
  versionDate: string;
  effectiveFrom: string;
  terms: Readonly<{
    name: string;
    end: string | null;
    priceBooks: readonly Readonly<{ rules: readonly Readonly<{ id: string; pricing: object }>[] }>[];
  }>;
  actions: readonly Readonly<{ to: string }>[];
}>;
type Problem = Readonly<{ code: string; detail: string; errors?: readonly Readonly<{ path: string; message: string }>[] }>;

let now: Instant = noon('2026-03-10');
let platform: TestPlatform;
let operator: HttpClient;
beforeAll(async () => {
  platform = await startPlatform([contractsService], { clock: { now: () => now } });
  operator = await platform.asOperator();
});
afterAll(() => platform.close());

/** Registers a tenant as the tenants service would: by its event. */
const tenant = async (tier: Tier, ...above: readonly TenantId[]): Promise<TenantId> => {
  const tenantId = randomUUID() as TenantId;
  const registered = tenantRegistered([...above, tenantId], { tier, name: `A ${tier}` });
  await platform.happened(`tenants.tenant-${tenantId}`, registered);
  return tenantId;
};

const tree = async () => {
  const distributor = await tenant('distributor');
  const reseller = await tenant('reseller', distributor);
  return { distributor, reseller, customer: await tenant('endCustomer', distributor, reseller) };
};

const billingDetails = {
  profileName: 'AP',
  address: { country: 'US', city: 'Springfield', street: '1 Main Street', zip: '12345' },
};
const terms = (changed: object = {}) => ({
  name: 'Agreement',
  start: '2026-01-01',
  end: '2026-12-31',
  billingDetails,
  ...changed,
});
const prices = (percentage: string, basis = 'LIST') => [
  {
    id: 'b1',
    name: 'Prices',
    basis,
    rules: [{ id: 'r1', name: 'All', priority: 10, pricing: { type: 'percentageDiscount', percentage } }],
  },
];

const drafted = async (client: HttpClient, tenantId: TenantId, body: object = terms()) => {
  const { status, body: contract, headers } = await client.post<Details>(`/tenants/${tenantId}/contracts`, body);
  expect(status).toBe(201);
  return { ...contract, etag: headers.get('etag') ?? '', url: headers.get('location') ?? '' };
};
const activated = async (client: HttpClient, tenantId: TenantId, body: object = terms()) => {
  const contract = await drafted(client, tenantId, body);
  const {
    status,
    body: active,
    headers,
  } = await client.post<Details>(`${contract.url}/status`, { to: 'active', reason: 'signed' });
  expect(status).toBe(200);
  return { ...active, url: contract.url, etag: headers.get('etag') ?? '' };
};

describe('a contract over HTTP', () => {
  it('is drafted, marked as active, changed and compared', async () => {
    const { customer } = await tree();
    const draft = await drafted(operator, customer, terms({ priceBooks: prices('8') }));
    expect(draft).toMatchObject({ status: 'draft', version: 1, effectiveFrom: '2026-01-01', versionDate: now, tier: 'T3' });
    expect(draft.actions.map(({ to }) => to)).toEqual(['active', 'cancelled']);

    const marked = await operator.post<Details>(
      `${draft.url}/status`,
      { to: 'active', reason: 'signed' },
      { 'if-match': draft.etag },
    );
    expect([marked.status, marked.body.status]).toEqual([200, 'active']);

    const etag = marked.headers.get('etag') ?? '';
    const saved = await operator.put<Details>(draft.url, terms({ priceBooks: prices('10'), effectiveFrom: '2026-02-01' }), {
      'if-match': etag,
    });
    expect(saved.body).toMatchObject({ version: 2, effectiveFrom: '2026-02-01', status: 'active' });

    const read = await operator.get<Details>(draft.url);
    expect(read.body).toEqual(saved.body);
    expect(read.headers.get('etag')).toBe(saved.headers.get('etag'));
    expect((await operator.get(`${draft.url}/versions/1`)).body).toMatchObject({
      version: 1,
      reason: 'drafted',
      terms: { name: 'Agreement' },
    });
    expect((await operator.get(`${draft.url}/versions`)).body).toMatchObject({
      total: 2,
      items: [{ version: 2 }, { version: 1 }],
    });
    expect((await operator.get(`${draft.url}/status-changes`)).body).toMatchObject({
      total: 1,
      items: [{ to: 'active', reason: 'signed' }],
    });
    expect((await operator.get(`${draft.url}/comparison`)).body).toMatchObject({
      left: { version: 1 },
      right: { version: 2 },
      differences: [{ path: 'priceBooks[b1].rules[r1].pricing.percentage', left: '8', right: '10', change: 'changed' }],
    });
    expect((await operator.get(`${draft.url}/comparison?left=2&right=2`)).body).toMatchObject({ differences: [] });
    expect((await operator.get(`${draft.url}/versions/3`)).status).toBe(404);
  });

  it('gives rules without an id one, the same for a repeated request', async () => {
    const { customer } = await tree();
    const body = terms({
      priceBooks: [{ name: 'Prices', rules: [{ name: 'All', priority: 1, pricing: { type: 'unitRate', rate: '0.10' } }] }],
    });
    const request = () =>
      operator.post<Details>(`/tenants/${customer}/contracts`, body, {
        'idempotency-key': `draft-${customer}`,
      });
    const [once, twice] = [await request(), await request()];
    expect(twice.body).toEqual(once.body);
    expect(once.body.terms.priceBooks[0]?.rules[0]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      pricing: { rate: '0.1' },
    });
    expect((await operator.get(`/tenants/${customer}/contracts`)).body).toMatchObject({ total: 1 });
  });

  it('refuses to be overwritten unseen, and lets one of two writers win', async () => {
    const { customer } = await tree();
    const { url, etag } = await activated(operator, customer);
    expect((await operator.put(url, terms({ name: 'Unseen' }))).status).toBe(428);
    const write = (name: string) => operator.put<Details>(url, terms({ name }), { 'if-match': etag });
    const answers = await Promise.all([write('A'), write('B')]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412]);
    const { body } = await operator.get<Details>(url);
    expect([body.version, body.terms.name]).toEqual([2, answers[0].status === 200 ? 'A' : 'B']);
  });

  it('refuses a second one for the same account and day and names the first', async () => {
    const { customer } = await tree();
    const first = await activated(operator, customer, terms({ name: 'First' }));
    const { url } = await drafted(operator, customer, terms({ name: 'Second', start: '2026-06-01' }));
    const refused = await operator.post<Problem>(`${url}/status`, { to: 'active', reason: 'signed' });
    expect([refused.status, refused.body.code]).toEqual([422, 'contract-overlaps']);
    expect(refused.body.detail).toContain(`"First" (${first.id})`);
    const replaced = await operator.post<Details>(`${url}/status`, { to: 'active', reason: 'signed', supersede: first.id });
    expect([replaced.status, replaced.body.status]).toEqual([200, 'scheduled']);
    expect((await operator.get(first.url)).body).toMatchObject({ status: 'superseded', actions: [] });
  });

  it.each([
    ['a percentage of 1e9', { priceBooks: prices('1e9') }, 400, 'priceBooks[0].rules[0].pricing.percentage'],
    ['an end before its start', { end: '2025-12-31' }, 400, 'end'],
    ['a prefix with a space', { invoicePrefix: 'A B' }, 400, 'invoicePrefix'],
    [
      'a formula that is not closed',
      {
        billingRules: [
          { name: 'Out', scope: { conditions: [{ letter: 'A', dimension: 'ServiceName', values: ['*'] }], formula: 'A AND (A' } },
        ],
      },
      400,
      'billingRules[0].scope.formula',
    ],
    ['an item that is null', { customLineItems: [null] }, 400, 'customLineItems[0]'],
    [
      'two price books for one management account',
      { priceBooks: [...prices('1'), { name: 'More', rules: [] }] },
      422,
      'priceBooks[1].managementAccounts',
    ],
  ])('answers %s by naming the field', async (_, bad, status, path) => {
    const { customer } = await tree();
    const answer = await operator.post<Problem>(`/tenants/${customer}/contracts`, terms(bad));
    expect(answer.status).toBe(status);
    expect(answer.body.errors?.map((error) => error.path)).toContain(path);
  });

  it('is described in the API docs, down to the last field', async () => {
    type Schema = Readonly<{ properties: Readonly<Record<string, object>>; required: readonly string[] }>;
    type Docs = Readonly<{ components: Readonly<{ schemas: Readonly<Record<string, Schema>> }> }>;
    const { schemas } = (await platform.http.get<Docs>('/api/docs-json')).body.components;
    expect(schemas['TermsInput']?.required).toEqual(['name', 'start']);
    expect(schemas['PriceRuleInput']?.required).toEqual(['name', 'priority', 'pricing']);
    expect(schemas['ConditionInput']?.required).toEqual(['letter', 'dimension', 'values']);
    expect(schemas['TermsInput']?.properties).toMatchObject({
      billingDetails: { allOf: [{ $ref: '#/components/schemas/BillingDetailsInput' }] },
      priceBooks: { items: { $ref: '#/components/schemas/PriceBookInput' } },
      customLineItems: { items: { oneOf: expect.arrayContaining([{ $ref: '#/components/schemas/TaxItemInput' }]) } },
    });
  });

  it('follows the clock', async () => {
    const { customer } = await tree();
    const { url, status } = await activated(operator, customer, terms({ start: '2026-03-11', end: '2026-03-12' }));
    expect(status).toBe('scheduled');
    try {
      now = noon('2026-03-11');
      await platform.settled();
      expect((await operator.get(url)).body).toMatchObject({ status: 'active' });
      now = noon('2026-03-13');
      await platform.settled();
      expect((await operator.get(url)).body).toMatchObject({ status: 'expired' });
    } finally {
      now = noon('2026-03-10');
    }
  });
});

describe('the list of contracts over HTTP', () => {
  it('shows own, children’s and all contracts of the subtree, filtered and sorted', async () => {
    const { distributor, reseller, customer } = await tree();
    await activated(operator, distributor, terms({ name: 'Base' }));
    await drafted(operator, reseller, terms({ name: 'Partner' }));
    await activated(operator, customer, terms({ name: 'Customer' }));
    await drafted(operator, customer, terms({ name: 'Next', start: '2027-01-01', end: null }));
    const names = async (query: string) => {
      const { status, body } = await operator.get<{ items: { name: string }[]; total: number }>(
        `/tenants/${distributor}/contracts?${query}`,
      );
      expect([status, body.total]).toEqual([200, body.items.length]);
      return body.items.map(({ name }) => name);
    };
    expect(await names('')).toEqual(['Base']);
    expect(await names('scope=children')).toEqual(['Partner']);
    expect(await names('scope=subtree')).toEqual(['Base', 'Customer', 'Next', 'Partner']);
    expect(await names('scope=subtree&status=draft')).toEqual(['Next', 'Partner']);
    expect(await names('scope=subtree&status=draft,active&sort=-name')).toEqual(['Partner', 'Next', 'Customer', 'Base']);
    expect(await names('scope=subtree&name=ART')).toEqual(['Partner']);
    expect(await names('scope=subtree&tier=T3&sort=-start')).toEqual(['Next', 'Customer']);
    expect((await operator.get(`/tenants/${distributor}/contracts?status=ready`)).status).toBe(400);
    expect((await operator.get(`/tenants/${distributor}/contracts?sort=path`)).status).toBe(400);
  });
  it('tells a tenant nothing about who stands above it', async () => {
    const { reseller, distributor } = await tree();
    await drafted(operator, reseller);
    const admin = await platform.asUser(reseller, 'admin');
    const { status, body } = await admin.get(`/tenants/${reseller}/contracts`);
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toContain(distributor);
  });
});

describe('who may do what with a contract', () => {
  it('the tenant above writes it, the tenant itself reads it, others do not know of it', async () => {
    const { distributor, reseller, customer } = await tree();
    const [above, own, below, sales, stranger] = await Promise.all([
      platform.asUser(distributor, 'admin'),
      platform.asUser(reseller, 'admin'),
      platform.asUser(customer, 'admin'),
      platform.asUser(distributor, 'sales'),
      tree().then((other) => platform.asUser(other.distributor, 'admin')),
    ]);
    const { url } = await drafted(above, reseller);
    const post = async (client: HttpClient) => (await client.post(`/tenants/${reseller}/contracts`, terms())).status;
    const get = async (client: HttpClient) => (await client.get(url)).status;
    expect(await Promise.all([above, sales, own, below, stranger].map(get))).toEqual([200, 200, 200, 404, 404]);
    const [salesPosts, ownPosts, belowPosts, strangerPosts] = await Promise.all([sales, own, below, stranger].map(post));
    expect(salesPosts).toBe(403);
    expect(ownPosts).toBe(403);
    expect([belowPosts, strangerPosts]).toEqual([404, 404]);
    expect((await above.get(`/tenants/${customer}/contracts/${url.split('/').at(-1) ?? ''}`)).status).toBe(404);
  });
  it('a root writes its own base contract, also when it is a reseller', async () => {
    const root = await tenant('reseller');
    const admin = await platform.asUser(root, 'admin');
    expect(await drafted(admin, root)).toMatchObject({ tier: 'T1' });
    const refused = await admin.post<Problem>(`/tenants/${root}/contracts`, terms({ priceBooks: prices('8') }));
    expect([refused.status, refused.body.code]).toEqual([422, 'base-contract-only-excludes']);
  });
  it('a tenant does not see its prices on the upstream amount', async () => {
    const { reseller, customer } = await tree();
    const author = await platform.asUser(reseller, 'admin');
    const { url } = await drafted(author, customer, terms({ priceBooks: prices('8.123', 'UPSTREAM') }));
    const own = await platform.asUser(customer, 'admin');
    for (const path of ['', '/versions/1', '/comparison']) {
      expect(JSON.stringify((await author.get(url + path)).body)).toContain('8.123');
      const seen = await own.get(url + path);
      expect(seen.status).toBe(200);
      expect(JSON.stringify(seen.body)).not.toContain('8.123');
    }
  });
});
