import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SHOWN_CATEGORIES, shownData } from '#libs/access-policy/shown-data';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { PUBLIC_EVENTS } from '#libs/wire/events';
import { SERVICES } from './services.ts';

type Event = Readonly<{ id: string; type: string; tenantId: TenantId; source: string; data: Readonly<Record<string, unknown>> }>;
type Feed = Readonly<{ items: readonly Event[]; nextCursor: string; caughtUp: boolean }>;
type Tenant = Readonly<{ id: TenantId }>;

const CONTRACT = {
  name: 'Secret price',
  start: '2026-01-01',
  customLineItems: [{ name: 'Goodwill', type: 'fixedDiscount', amount: '12.345', frequency: { type: 'once', on: '2026-01-15' } }],
};

describe('the feed of events', () => {
  let platform: TestPlatform;
  let operator: HttpClient;
  let reseller: TenantId;
  let customer: TenantId;
  let stranger: TenantId;

  const made = async (path: string, body: object): Promise<TenantId> => {
    const answer = await operator.post<Tenant>(path, body);
    if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
    return answer.body.id;
  };
  const feed = async (as: HttpClient, query = ''): Promise<Feed> => {
    const { status, body } = await as.get<Feed>(`/events${query}`);
    expect(status).toBe(200);
    return body;
  };

  beforeAll(async () => {
    platform = await startPlatform(SERVICES);
    operator = await platform.asOperator();
    reseller = await made('/tenants', { tier: 'reseller', name: 'Reseller', currency: 'USD' });
    customer = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Customer' });
    stranger = await made('/tenants', { tier: 'reseller', name: 'Stranger', currency: 'USD' });
    await made(`/tenants/${customer}/contracts`, CONTRACT);
  });

  afterAll(() => platform.close());

  it('tells each reader of the tenants within reach, in order, and of no other', async () => {
    const ofReseller = await feed(await platform.asUser(reseller, 'admin'));
    expect(ofReseller.caughtUp).toBe(true);
    expect(new Set(ofReseller.items.map(({ tenantId }) => tenantId))).toEqual(new Set([reseller, customer]));
    const types = ofReseller.items.map(({ type }) => type);
    expect(types.indexOf('TenantRegistered')).toBeLessThan(types.indexOf('ContractDrafted'));
    const ofCustomer = await feed(await platform.asUser(customer, 'readOnly'));
    expect(new Set(ofCustomer.items.map(({ tenantId }) => tenantId))).toEqual(new Set([customer]));
    expect(JSON.stringify(ofCustomer)).not.toContain(reseller);
    expect(JSON.stringify(await feed(await platform.asUser(stranger, 'admin')))).not.toContain(customer);
  });

  it('goes on where the cursor says, without gap or repeat, also after a time of nothing', async () => {
    const admin = await platform.asUser(reseller, 'admin');
    const whole = await feed(admin);
    const seen: string[] = [];
    let cursor = '';
    for (let asked = 0; asked < whole.items.length + 1; asked++) {
      const { items, nextCursor } = await feed(admin, `?limit=1${cursor && `&cursor=${cursor}`}`);
      seen.push(...items.map(({ id }) => id));
      cursor = nextCursor;
    }
    expect(seen).toEqual(whole.items.map(({ id }) => id));
    expect(await feed(admin, `?cursor=${cursor}`)).toMatchObject({ items: [], caughtUp: true });
    expect((await operator.patch(`/tenants/${customer}`, { name: 'Renamed' })).status).toBe(200);
    expect((await feed(admin, `?cursor=${cursor}`)).items).toMatchObject([
      { type: 'TenantProfileChanged', tenantId: customer, data: { name: 'Renamed' } },
    ]);
  });

  it('refuses a cursor of another list', async () => {
    for (const cursor of ['x', Buffer.from('["another log",3]').toString('base64url'), Buffer.from('[3]').toString('base64url')])
      expect((await operator.get(`/events?cursor=${cursor}`)).status).toBe(400);
  });

  it('is there for each service alone, with cursors of its own: together they are the whole', async () => {
    const admin = await platform.asUser(reseller, 'admin');
    const whole = await feed(admin);
    const parts: Event[] = [];
    let foreign = whole.nextCursor;
    for (const { name } of SERVICES) {
      const at = `/services/${name}/events`;
      let cursor: string | undefined;
      for (let caughtUp = false; !caughtUp;) {
        const { status, body } = await admin.get<Feed>(`${at}?limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`);
        expect(status).toBe(200);
        expect(body.items.filter(({ source }) => !source.startsWith(`${name}.`))).toEqual([]);
        parts.push(...body.items);
        ({ caughtUp, nextCursor: cursor } = body);
      }
      expect((await admin.get(`${at}?cursor=${foreign}`)).status).toBe(400);
      foreign = cursor ?? '';
      expect((await admin.get(`/events?cursor=${foreign}`)).status).toBe(400);
    }
    const ids = (events: readonly Event[]) => events.map(({ id }) => id).toSorted();
    expect(ids(parts)).toEqual(ids(whole.items));
    expect((await admin.get('/services/nothing/events')).status).toBe(404);
    expect((await platform.http.get('/services/tenants/events')).status).toBe(401);
  });

  it('holds no price, and for Support nothing but who and what of a contract', async () => {
    expect(JSON.stringify(await feed(operator))).not.toContain('12.345');
    const support = await feed(await platform.asUser(customer, 'support'));
    expect(support.items.find(({ type }) => type === 'ContractDrafted')?.data).toEqual({
      tenantId: customer,
      contractId: expect.any(String),
      tier: null,
    });
  });

  it('is for those who may read events somewhere', async () => {
    expect((await platform.http.get('/events')).status).toBe(401);
    const admin = await platform.asUser(reseller, 'admin');
    const account = await admin.post<Tenant>(`/tenants/${reseller}/service-accounts`, {
      name: 'S',
      permissions: ['tenants:read'],
    });
    const at = `/tenants/${reseller}/service-accounts/${account.body.id}`;
    const { body } = await admin.post<Readonly<{ key: string }>>(`${at}/keys`, {});
    const tokenOf = async (): Promise<HttpClient> => {
      const issued = await platform.http.post<Readonly<{ accessToken: string }>>('/auth/service-token', { key: body.key });
      return platform.http.with({ authorization: `Bearer ${issued.body.accessToken}` });
    };
    const system = await tokenOf();
    expect((await system.get('/events')).status).toBe(403);
    expect((await admin.patch(at, { permissions: ['events:read'] })).status).toBe(200);
    expect(new Set((await feed(system)).items.map(({ tenantId }) => tenantId))).toEqual(new Set([reseller, customer]));
  });

  it('names contacts to those only who may read contacts, and so does the activity log', async () => {
    const admin = await platform.asUser(reseller, 'admin');
    await made(`/tenants/${customer}/contacts`, { type: 'technical', name: 'Tess Technical', email: 'tess@example.com' });
    const systemWith = async (...permissions: readonly string[]): Promise<HttpClient> => {
      const accounts = `/tenants/${reseller}/service-accounts`;
      const { id } = (await admin.post<Tenant>(accounts, { name: permissions.join(), permissions })).body;
      const { key } = (await admin.post<Readonly<{ key: string }>>(`${accounts}/${id}/keys`, {})).body;
      const { body } = await platform.http.post<Readonly<{ accessToken: string }>>('/auth/service-token', { key });
      return platform.http.with({ authorization: `Bearer ${body.accessToken}` });
    };
    const told = async (as: HttpClient): Promise<readonly unknown[]> => {
      const ofFeed = (await feed(as)).items.find(({ type }) => type === 'ContactAdded')?.data;
      const { body } = await as.get<Readonly<{ items: readonly Readonly<{ event: string; changes: unknown }>[] }>>(
        `/tenants/${customer}/activity`,
      );
      const file = await as.get<string>(`/tenants/${customer}/activity/export`);
      return [ofFeed, body.items.find(({ event }) => event === 'ContactAdded')?.changes, file.body.includes('Tess')];
    };
    const whole = {
      tenantId: customer,
      contactId: expect.any(String),
      contactType: 'technical',
      name: 'Tess Technical',
      email: 'tess@example.com',
      phone: null,
      billingAccount: null,
    };
    const nameless = { ...whole, name: null, email: null };
    expect(await told(await systemWith('tenants:read', 'events:read', 'activity:read', 'contacts:read'))).toEqual([
      whole,
      whole,
      true,
    ]);
    const blind = await systemWith('tenants:read', 'events:read', 'activity:read');
    expect((await blind.get(`/tenants/${customer}/contacts`)).status).toBe(403);
    expect(await told(blind)).toEqual([nameless, nameless, false]);
  });

  it('tells of users and of access those only who may read them from their routes, and so does the activity log', async () => {
    const admin = await platform.asUser(reseller, 'admin');
    const [support, readOnly] = [await platform.asUser(customer, 'support'), await platform.asUser(customer, 'readOnly')];
    const at = `/tenants/${customer}`;
    const role = await made(`${at}/roles`, { name: 'Clerks', permissions: ['tenants:read'] });
    await made(`${at}/invitations`, { email: 'invited@example.com', role: `custom:${role}` });
    const account = await made(`${at}/service-accounts`, { name: 'Bookkeeping', permissions: ['tenants:read'] });
    const users = { name: 'New', password: 'a long enough password', role: 'sales' };
    expect((await admin.post(`${at}/users`, { ...users, email: 'new@example.com' })).status).toBe(201);
    const above = { ...users, email: 'above@example.com', role: 'regular' };
    const linked = await made(`/tenants/${reseller}/users`, above);
    expect((await admin.post(`${at}/customer-links`, { userId: linked, role: 'regular' })).status).toBe(201);

    type Told = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    const told = async (as: HttpClient): Promise<Told> => {
      const ofFeed = (await feed(as)).items.filter(({ tenantId }) => tenantId === customer);
      const { body } = await as.get<Readonly<{ items: readonly Readonly<{ event: string; changes: Event['data'] }>[] }>>(
        `${at}/activity?limit=500`,
      );
      const inFeed = Object.fromEntries(ofFeed.map(({ type, data }) => [type, data]));
      const inLog = Object.fromEntries(body.items.toReversed().map(({ event, changes }) => [event, changes]));
      expect(inFeed).toMatchObject(inLog);
      return inLog;
    };
    const NEWS = ['MembershipGranted', 'RoleDefined', 'InvitationSent', 'ServiceAccountCreated', 'CustomerLinked'];
    const namesIn = (events: Told) =>
      NEWS.map((type) => Object.keys(events[type] ?? {}).filter((key) => events[type]?.[key] !== null));
    for (const route of ['users', 'roles', 'invitations', 'service-accounts', 'customer-links', 'access-settings'])
      expect([route, (await support.get(`${at}/${route}`)).status]).toEqual([route, 403]);
    expect(namesIn(await told(support))).toEqual([
      ['tenantId'],
      ['tenantId', 'roleId'],
      ['tenantId', 'invitationId'],
      ['tenantId', 'serviceAccountId'],
      ['tenantId'],
    ]);
    const file = (await support.get<string>(`${at}/activity/export`)).body;
    expect(file).toContain('ServiceAccountCreated');
    for (const secret of ['Clerks', 'Bookkeeping', 'sales', linked]) expect(file).not.toContain(secret);

    const ofReader = await told(readOnly);
    expect(ofReader['MembershipGranted']).toMatchObject({ role: 'sales', userId: expect.any(String) });
    expect(ofReader['RoleDefined']).toMatchObject({ roleId: role, name: 'Clerks', permissions: ['tenants:read'] });
    expect(ofReader['InvitationSent']).toMatchObject({ roleId: role });
    expect(ofReader['ServiceAccountCreated']).toEqual({
      tenantId: customer,
      serviceAccountId: account,
      name: null,
      permissions: null,
    });
    expect(ofReader['CustomerLinked']).toMatchObject({ userId: null, role: null });
    const ofAdmin = await told(admin);
    expect(ofAdmin['ServiceAccountCreated']).toMatchObject({ name: 'Bookkeeping' });
    expect(ofAdmin['CustomerLinked']).toMatchObject({ userId: linked });
  });

  it('shows events that are published only', () => {
    const published = PUBLIC_EVENTS.flatMap(({ type, categories }) => categories.map((category) => [category, type] as const));
    for (const category of SHOWN_CATEGORIES) {
      const types = published.filter(([of]) => of === category).map(([, type]) => type);
      expect(types.some((type) => shownData(category, type, {}) !== undefined)).toBe(true);
    }
    expect(published.filter(([category, type]) => shownData(category, type, {}) !== undefined).length).toBeGreaterThan(35);
  });
});
