import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { customRole, type Permission } from '#libs/access-policy/roles';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Answer, type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type RoleId, type TenantId, type UserId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Instant } from '#libs/time/time';
import { openTree, type Placed } from './customer-tree/tree-walk.ts';
import { tenantsService } from './tenants.module.ts';

type Tenant = Readonly<{ id: TenantId; path: readonly TenantId[]; name: string }>;
type Row = Readonly<{
  id: TenantId;
  parentId: TenantId | null;
  depth: number;
  matches: boolean;
  name: string;
  admin?: Readonly<{ name: string }> | null;
  status?: Readonly<{ progress: number; position: string }> | null;
  sourceData?: HealthStatus;
  contracts?: Readonly<Record<string, number>> | null;
  invoices?: Readonly<Record<string, number>> | null;
  lastActivity?: Instant | null;
  mrr?: string | null;
  quarantined?: true;
}>;
type List<Item> = Readonly<{ items: readonly Item[]; nextCursor: string | null; total: number }>;
type Problem = Readonly<{ code: string }>;
type Summary = Readonly<{
  statuses: readonly Readonly<{ status: string; count: number; view: string | null }>[];
  totalPossible: readonly unknown[];
  viewAll: string;
}>;

const NOW = '2026-03-20T10:00:00.000Z' as Instant;

let platform: TestPlatform;
let operator: HttpClient;
let now = NOW;

beforeAll(async () => {
  platform = await startPlatform([tenantsService], { clock: { now: () => now } });
  operator = await platform.asOperator();
});
afterAll(() => platform.close());

const registered = async (path: string, body: unknown): Promise<Tenant> => {
  const answer = await operator.post<Tenant>(path, body);
  expect(answer.status).toBe(201);
  return answer.body;
};
const under = (parent: Tenant, tier: string, name: string): Promise<Tenant> =>
  registered(`/tenants/${parent.id}/customers`, { tier, name });

/** Dee above Rho (with Ann, Bob, Cid) and Sig (with Dan). */
const tree = async () => {
  const dee = await registered('/tenants', { tier: 'distributor', name: 'Dee', currency: 'USD' });
  const [rho, sig] = [await under(dee, 'reseller', 'Rho'), await under(dee, 'reseller', 'Sig')];
  const [cid, bob, ann] = [
    await under(rho, 'endCustomer', 'Cid'),
    await under(rho, 'endCustomer', 'Bob'),
    await under(rho, 'endCustomer', 'Ann'),
  ];
  const dan = await under(sig, 'endCustomer', 'Dan');
  return { dee, rho, sig, ann, bob, cid, dan };
};

const listOf = async (client: HttpClient, { id }: Tenant, query = ''): Promise<List<Row>> => {
  const { status, body } = await client.get<List<Row>>(`/tenants/${id}/customer-tree${query}`);
  expect([status, body]).toEqual([200, expect.anything()]);
  return body;
};
/** Names, indented by their depth; whoever does not match itself in brackets. */
const shown = ({ items }: List<Row>): readonly string[] =>
  items.map(({ depth, matches, name }) => '  '.repeat(depth) + (matches ? name : `(${name})`));

const healthOf = (source: string, owner: Tenant, status: HealthStatus, statusBelow = status): Promise<void> =>
  platform.happened(`ingestion.sourceHealth-${source}`, {
    type: 'SourceHealthChanged',
    data: { dataSourceId: source, tenantId: owner.id, path: owner.path, status, statusBelow, changedAt: now },
  });

const sourceOf = async (owner: Tenant): Promise<string> => {
  const dataSourceId = randomUUID();
  const settings = { name: 'Payer', scheduleHours: null, ownPublishers: [], registeredAt: now };
  const data = { dataSourceId, tenantId: owner.id, path: owner.path, managementAccountId: dataSourceId, ...settings };
  await platform.happened(`ingestion.dataSource-${dataSourceId}`, { type: 'DataSourceRegistered', data });
  return dataSourceId;
};

const billed = ({ id, path, name }: Tenant, month: string, total: string | null): Promise<void> =>
  platform.happened(`invoicing.bill-${id}~${month}`, {
    type: 'BillRevised',
    data: { tenantId: id, path, name, month, proforma: total === null ? null : { currency: 'USD', total } },
  });

const active = ({ id: tenantId }: Tenant, at: string): Promise<void> =>
  platform.happened(`access-control.tenantActivity-${tenantId}`, {
    type: 'TenantUserActive',
    data: { tenantId, userId: 'u', at },
  });

/** Rho's own, told to be linked to these customers. */
const member = async (
  rho: Tenant,
  role: string,
  accessModel: 'perCustomer' | 'carryOver',
  links: readonly (readonly [Tenant, role: string])[] = [],
): Promise<HttpClient> => {
  const userId = randomUUID() as UserId;
  const settings = { type: 'AccessModelChosen', data: { tenantId: rho.id, accessModel } };
  await platform.happened(`access-control.accessSettings-${rho.id}`, settings);
  await platform.happened(`access-control.userAccess-${userId}`, { type: 'AccessOpened', data: { userId } });
  const granted = { type: 'MembershipGranted', data: { tenantId: rho.id, userId, role } };
  await platform.happened(`access-control.membership-${rho.id}~${userId}`, granted);
  for (const [{ id: tenantId, path }, linkedAs] of links) {
    const data = { tenantId, path, userId, memberOf: rho.id, role: linkedAs, linkedBy: randomUUID() };
    await platform.happened(`access-control.customerLink-${tenantId}~${userId}`, { type: 'CustomerLinked', data });
  }
  const { accessToken } = await platform.running.platform.accessTokens.issue(userId);
  return platform.http.with({ authorization: `Bearer ${accessToken}` });
};

describe('the Customers page', () => {
  it('is the whole tree for a distributor, two tiers for a reseller, and itself for a customer', async () => {
    const { dee, rho, ann } = await tree();
    const all = ['Dee', '  Rho', '    Ann', '    Bob', '    Cid', '  Sig', '    Dan'];
    expect(shown(await listOf(await platform.asUser(dee.id, 'admin'), dee))).toEqual(all);
    const reseller = await listOf(await platform.asUser(rho.id, 'sales'), rho);
    expect(shown(reseller)).toEqual(['Rho', '  Ann', '  Bob', '  Cid']);
    expect([reseller.items[0]?.parentId, reseller.items[1]?.parentId]).toEqual([null, rho.id]);
    expect(shown(await listOf(await platform.asUser(ann.id, 'admin'), ann))).toEqual(['Ann']);
    expect((await (await platform.asUser(rho.id, 'admin')).get(`/tenants/${dee.id}/customer-tree`)).status).toBe(404);
  });

  it.each([1, 2, 3, 4])('is the same read by pages of %d', async (limit) => {
    const { dee } = await tree();
    const whole = await listOf(operator, dee);
    for (const filter of ['', '&customer=a', '&sort=-name']) {
      const wanted = await listOf(operator, dee, `?${filter}`);
      const items: Row[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: List<Row> = await listOf(operator, dee, `?limit=${String(limit)}${filter}${cursor && `&cursor=${cursor}`}`);
        expect(page.total).toBe(wanted.items.length);
        items.push(...page.items);
        cursor = page.nextCursor;
      }
      expect(items).toEqual(wanted.items);
    }
    expect(whole.items).toHaveLength(7);
  });

  it('has names in one alphabet, whatever their case, diacritics and length, in the tree, the file and the list', async () => {
    const dee = await registered('/tenants', { tier: 'distributor', name: 'Dee', currency: 'USD' });
    const rho = await under(dee, 'reseller', '漢'.repeat(200));
    for (const name of ['Zeta', 'alpha', 'Ärger', 'Beta', '漢'.repeat(199), '漢'.repeat(200), 'arg', 'ALPHA'])
      await under(rho, 'endCustomer', name);
    const ordered = ['ALPHA', 'alpha', 'arg', 'Ärger', 'Beta', 'Zeta', '漢'.repeat(199), '漢'.repeat(200)];
    const paged = async (path: string): Promise<readonly Readonly<{ name: string }>[]> => {
      const items: Readonly<{ name: string }>[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const { status, body }: Answer<List<Row>> = await operator.get(`${path}limit=1${cursor && `&cursor=${cursor}`}`);
        expect([status, body]).toEqual([200, expect.anything()]);
        items.push(...body.items);
        cursor = body.nextCursor;
      }
      return items;
    };
    const namesOf = (items: readonly Readonly<{ name: string }>[]) => items.map(({ name }) => name);
    const listed = await paged(`/tenants/${rho.id}/customers?`);
    expect(namesOf(listed)).toEqual(ordered);
    expect(namesOf(await paged(`/tenants/${rho.id}/customers?sort=-name&`))).toEqual(ordered.toReversed());
    expect(namesOf(await paged(`/tenants/${dee.id}/customer-tree?`))).toEqual(['Dee', rho.name, ...ordered]);
    const { body: file } = await operator.get<string>(`/tenants/${rho.id}/customer-tree/export?sort=-name`);
    const lines = file.trimEnd().split('\r\n').slice(2);
    expect(lines.map((line) => ordered.find((name) => line.split(',').includes(name)))).toEqual(ordered.toReversed());
    // What they are sorted by is nobody's business.
    expect(JSON.stringify([listed, file])).not.toMatch(/nameOrder|u0001/);
  });

  it('finds and sorts names, codes and domains as the alphabet takes them, in the tree and in the list', async () => {
    const dee = await registered('/tenants', { tier: 'distributor', name: 'Dee', currency: 'USD' });
    const rho = await under(dee, 'reseller', 'Rho');
    const add = (name: string, more: object) =>
      registered(`/tenants/${rho.id}/customers`, { tier: 'endCustomer', name, ...more });
    await add('A\u0308rger', { customerCode: 'Ö-2', primaryDomain: 'zeta.example' });
    await add('Işık', { customerCode: 'o-1', primaryDomain: 'alpha.example' });
    await add('Straße', { customerCode: 'P-1' });
    await add('Noname', {});
    const listed = async (query: string) =>
      (await operator.get<List<Row>>(`/tenants/${rho.id}/customers?${query}`)).body.items.map(({ name }) => name);
    const inTree = async (query: string) =>
      (await listOf(operator, rho, `?${query}`)).items.flatMap(({ name, matches, depth }) =>
        matches && depth > 0 ? [name] : [],
      );
    const parts = { '\u00c4RG': 'A\u0308rger', arger: 'A\u0308rger', ISIK: 'Işık', strasse: 'Straße' };
    for (const [part, name] of Object.entries(parts)) {
      expect(await listed(`name=${encodeURIComponent(part)}`)).toEqual([name]);
      expect(await inTree(`customer=${encodeURIComponent(part)}`)).toEqual([name]);
    }
    expect(await listed('name=%CC%81')).toEqual([]);
    expect(await listed('customerCode=%C3%B6')).toEqual(['A\u0308rger', 'Işık']);
    const byCode = ['Noname', 'Işık', 'A\u0308rger', 'Straße'];
    expect([await listed('sort=customerCode'), await inTree('sort=customerCode')]).toEqual([byCode, byCode]);
    expect(await inTree('sort=-primaryDomain,name')).toEqual(['A\u0308rger', 'Işık', 'Noname', 'Straße']);
  });

  it('lists what cannot be read of a customer as it stood, flagged, beside the others, with any filter and for everybody', async () => {
    const { dee, rho, sig, ann, bob } = await tree();
    await active(ann, now);
    const garbled = { ...(await operator.get<object>(`/tenants/${ann.id}`)).body, tenantId: ann.id, name: 7 };
    await platform.happened(`tenants.tenant-${ann.id}`, { type: 'TenantProfileChanged', data: garbled });
    const flagged = async (client: HttpClient, of: Tenant, query: string): Promise<readonly string[]> => {
      const list = await listOf(client, of, query);
      expect(list.items.every(({ quarantined, name }) => (quarantined ?? false) === (name === 'Ann'))).toBe(true);
      const file = await client.get<string>(`/tenants/${of.id}/customer-tree/export${query}`);
      expect([file.status, file.body.trimEnd().split('\r\n').length]).toEqual([200, list.total + 1]);
      return shown(list);
    };
    const few = await member(rho, 'regular', 'perCustomer', [
      [ann, 'regular'],
      [bob, 'regular'],
    ]);
    expect(await flagged(operator, rho, '')).toEqual(['Rho', '  Ann', '  Bob', '  Cid']);
    expect(await flagged(operator, rho, '?customer=n')).toEqual(['(Rho)', '  Ann']);
    expect(await flagged(operator, dee, '?customer=a')).toEqual(['(Dee)', '  (Rho)', '    Ann', '  (Sig)', '    Dan']);
    expect(await flagged(operator, rho, '?sort=-lastActivity,name')).toEqual(['Rho', '  Ann', '  Bob', '  Cid']);
    expect(await flagged(operator, ann, '')).toEqual(['Ann']);
    expect(await flagged(few, rho, '')).toEqual(['Rho', '  Ann', '  Bob']);
    expect(await flagged(few, rho, '?customer=ann')).toEqual(['(Rho)', '  Ann']);
    const inLists = async (client: HttpClient, path: string): Promise<readonly string[]> => {
      const { items } = (await client.get<List<Row>>(path)).body;
      return items.flatMap(({ name, quarantined }) => (quarantined ? [name] : []));
    };
    for (const list of [`/tenants/${rho.id}/customers`, `/tenants/${dee.id}/customers?scope=subtree`])
      expect(await inLists(operator, list)).toEqual(['Ann']);
    expect(await inLists(few, '/tenants?name=n')).toEqual(['Ann']);
    // Of the tenant that others stand below, too.
    await platform.happened(`tenants.tenant-${sig.id}`, { type: 'TenantProfileChanged', data: { ...garbled, tenantId: sig.id } });
    expect(shown(await listOf(operator, dee, '?customer=a'))).toEqual(['(Dee)', '  (Rho)', '    Ann', '  (Sig)', '    Dan']);
    expect((await listOf(operator, dee, '?customer=dan')).items.map(({ quarantined }) => quarantined)).toEqual([
      undefined,
      true,
      undefined,
    ]);
  });

  it('finds out once who matches, for however many pages', async () => {
    const { dee } = await tree();
    const { readModels } = platform.running.platform;
    const top = await readModels.of(tenantTree).get(dee.id);
    if (!top) throw new Error('the distributor is not there');
    let looked = 0;
    const watched: ReadModels = {
      of: (projection) => {
        const model = readModels.of(projection);
        return {
          get: (id) => model.get(id),
          find: (query) => model.find(query),
          all: (filter, sort) => model.all(filter, sort),
          aggregate: (query) => {
            looked += 1;
            return model.aggregate(query);
          },
        };
      },
    };
    const filter = { name: { contains: 'n' } };
    const page = await openTree(watched, { top, allowed: 'all', filter, sort: [{ by: 'nameOrder', direction: 'ascending' }] });
    const names: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const found: Page<Placed> = await page({ limit: 1, ...(cursor === undefined ? {} : { cursor }) });
      names.push(...found.items.map(({ row }) => row.name));
      cursor = found.nextCursor;
    }
    expect([names, looked]).toEqual([['Dee', 'Rho', 'Ann', 'Sig', 'Dan'], 1]);
  });

  it('takes a cursor for its own query only', async () => {
    const [one, other] = [await tree(), await tree()];
    const { nextCursor } = await listOf(operator, one.dee, '?limit=3');
    const problem = async (of: Tenant, query: string) =>
      (await operator.get<Problem>(`/tenants/${of.id}/customer-tree?${query}`)).body.code;
    expect(await problem(one.dee, `limit=3&sort=-name&cursor=${nextCursor ?? ''}`)).toBe('invalid-cursor');
    expect(await problem(other.dee, `limit=3&cursor=${nextCursor ?? ''}`)).toBe('invalid-cursor');
    expect(await problem(one.dee, 'cursor=anything')).toBe('invalid-cursor');
  });

  it('opens no other tree to a cursor that somebody made up', async () => {
    const [one, other] = [await tree(), await tree()];
    const admin = await platform.asUser(one.dee.id, 'admin');
    const { nextCursor } = await listOf(admin, one.dee, '?limit=3');
    const [asOf = '', inner = ''] = (nextCursor ?? '').split('~');
    const place = JSON.parse(Buffer.from(inner, 'base64url').toString()) as unknown[];
    const forged = [...place.slice(0, -3), other.rho.id, 2, null];
    const cursor = `${asOf}~${Buffer.from(JSON.stringify(forged)).toString('base64url')}`;
    const answer = await admin.get<Problem>(`/tenants/${one.dee.id}/customer-tree?limit=3&cursor=${cursor}`);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid-cursor']);
  });

  it('lists whoever stands above a match, though it does not match itself', async () => {
    const { dee, rho } = await tree();
    expect(shown(await listOf(operator, dee, '?customer=an'))).toEqual(['(Dee)', '  (Rho)', '    Ann', '  (Sig)', '    Dan']);
    expect(shown(await listOf(operator, dee, '?customer=rho'))).toEqual(['(Dee)', '  Rho']);
    expect(shown(await listOf(operator, rho, '?customer=bob'))).toEqual(['(Rho)', '  Bob']);
    expect(await listOf(operator, dee, '?customer=nobody')).toEqual({ items: [], nextCursor: null, total: 0 });
  });

  it('shows the position in onboarding, and filters by it', async () => {
    const { dee, rho, bob } = await tree();
    await platform.asUser(bob.id, 'admin');
    await platform.asUser(rho.id, 'admin');
    await platform.happened(`contracts.tenantContracts-${rho.id}`, {
      type: 'ContractDrafted',
      data: { tenantId: rho.id, contractId: 'k' },
    });
    await platform.settled();
    const { items } = await listOf(operator, dee);
    expect(items.map(({ name, status }) => [name, status?.position ?? null])).toEqual([
      ['Dee', 'activateAccount'],
      ['Rho', null],
      ['Ann', 'inviteAdmin'],
      ['Bob', 'assignContract'],
      ['Cid', 'inviteAdmin'],
      ['Sig', 'createContract'],
      ['Dan', 'inviteAdmin'],
    ]);
    expect(shown(await listOf(operator, dee, '?status=assignContract'))).toEqual(['(Dee)', '  (Rho)', '    Bob']);
    expect(shown(await listOf(operator, dee, '?status=complete'))).toEqual(['(Dee)', '  Rho']);
    expect(shown(await listOf(operator, dee, '?status=onboarding&customer=a'))).toContain('    Ann');
    const own = await listOf(await platform.asUser(dee.id, 'admin'), rho);
    expect(own.items[0]?.status).toBeNull();
  });

  it('never shows a reseller its own status', async () => {
    const { rho } = await tree();
    const [own, customer] = (await listOf(await platform.asUser(rho.id, 'sales'), rho)).items;
    expect([own?.status, customer?.status?.position]).toEqual([null, 'inviteAdmin']);
  });

  it('tells a reseller its own status by no filter either', async () => {
    const { rho, bob } = await tree();
    const admin = await platform.asUser(rho.id, 'admin');
    const filtered = async (client: HttpClient, rest = '') => {
      const statuses = ['complete', 'onboarding', 'createContract', 'inviteAdmin', 'assignContract'];
      const found = await Promise.all(statuses.map((status) => listOf(client, rho, `?status=${status}${rest}`)));
      for (const { items, total } of found) expect(total).toBe(items.length);
      return found.map(shown);
    };
    const below = ['  Ann', '  Bob', '  Cid'];
    const whole = [[], ['(Rho)', ...below], [], ['(Rho)', ...below], []];
    const before = await filtered(admin);
    await platform.happened(`contracts.tenantContracts-${rho.id}`, {
      type: 'ContractDrafted',
      data: { tenantId: rho.id, contractId: 'k' },
    });
    await platform.settled();
    expect([before, await filtered(admin)]).toEqual([whole, whole]);
    expect((await filtered(admin, '&customer=rho')).flat()).toEqual([]);
    const linked = await member(rho, 'readOnly', 'perCustomer', [[bob, 'readOnly']]);
    expect(await filtered(linked)).toEqual([[], ['(Rho)', '  Bob'], [], ['(Rho)', '  Bob'], []]);
    const exported = await admin.get<string>(`/tenants/${rho.id}/customer-tree/export?status=complete`);
    expect(exported.body.trimEnd().split('\r\n')).toHaveLength(1);
    expect((await filtered(operator))[0]).toEqual(['Rho']);
  });

  it('names the first of several admins, and the next when that one goes', async () => {
    const { rho, ann } = await tree();
    const grant = async (userId: string, name: string): Promise<void> => {
      await platform.happened(`access-control.user-${userId}`, {
        type: 'UserRegistered',
        data: { userId, email: `${userId}@x.example`, name },
      });
      await platform.happened(`access-control.membership-${ann.id}~${userId}`, {
        type: 'MembershipGranted',
        data: { tenantId: ann.id, userId, role: 'admin' },
      });
      await platform.settled();
    };
    const [zoe, amy] = [randomUUID(), randomUUID()];
    await grant(zoe, 'Zoe');
    await grant(amy, 'Amy');
    const admin = async () => (await listOf(operator, rho, '?columns=admin&customer=ann')).items[1]?.admin;
    expect(await admin()).toEqual({ id: zoe, name: 'Zoe' });
    await platform.happened(`access-control.membership-${ann.id}~${zoe}`, {
      type: 'MembershipRevoked',
      data: { tenantId: ann.id, userId: zoe },
    });
    await platform.settled();
    expect(await admin()).toEqual({ id: amy, name: 'Amy' });
  });

  it('rolls the health of source data up, the worst first, and filters by it', async () => {
    const { dee, rho, ann, dan } = await tree();
    const health = async () => {
      await platform.settled();
      const { items } = await listOf(operator, dee);
      return Object.fromEntries(items.map(({ name, sourceData }) => [name, sourceData]));
    };
    const [above, own] = [await sourceOf(dee), await sourceOf(dan)];
    await healthOf(above, dee, 'Warning', 'Success');
    await operator.post(`/tenants/${ann.id}/linked-accounts`, { dataSourceId: above, accountId: '111' });
    expect(await health()).toMatchObject({ Dee: 'Warning', Rho: 'Success', Ann: 'Success', Bob: 'Not available' });
    await healthOf(own, dan, 'Failed');
    expect(await health()).toMatchObject({ Dee: 'Failed', Rho: 'Success', Sig: 'Failed', Dan: 'Failed' });
    expect(shown(await listOf(operator, dee, '?sourceData=Failed'))).toEqual(['Dee', '  Sig', '    Dan']);
    expect(shown(await listOf(operator, rho, '?sourceData=Success'))).toEqual(['Rho', '  Ann']);
    const bySourceData = ['Dee', '  Sig', '    Dan', '  Rho', '    Ann', '    Bob', '    Cid'];
    expect(shown(await listOf(operator, dee, '?sort=sourceData,name'))).toEqual(bySourceData);

    await healthOf(own, dan, 'Success');
    await healthOf(above, dee, 'Success', 'Success');
    expect(await health()).toMatchObject({ Dee: 'Success', Sig: 'Success', Dan: 'Success' });
    await operator.post(`/tenants/${ann.id}/linked-accounts/unlink`, {
      dataSourceId: above,
      accountId: '111',
      from: '2026-01-01',
    });
    expect(await health()).toMatchObject({ Rho: 'Not available', Ann: 'Not available' });
  });

  it('hides who has been inactive for more than 30 days, to the millisecond', async () => {
    const { rho, ann, bob } = await tree();
    await active(ann, '2026-05-01T10:00:00.000Z');
    await active(bob, '2026-05-01T09:59:59.999Z');
    expect(shown(await listOf(operator, rho, '?hideInactive=true'))).toEqual(['Rho', '  Ann', '  Bob', '  Cid']);
    now = '2026-05-31T10:00:00.000Z' as Instant;
    try {
      expect(shown(await listOf(operator, rho, '?hideInactive=true'))).toEqual(['(Rho)', '  Ann']);
      expect((await listOf(operator, rho, '?columns=lastActivity')).items.map(({ lastActivity }) => lastActivity)).toEqual([
        null,
        '2026-05-01T10:00:00.000Z',
        '2026-05-01T09:59:59.999Z',
        null,
      ]);
    } finally {
      now = NOW;
    }
  });

  it('shows the columns that are asked for, and refuses others', async () => {
    const { rho } = await tree();
    const [row] = (await listOf(operator, rho, '?columns=currency,status')).items;
    expect(Object.keys(row ?? {}).toSorted()).toEqual(
      ['currency', 'depth', 'id', 'matches', 'name', 'parentId', 'status', 'tier'].toSorted(),
    );
    const { status, body } = await operator.get<Problem>(`/tenants/${rho.id}/customer-tree?columns=secret`);
    expect([status, body.code]).toEqual([400, 'invalid-columns']);
    expect((await operator.get<Problem>(`/tenants/${rho.id}/customer-tree?sort=secret`)).body.code).toBe('invalid-sort');
  });

  it('is exported as it is filtered, with all columns or the chosen ones, and no formula', async () => {
    const { dee, rho } = await tree();
    await registered(`/tenants/${rho.id}/customers`, { tier: 'endCustomer', name: '=HYPERLINK("evil")', customerCode: '@SUM' });
    const lines = async (query: string): Promise<readonly string[]> => {
      const { status, body, headers } = await operator.get<string>(`/tenants/${dee.id}/customer-tree/export${query}`);
      expect([status, headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
      return body.trimEnd().split('\r\n');
    };
    const [headings, ...rows] = await lines('?customer=HYPER');
    expect(headings).toMatch(/^id,parentId,depth,matches,tier,name,customerCode,admin,status,/);
    expect(rows).toHaveLength(3);
    expect(rows.at(-1)).toContain(`,endCustomer,"'=HYPERLINK(""evil"")",'@SUM,`);
    expect((await lines('?columns=status&visibleOnly=true'))[0]).toBe('id,parentId,depth,matches,tier,name,status');
    expect(await lines('')).toHaveLength(9);
  });
});

describe('invoices and contracts of a customer', () => {
  it('are counted for the reseller alone, for the month asked about', async () => {
    const { dee, rho, ann, bob } = await tree();
    await billed(ann, '2026-03', '12.34');
    await billed(ann, '2026-02', '1');
    await billed(bob, '2026-03', null);
    const counts = async (client: HttpClient, of: Tenant, query = '') => {
      const { items } = await listOf(client, of, query);
      return Object.fromEntries(items.map(({ name, invoices }) => [name, invoices && invoices['proforma']]));
    };
    const reseller = await platform.asUser(rho.id, 'admin');
    expect(await counts(reseller, rho)).toEqual({ Rho: null, Ann: 1, Bob: 0, Cid: 0 });
    expect(await counts(reseller, rho, '?month=2026-01')).toEqual({ Rho: null, Ann: 0, Bob: 0, Cid: 0 });
    expect(await counts(await platform.asUser(dee.id, 'admin'), rho)).toEqual({ Rho: null, Ann: null, Bob: null, Cid: null });

    const { body } = await reseller.get<Summary>(`/tenants/${ann.id}/invoice-summary`);
    expect(body).toMatchObject({
      month: '2026-03',
      totalPossible: [{ currency: 'USD', amount: '12.34' }],
      totalPossibleAllStatuses: [{ currency: 'USD', amount: '12.34' }],
      totalIssuable: [{ currency: 'USD', amount: '12.34' }],
      // A name that holds another one's, as "Ann & Co" does, is another customer's.
      viewAll: `/api/v1/tenants/${ann.id}/bills?month=2026-03`,
    });
    expect(body.statuses[0]).toMatchObject({ status: 'proforma', count: 1, view: `/api/v1/tenants/${ann.id}/bills/2026-03` });
  });

  it('are counted for whoever may read the bills themselves', async () => {
    const { rho, ann } = await tree();
    await billed(ann, '2026-03', '12.34');
    await platform.happened(`access-control.accessSettings-${rho.id}`, {
      type: 'AccessModelChosen',
      data: { tenantId: rho.id, accessModel: 'carryOver' },
    });
    const seen = async (...permissions: readonly Permission[]) => {
      const roleId = randomUUID() as RoleId;
      await platform.happened(`access-control.role-${roleId}`, {
        type: 'RoleDefined',
        data: { tenantId: rho.id, path: rho.path, roleId, name: roleId, permissions },
      });
      const clerk = await platform.asUser(rho.id, customRole(roleId));
      const { items } = await listOf(clerk, rho);
      const { status } = await clerk.get(`/tenants/${ann.id}/invoice-summary`);
      return [items.find(({ name }) => name === 'Ann')?.invoices?.['proforma'] ?? null, status];
    };
    expect(await seen('tenants:read', 'financials:read')).toEqual([null, 403]);
    expect(await seen('tenants:read', 'bills:read')).toEqual([null, 403]);
    expect(await seen('tenants:read', 'bills:read', 'financials:read')).toEqual([1, 200]);
  });

  it('show three contracts at most, what counts now first', async () => {
    const { rho, ann } = await tree();
    const drafted = (contractId: string): DomainEvent => ({ type: 'ContractDrafted', data: { tenantId: ann.id, contractId } });
    const became = (contractId: string, to: string): DomainEvent => ({
      type: 'ContractStatusChanged',
      data: { tenantId: ann.id, contractId, to },
    });
    const stream = `contracts.tenantContracts-${ann.id}`;
    await platform.happened(stream, drafted('k1'), drafted('k2'), drafted('k3'), became('k2', 'active'));
    const reseller = await platform.asUser(rho.id, 'readOnly');
    const admin = await platform.asUser(rho.id, 'admin');
    const summary = async () => (await admin.get<{ contracts: unknown[] }>(`/tenants/${ann.id}/contract-summary`)).body;
    const all = `/api/v1/tenants/${ann.id}/contracts`;
    expect(await summary()).toMatchObject({
      total: 3,
      contracts: [
        { id: 'k2', status: 'active', view: `${all}/k2` },
        { id: 'k3', status: 'draft' },
        { id: 'k1', status: 'draft' },
      ],
      viewAll: null,
    });
    await platform.happened(stream, became('k1', 'cancelled'), drafted('k4'));
    expect(await summary()).toMatchObject({
      total: 4,
      contracts: [{ id: 'k2' }, { id: 'k4' }, { id: 'k3' }],
      viewAll: all,
    });
    expect((await reseller.get(`/tenants/${ann.id}/contract-summary`)).status).toBe(404);
  });

  it('are hidden from whoever supports a customer only, as are amounts and dates', async () => {
    const { rho, ann } = await tree();
    await billed(ann, '2026-03', '12.34');
    await active(ann, now);
    const userId = randomUUID() as UserId;
    const linked = { tenantId: ann.id, path: ann.path, userId, memberOf: rho.id, role: 'support', linkedBy: randomUUID() };
    await platform.happened(`access-control.userAccess-${userId}`, { type: 'AccessOpened', data: { userId } });
    await platform.happened(`access-control.membership-${rho.id}~${userId}`, {
      type: 'MembershipGranted',
      data: { tenantId: rho.id, userId, role: 'regular' },
    });
    const { accessToken } = await platform.running.platform.accessTokens.issue(userId);
    const regular = platform.http.with({ authorization: `Bearer ${accessToken}` });
    expect(shown(await listOf(regular, rho))).toEqual(['Rho']);
    await platform.happened(`access-control.customerLink-${ann.id}~${userId}`, { type: 'CustomerLinked', data: linked });
    const { items, total } = await listOf(regular, rho);
    expect([shown({ items, nextCursor: null, total }), total]).toEqual([['Rho', '  Ann'], 2]);
    expect(items[1]).toMatchObject({ contracts: null, invoices: null, mrr: null, sourceData: 'Not available' });
    expect(items[1]).toMatchObject({ ports: null, vcs: null, cloud: null, lastActivity: null, lastOrder: null });
    expect(items[0]).toMatchObject({ contracts: { draft: 0 }, lastActivity: null });
    expect((await listOf(operator, ann)).items[0]?.lastActivity).toBe(now);
    const exported = await regular.get<string>(
      `/tenants/${rho.id}/customer-tree/export?columns=contracts,invoices&visibleOnly=true`,
    );
    expect(exported.body.trimEnd().split('\r\n').at(-1)).toMatch(/,endCustomer,Ann,,$/);
    const own = await platform.asUser(ann.id, 'support');
    const [row] = (await listOf(own, ann)).items;
    expect(row).toMatchObject({ name: 'Ann', contracts: null, invoices: null, mrr: null });
    for (const path of ['contract-summary', 'invoice-summary'])
      expect((await own.get(`/tenants/${ann.id}/${path}`)).status).toBe(403);
  });
});

describe('when customers were about', () => {
  /** Ann was about last, then Dot, then Bob a long time ago; Cid never was. */
  const busy = async () => {
    const { rho, ann, bob, cid } = await tree();
    const dot = await under(rho, 'endCustomer', 'Dot');
    await active(ann, '2026-05-30T10:00:00.000Z');
    await active(dot, '2026-05-29T10:00:00.000Z');
    await active(bob, '2026-04-01T10:00:00.000Z');
    return { rho, ann, bob, cid, dot };
  };
  const later = async (ask: () => Promise<void>): Promise<void> => {
    now = '2026-05-31T10:00:00.000Z' as Instant;
    try {
      await ask();
    } finally {
      now = NOW;
    }
  };
  const namesOf = ({ items }: List<Row>): readonly string[] => items.map(({ name }) => name);

  /** The same whole, page by page and as a file; and no cursor tells more. */
  const everyWay = async (client: HttpClient, of: Tenant, query: string): Promise<List<Row>> => {
    const whole = await listOf(client, of, `?${query}`);
    const items: Row[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: List<Row> = await listOf(client, of, `?limit=1&${query}${cursor && `&cursor=${cursor}`}`);
      expect(page.total).toBe(whole.total);
      items.push(...page.items);
      cursor = page.nextCursor;
      expect(opened(cursor ?? '')).not.toMatch(/2026-0[45]-\d\dT10:00:00.000Z"/);
    }
    expect(items).toEqual(whole.items);
    const { body: file } = await client.get<string>(`/tenants/${of.id}/customer-tree/export?${query}`);
    const lines = file.trimEnd().split('\r\n').slice(1);
    expect(lines.map((line) => line.split(',')[5])).toEqual(namesOf(whole));
    return whole;
  };
  /** Whatever a cursor holds, cursors included. */
  const opened = (cursor: string): string => {
    const inner = cursor.slice(cursor.indexOf('~') + 1);
    const text = Buffer.from(inner, 'base64url').toString();
    return text + [...text.matchAll(/[\w-]{20,}/g)].map(([one]) => Buffer.from(one, 'base64url').toString()).join('');
  };

  it.each([
    ['is seen nowhere', 'carryOver', []],
    ['is seen nowhere of a few', 'perCustomer', ['Ann', 'Bob', 'Cid', 'Dot']],
  ] as const)('neither sorts nor hides for Support, for whom it %s', async (_, accessModel, names) => {
    const { rho, ann, bob, cid, dot } = await busy();
    const links = [ann, bob, cid, dot].filter(({ name }) => names.some((one) => one === name));
    const support = await member(
      rho,
      'support',
      accessModel,
      links.map((one) => [one, 'support'] as const),
    );
    const everybody = ['Rho', 'Ann', 'Bob', 'Cid', 'Dot'];
    await later(async () => {
      for (const query of ['sort=lastActivity', 'sort=-lastActivity', 'sort=-lastActivity,name', 'hideInactive=true']) {
        const found = await everyWay(support, rho, query);
        expect([query, found.total, namesOf(found)]).toEqual([query, 5, everybody]);
        expect(found.items.every(({ matches, lastActivity }) => matches && lastActivity === null)).toBe(true);
      }
      const reversed = await everyWay(support, rho, 'sort=lastActivity,-name&hideInactive=true&customer=o');
      expect(shown(reversed)).toEqual(['Rho', '  Dot', '  Bob']);
    });
  });

  it.each([
    ['of all', 'regular', 'carryOver', { Ann: 'support', Cid: 'support' }],
    ['of a few', 'regular', 'perCustomer', { Ann: 'support', Bob: 'regular', Cid: 'support', Dot: 'regular' }],
    ['of a few, as one of Support', 'support', 'carryOver', { Bob: 'regular', Dot: 'regular' }],
  ] as const)('sorts and hides those only of whom it is seen, %s', async (_, role, accessModel, roles) => {
    const { rho, ann, bob, cid, dot } = await busy();
    const links = [ann, bob, cid, dot].flatMap((one) => {
      const linkedAs = Object.entries(roles).find(([name]) => name === one.name)?.[1];
      return linkedAs === undefined ? [] : [[one, linkedAs] as const];
    });
    const mixed = await member(rho, role, accessModel, links);
    await later(async () => {
      expect(namesOf(await everyWay(mixed, rho, 'sort=lastActivity,name'))).toEqual(['Rho', 'Ann', 'Cid', 'Bob', 'Dot']);
      expect(namesOf(await everyWay(mixed, rho, 'sort=-lastActivity,-name'))).toEqual(['Rho', 'Dot', 'Bob', 'Cid', 'Ann']);
      expect(namesOf(await everyWay(mixed, rho, 'sort=currency,-lastActivity,name'))).toEqual([
        'Rho',
        'Dot',
        'Bob',
        'Ann',
        'Cid',
      ]);
      const hidden = await everyWay(mixed, rho, 'hideInactive=true');
      expect([hidden.total, namesOf(hidden)]).toEqual([4, ['Rho', 'Ann', 'Cid', 'Dot']]);
      expect(hidden.items.slice(1).map(({ lastActivity }) => lastActivity)).toEqual([null, null, '2026-05-29T10:00:00.000Z']);
      expect(shown(await everyWay(mixed, rho, 'hideInactive=true&customer=bob'))).toEqual([]);
      expect(shown(await everyWay(mixed, rho, 'hideInactive=true&customer=cid'))).toEqual(['(Rho)', '  Cid']);
    });
  });

  it('has any other order the same, whether the store sorts or not', async () => {
    const { rho, ann, bob } = await busy();
    for (const [name, customerCode] of Object.entries({ '\ufdfd': 'b', '😀': 'A', ärger: 'ä' }))
      await registered(`/tenants/${rho.id}/customers`, {
        tier: 'endCustomer',
        name,
        customerCode,
        primaryDomain: `${customerCode}.io`,
      });
    await platform.asUser(bob.id, 'admin');
    await platform.settled();
    const mixed = await member(rho, 'regular', 'carryOver', [[ann, 'support']]);
    for (const by of ['name', 'customerCode', 'tier', 'currency', 'primaryDomain', 'registeredAt', 'status', 'sourceData'])
      for (const sort of [by, `-${by}`, `${by},-name`]) {
        const { items } = await listOf(mixed, rho, `?sort=${sort}`);
        const sorted = await listOf(mixed, rho, `?sort=${sort}&hideInactive=true`);
        expect([sort, ...namesOf(sorted)]).toEqual([sort, ...items.map(({ name }) => name)]);
      }
  });

  it('sorts and hides all for whoever sees all', async () => {
    const { rho } = await busy();
    await later(async () => {
      const regular = await member(rho, 'regular', 'carryOver');
      expect(namesOf(await listOf(regular, rho, '?sort=-lastActivity'))).toEqual(['Rho', 'Ann', 'Dot', 'Bob', 'Cid']);
      expect(shown(await listOf(regular, rho, '?hideInactive=true'))).toEqual(['(Rho)', '  Ann', '  Dot']);
    });
  });
});
