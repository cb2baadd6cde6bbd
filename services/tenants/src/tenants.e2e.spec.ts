import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { uncheckedInputs } from '#libs/platform/input-checks';
import { type Answer, type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { tenantsService } from './tenants.module.ts';

type Tenant = Readonly<{ id: TenantId; path: readonly string[]; parentId: string | null; currency: string; name: string }>;
type Listed = Tenant &
  Readonly<{ linkedAccounts: number; contracts: Readonly<Record<string, number>>; customerCode: string | null }>;
type Account = Readonly<{
  tenantId: string;
  accountId: string;
  accountName: string | null;
  automatic: boolean;
  excludedBy: string | null;
  intervals: readonly unknown[];
}>;
type List<Item> = Readonly<{ items: readonly Item[]; nextCursor: string | null; total: number }>;
type Problem = Readonly<{ code: string; errors?: readonly Readonly<{ path: string; message: string }>[] }>;

const NOW = '2026-01-20T10:00:00.000Z' as Instant;
const TODAY = '2026-01-20';

let platform: TestPlatform;
let operator: HttpClient;

beforeAll(async () => {
  platform = await startPlatform([tenantsService], { clock: { now: () => NOW } });
  operator = await platform.asOperator();
});
afterAll(() => platform.close());

/** As ingestion tells it. */
const dataSource = async (owner: Tenant): Promise<string> => {
  const dataSourceId = randomUUID();
  const data = {
    dataSourceId,
    tenantId: owner.id,
    path: owner.path,
    managementAccountId: `payer of ${owner.name}`,
    name: 'Payer',
  };
  const settings = { scheduleHours: null, ownPublishers: [], registeredAt: NOW };
  await platform.happened(`ingestion.dataSource-${dataSourceId}`, {
    type: 'DataSourceRegistered',
    data: { ...data, ...settings },
  });
  return dataSourceId;
};

const usageShows = (dataSourceId: string, ...accounts: (readonly [id: string, name: string | null])[]): Promise<void> =>
  platform.happened(`ingestion.usageMonth-${dataSourceId}~2026-01`, {
    type: 'UsageImported',
    data: { dataSourceId, month: '2026-01', accounts: accounts.map(([accountId, name]) => ({ accountId, name })) },
  });

const root = async (name: string, tier = 'distributor'): Promise<Tenant> => {
  const { body, status } = await operator.post<Tenant>('/tenants', { tier, name, currency: 'USD' });
  expect(status).toBe(201);
  return body;
};

const customer = async (parent: Tenant, tier: string, name: string): Promise<Tenant> => {
  const { body, status } = await operator.post<Tenant>(`/tenants/${parent.id}/customers`, { tier, name });
  expect(status).toBe(201);
  return body;
};

/** A distributor with two resellers, the first with two customers and an admin, the second with one customer. */
const tree = async () => {
  const distributor = await root('Dee');
  const [ours, theirs] = await Promise.all([
    customer(distributor, 'reseller', 'Ours'),
    customer(distributor, 'reseller', 'Theirs'),
  ]);
  const [first, second, stranger] = await Promise.all([
    customer(ours, 'endCustomer', 'First'),
    customer(ours, 'endCustomer', 'Second'),
    customer(theirs, 'endCustomer', 'Stranger'),
  ]);
  const reseller = await platform.asUser(ours.id, 'admin');
  return { distributor, ours, theirs, first, second, stranger, reseller, source: await dataSource(distributor) };
};

const link = (client: HttpClient, tenant: Tenant, dataSourceId: string, accountId: string, more = {}) =>
  client.post<Problem>(`/tenants/${tenant.id}/linked-accounts`, { dataSourceId, accountId, ...more });

const accountsOf = async (client: HttpClient, tenant: Tenant, query = ''): Promise<List<Account>> =>
  (await client.get<List<Account>>(`/tenants/${tenant.id}/linked-accounts${query}`)).body;

const count = (answers: readonly Answer<unknown>[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;

describe('registering tenants', () => {
  it('has no route whose input would pass unchecked', () => {
    expect(uncheckedInputs(platform.running.app)).toEqual([]);
  });

  it('documents what an input must hold', async () => {
    type Schemas = Readonly<Record<string, Readonly<{ required?: readonly string[] }>>>;
    const { body } = await operator.get<Readonly<{ components: Readonly<{ schemas: Schemas }> }>>('/api/docs-json');
    const { schemas } = body.components;
    const required = ['RootInput', 'CustomerInput', 'ProfileChange', 'LinkInput', 'UnlinkInput', 'TurnOnInput'].map((name) => [
      name,
      schemas[name]?.required?.toSorted() ?? [],
    ]);
    expect(Object.fromEntries(required)).toEqual({
      RootInput: ['currency', 'name', 'tier'],
      CustomerInput: ['name', 'tier'],
      ProfileChange: [],
      LinkInput: ['accountId', 'dataSourceId'],
      UnlinkInput: ['accountId', 'dataSourceId'],
      TurnOnInput: ['exclude'],
    });
  });

  it('builds a tree; a child bills in the currency of its parent', async () => {
    const { distributor, ours, first } = await tree();
    expect(first).toMatchObject({ parentId: ours.id, path: [distributor.id, ours.id, first.id], currency: 'USD' });
    const { body, headers } = await operator.get(`/tenants/${first.id}`);
    expect(body).toMatchObject({ name: 'First', linkedAccounts: 0, contracts: { active: 0 } });
    expect(headers.get('etag')).toBe('"0"');
  });

  it('refuses a parent of the wrong tier', async () => {
    const { distributor, ours, first } = await tree();
    const attempts: readonly (readonly [Tenant, string])[] = [
      [distributor, 'endCustomer'],
      [ours, 'reseller'],
      [first, 'endCustomer'],
    ];
    for (const [parent, tier] of attempts) {
      const { status, body } = await operator.post<Problem>(`/tenants/${parent.id}/customers`, { tier, name: 'No' });
      expect([status, body.code]).toEqual([422, 'parent-tier-not-allowed']);
    }
  });

  it('names every field that is wrong', async () => {
    const wrong = { tier: 'endCustomer', name: ' ', currency: 'dollars', primaryDomain: 'no domain', extra: 1 };
    const { status, body } = await operator.post<Problem>('/tenants', wrong);
    expect(status).toBe(400);
    expect(body.errors?.map(({ path }) => path).toSorted()).toEqual(['currency', 'extra', 'name', 'primaryDomain', 'tier']);
  });

  it('lets only the platform register roots', async () => {
    const { reseller } = await tree();
    expect((await reseller.post('/tenants', { tier: 'reseller', name: 'Mine', currency: 'USD' })).status).toBe(403);
  });

  it('gives a code to exactly one of fifty customers who ask for it at the same time', async () => {
    const { ours } = await tree();
    const create = (index: number) =>
      operator.post<Problem>(`/tenants/${ours.id}/customers`, {
        tier: 'endCustomer',
        name: `Customer ${String(index)}`,
        customerCode: index % 2 === 0 ? 'ACME' : 'acme',
      });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => create(index)));
    expect([count(answers, 201), count(answers, 409)]).toEqual([1, 49]);
    expect(new Set(answers.filter(({ status }) => status === 409).map(({ body }) => body.code))).toEqual(
      new Set(['customer-code-taken']),
    );
    const { body } = await operator.get<List<Listed>>(`/tenants/${ours.id}/customers?customerCode=acme`);
    expect(body.total).toBe(1);
  });

  it('makes one customer of fifty requests with one key, and answers all alike', async () => {
    const { theirs } = await tree();
    const body = { tier: 'endCustomer', name: 'Once', customerCode: 'ONCE' };
    const once = () => operator.post<Tenant>(`/tenants/${theirs.id}/customers`, body, { 'idempotency-key': 'once' });
    const answers = await Promise.all(Array.from({ length: 50 }, once));
    expect(count(answers, 201)).toBe(50);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    const { body: list } = await operator.get<List<Listed>>(`/tenants/${theirs.id}/customers?name=once`);
    expect(list.total).toBe(1);
  });
});

describe("changing a tenant's profile", () => {
  it('needs the newest revision where If-Match is given', async () => {
    const { first } = await tree();
    const path = `/tenants/${first.id}`;
    const { status, headers } = await operator.patch(path, { name: 'First Inc' }, { 'if-match': '"0"' });
    expect([status, headers.get('etag')]).toEqual([200, '"1"']);
    expect((await operator.patch(path, { name: 'First GmbH' }, { 'if-match': '"0"' })).status).toBe(412);
    expect((await operator.get<Tenant>(path)).body.name).toBe('First Inc');
  });

  it('frees a code for others once it is given up', async () => {
    const { first, second } = await tree();
    expect((await operator.patch(`/tenants/${first.id}`, { customerCode: 'X' })).status).toBe(200);
    expect((await operator.patch<Problem>(`/tenants/${second.id}`, { customerCode: 'x' })).body.code).toBe('customer-code-taken');
    expect((await operator.patch(`/tenants/${first.id}`, { customerCode: null })).status).toBe(200);
    await platform.settled();
    expect((await operator.patch(`/tenants/${second.id}`, { customerCode: 'x' })).status).toBe(200);
  });

  it('leaves the customer code to the tenant above', async () => {
    const { ours, first, reseller } = await tree();
    const own = await reseller.patch<Problem>(`/tenants/${ours.id}`, { customerCode: 'SELF' });
    expect([own.status, own.body.code]).toEqual([422, 'customer-code-of-parent']);
    expect((await reseller.patch(`/tenants/${ours.id}`, { primaryDomain: 'Ours.Example' })).status).toBe(200);
    expect((await reseller.patch(`/tenants/${first.id}`, { customerCode: 'OK' })).status).toBe(200);
  });

  it('tells the admin of a root nothing of the codes of other roots', async () => {
    const [one, other] = await Promise.all([root('One'), root('Other')]);
    expect((await operator.patch(`/tenants/${other.id}`, { customerCode: 'TAKEN' })).status).toBe(200);
    const admin = await platform.asUser(one.id, 'admin');
    for (const customerCode of ['TAKEN', 'FREE']) {
      const { status, body } = await admin.patch<Problem>(`/tenants/${one.id}`, { customerCode });
      expect([status, body.code]).toEqual([422, 'customer-code-of-parent']);
    }
  });
});

describe('what a reseller sees', () => {
  it('is its own subtree, from itself downwards', async () => {
    const { ours, first, second, reseller } = await tree();
    const { body } = await reseller.get<List<Listed>>('/tenants');
    expect(body.items.map(({ id, path, parentId }) => [id, path, parentId])).toEqual([
      [first.id, [ours.id, first.id], ours.id],
      [ours.id, [ours.id], null],
      [second.id, [ours.id, second.id], ours.id],
    ]);
  });

  it('is the same 404 for a tenant elsewhere, above, and nowhere', async () => {
    const { distributor, stranger, reseller } = await tree();
    const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    const ids = [stranger.id, distributor.id, randomUUID()];
    const answers = await Promise.all(ids.map((id) => reseller.get(`/tenants/${id}/linked-accounts`, trace)));
    expect(count(answers, 404)).toBe(3);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  it('joins the subtrees of somebody with several memberships, each tenant once, page after page', async () => {
    const [one, other] = await Promise.all([tree(), tree()]);
    const userId = randomUUID() as UserId;
    await platform.happened(`access-control.userAccess-${userId}`, { type: 'AccessOpened', data: { userId } });
    for (const { id: tenantId } of [one.ours, one.first, other.theirs]) {
      const granted = { type: 'MembershipGranted', data: { tenantId, userId, role: 'sales' } };
      await platform.happened(`access-control.membership-${tenantId}~${userId}`, granted);
    }
    const { accessToken } = await platform.running.platform.accessTokens.issue(userId);
    const user = platform.http.with({ authorization: `Bearer ${accessToken}` });
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const next: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body }: Answer<List<Listed>> = await user.get(`/tenants?limit=2${next}`);
      expect(body.total).toBe(5);
      seen.push(...body.items.map(({ id }) => id));
      cursor = body.nextCursor;
    }
    const reached = [one.ours, one.first, one.second, other.theirs, other.stranger].map(({ id }) => id);
    expect(seen.toSorted()).toEqual(reached.toSorted());
    expect((await link(user, one.second, one.source, 'a')).status).toBe(403);
  });

  it('is paged, filtered and sorted', async () => {
    const { distributor } = await tree();
    const path = `/tenants/${distributor.id}/customers?scope=subtree`;
    const first = (await operator.get<List<Listed>>(`${path}&limit=3&sort=-name`)).body;
    const rest = (await operator.get<List<Listed>>(`${path}&limit=3&sort=-name&cursor=${first.nextCursor ?? ''}`)).body;
    expect([...first.items, ...rest.items].map(({ name }) => name)).toEqual(['Theirs', 'Stranger', 'Second', 'Ours', 'First']);
    expect([first.total, rest.nextCursor]).toEqual([5, null]);
    const resellers = await operator.get<List<Listed>>(`/tenants/${distributor.id}/customers?tier=reseller&name=OUR`);
    expect(resellers.body.items.map(({ name }) => name)).toEqual(['Ours']);
  });
});

describe('linking accounts', () => {
  it('moves an account on a day, and keeps the history', async () => {
    const { ours, first, second, source } = await tree();
    const account = 'projects/one-1';
    expect((await link(operator, first, source, account)).status).toBe(200);
    const refused = await link(operator, second, source, account, { from: '2026-01-16' });
    expect([refused.status, refused.body.code]).toEqual([422, 'account-already-linked']);
    expect(refused.body.errors?.[0]?.message).toBe(`is linked to First (${first.id})`);
    const moved = await link(operator, second, source, account, { from: '2026-01-16', move: true });
    expect(moved.body).toMatchObject({ tenantId: second.id, intervals: [{ from: '2026-01-16', to: null }] });

    const { items } = await accountsOf(operator, ours, `?scope=children&dataSourceId=${source}`);
    expect(new Map(items.map(({ tenantId, intervals }) => [tenantId, intervals]))).toEqual(
      new Map([
        [first.id as string, [{ from: null, to: '2026-01-16' }]],
        [second.id, [{ from: '2026-01-16', to: null }]],
      ]),
    );
    const current = await accountsOf(operator, ours, '?scope=children&current=true');
    expect(current.items.map(({ tenantId }) => tenantId)).toEqual([second.id]);
    const { body } = await operator.get<List<Listed>>(`/tenants/${ours.id}/customers`);
    expect(body.items.map(({ name, linkedAccounts }) => [name, linkedAccounts])).toEqual([
      ['First', 0],
      ['Second', 1],
    ]);
  });

  it('unlinks from a day, twice with the same result', async () => {
    const { first, source } = await tree();
    await link(operator, first, source, 'a');
    for (const time of ['once', 'again']) {
      const body = { dataSourceId: source, accountId: 'a' };
      const answer = await operator.post(`/tenants/${first.id}/linked-accounts/unlink`, body, { 'idempotency-key': time });
      expect([answer.status, answer.body]).toMatchObject([200, { intervals: [{ from: null, to: TODAY }] }]);
    }
    const again = await link(operator, first, source, 'a');
    expect(again.body).toMatchObject({ intervals: [{ from: null, to: null }] });
  });

  it('takes an Idempotency-Key for one account only', async () => {
    const { first, source } = await tree();
    const asked = (route: string, accountId: string) =>
      operator.post<Problem>(
        `/tenants/${first.id}/linked-accounts${route}`,
        { dataSourceId: source, accountId },
        { 'idempotency-key': 'one' },
      );
    for (const route of ['', '/unlink']) {
      expect((await asked(route, 'a')).status).toBe(200);
      const other = await asked(route, 'b');
      expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused']);
      expect((await asked(route, 'a')).status).toBe(200);
      if (route === '') expect((await accountsOf(operator, first)).items.map(({ accountId }) => accountId)).toEqual(['a']);
      await link(operator, first, source, 'b');
    }
  });

  it("answers to the last byte alike for a stranger's account and for one that nobody knows", async () => {
    const { first, stranger, reseller, source } = await tree();
    const theirs = await dataSource(stranger);
    await link(operator, stranger, source, 'held');
    await link(operator, stranger, source, 'held once', { to: '2026-01-01' });
    await link(operator, stranger, theirs, 'held there');
    const asked = [
      [source, 'held'],
      [source, 'held once'],
      [source, 'unknown'],
      [theirs, 'held there'],
      [theirs, 'unknown'],
      [randomUUID(), 'unknown'],
    ] as const;
    const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    const answers: string[] = [];
    for (const [dataSourceId, accountId] of asked)
      for (const more of [{}, { from: null }, { from: '2026-02-01', move: true }, { to: '2025-01-01' }]) {
        const { status, body } = await link(reseller.with(trace), first, dataSourceId, accountId, more);
        expect([status, body.code]).toEqual([422, 'account-not-available']);
        answers.push(JSON.stringify(body));
      }
    expect(new Set(answers).size).toBe(1);
  });

  it('lets a reseller pass on what it was given, and not hand it back', async () => {
    const { ours, first, reseller, source } = await tree();
    await link(operator, ours, source, 'given');
    const passed = await link(reseller, first, source, 'given', { from: null, move: true });
    expect(passed.status).toBe(200);
    const body = { dataSourceId: source, accountId: 'given' };
    const unlinked = await reseller.post<Problem>(`/tenants/${first.id}/linked-accounts/unlink`, body);
    expect([unlinked.status, unlinked.body.code]).toEqual([422, 'account-from-upstream']);
  });

  it('links an account to exactly one of a thousand customers who ask for it at the same time', async () => {
    const { ours, source } = await tree();
    const customers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => customer(ours, 'endCustomer', `C${String(index)}`)),
    );
    const answers = await Promise.all(customers.map((tenant) => link(operator, tenant, source, 'wanted')));
    expect([count(answers, 200), count(answers, 422)]).toEqual([1, 999]);
    expect(new Set(answers.filter(({ status }) => status === 422).map(({ body }) => body.code))).toEqual(
      new Set(['account-already-linked']),
    );
    expect((await accountsOf(operator, ours, '?scope=subtree&accountId=wanted')).total).toBe(1);
  }, 60_000);
});

describe('automatic links', () => {
  const turnOn = (client: HttpClient, tenant: Tenant, source: string, body: object) =>
    client.put<Problem>(`/tenants/${tenant.id}/auto-assignments/${source}`, body);

  it('take in what nobody holds, and say which pattern left an account out', async () => {
    const { first, second, source } = await tree();
    await usageShows(source, ['1', 'web'], ['2', 'PRODSP1'], ['3', null], ['4', 'data']);
    await link(operator, second, source, '4');
    const { status, body } = await turnOn(operator, first, source, { exclude: ['* SP*'] });
    expect([status, body]).toMatchObject([200, { intervals: [{ from: null, to: null, exclude: ['* SP*'] }] }]);
    await link(operator, first, source, '3', { from: TODAY });
    const { items, total } = await accountsOf(operator, first);
    expect(
      items.map(({ accountId, accountName, automatic, excludedBy }) => [accountId, accountName, automatic, excludedBy]),
    ).toEqual([
      ['3', null, false, null],
      ['1', 'web', true, null],
      ['2', 'PRODSP1', true, '* SP*'],
      ['3', null, true, null],
    ]);
    expect(total).toBe(4);
    expect(items[3]?.intervals).toEqual([{ from: null, to: TODAY }]);
    expect((await accountsOf(operator, second)).items.map(({ accountName }) => accountName)).toEqual(['data']);
    expect((await accountsOf(operator, first, '?limit=2')).items.map(({ accountId }) => accountId)).toEqual(['3', '1']);
  });

  it('are for one customer at a time, and end on a day', async () => {
    const { first, second, source } = await tree();
    expect((await turnOn(operator, first, source, { exclude: [] })).status).toBe(200);
    const taken = await turnOn(operator, second, source, { exclude: [] });
    expect([taken.status, taken.body.code, taken.body.errors?.[0]?.message]).toEqual([
      422,
      'auto-assignment-taken',
      `is taken by First (${first.id})`,
    ]);
    const off = await operator.delete(`/tenants/${first.id}/auto-assignments/${source}?from=2026-02-01`);
    expect([off.status, off.body]).toMatchObject([200, { intervals: [{ from: null, to: '2026-02-01' }] }]);
    expect((await turnOn(operator, second, source, { from: '2026-02-01', exclude: [] })).status).toBe(200);
    const { body } = await operator.get<List<unknown>>(`/tenants/${first.id}/auto-assignments`);
    expect(body).toMatchObject({ items: [{ dataSourceId: source, intervals: [{ from: null, to: '2026-02-01' }] }], total: 1 });
  });

  it('are for whoever reaches the data source to turn on', async () => {
    const { first, reseller, source } = await tree();
    for (const id of [source, randomUUID()]) {
      const { status, body } = await turnOn(reseller, first, id, { exclude: [] });
      expect([status, body.code]).toEqual([422, 'data-source-not-available']);
    }
  });

  it("put their accounts into the reseller's data, who may then link them elsewhere", async () => {
    const { first, second, reseller, source } = await tree();
    await usageShows(source, ['1', null]);
    await turnOn(operator, first, source, { exclude: [] });
    expect((await link(reseller, second, source, '1')).status).toBe(200);
    expect((await link(reseller, second, source, 'never seen')).status).toBe(422);
  });

  it('refuse an empty pattern and a value that is no list', async () => {
    const { first, source } = await tree();
    for (const exclude of [[''], 'SP*', [null]]) expect((await turnOn(operator, first, source, { exclude })).status).toBe(400);
  });
});
