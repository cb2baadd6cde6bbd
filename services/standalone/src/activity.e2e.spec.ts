import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { type StreamName } from '#libs/event-sourcing/event';
import { HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { addAdministrator } from '#services/access-control/src/administrator';
import { SERVICES } from './services.ts';

type Tenant = Readonly<{ id: TenantId }>;
type Entry = Readonly<{
  tenantId: TenantId;
  event: string;
  category: string;
  user: Readonly<{ email: string | null; name: string }>;
  onBehalf: boolean;
  changes: Readonly<Record<string, unknown>> | null;
  subject: Readonly<{ email: string | null; name: string }> | null;
}>;
type Log = Readonly<{ items: readonly Entry[]; total: number; nextCursor: string | null }>;

const PASSWORD = 'a long enough password';

describe('the activity log', () => {
  let platform: TestPlatform;
  let operator: HttpClient;
  let reseller: TenantId;
  let customer: TenantId;
  let ofReseller: HttpClient;
  let ofCustomer: HttpClient;

  const made = async (path: string, body: object): Promise<TenantId> => {
    const answer = await operator.post<Tenant>(path, body);
    expect(answer.status).toBe(201);
    return answer.body.id;
  };
  const user = async (tenantId: TenantId, email: string, role: string): Promise<HttpClient> => {
    await made(`/tenants/${tenantId}/users`, { email, name: email, password: PASSWORD, role });
    return platform.as(email, PASSWORD);
  };
  const log = async (tenantId: TenantId, query = '', as = operator): Promise<Log> => {
    const { status, body } = await as.get<Log>(`/tenants/${tenantId}/activity${query}`);
    expect(status).toBe(200);
    return body;
  };

  const idOf = async (tenantId: TenantId, address: string): Promise<string> => {
    type Users = Readonly<{ items: readonly Readonly<{ id: string; email: string }>[] }>;
    const { body } = await operator.get<Users>(`/tenants/${tenantId}/users`);
    const found = body.items.find(({ email }) => email === address);
    if (!found) throw new Error(`${address} is no user`);
    return found.id;
  };

  const mirror = (on: boolean): Promise<void> =>
    platform.happened(`access-control.accessSettings-${reseller}`, {
      type: 'ActivityMirrorChosen',
      data: { tenantId: reseller, mirror: on },
    });

  beforeAll(async () => {
    platform = await startPlatform(SERVICES);
    await addAdministrator(platform.running.platform, 'root@example.com', PASSWORD);
    operator = await platform.as('root@example.com', PASSWORD);
    reseller = await made('/tenants', { tier: 'reseller', name: 'Reseller', currency: 'USD' });
    customer = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Customer' });
    ofReseller = await user(reseller, 'rita@example.com', 'admin');
    ofCustomer = await user(customer, 'carl@example.com', 'admin');
    expect((await ofReseller.patch(`/tenants/${customer}`, { name: 'By the reseller' })).status).toBe(200);
    expect((await ofCustomer.patch(`/tenants/${customer}`, { name: 'By itself' })).status).toBe(200);
  });

  afterAll(() => platform.close());

  it('has what somebody of the reseller did in the log of the customer, under their own address, and not in the reseller’s', async () => {
    const { items } = await log(customer, '?category=tenants', ofCustomer);
    expect(items.map(({ event, user: { email }, onBehalf, changes }) => [event, email, onBehalf, changes?.['name']])).toEqual([
      ['TenantProfileChanged', 'carl@example.com', false, 'By itself'],
      ['TenantProfileChanged', 'rita@example.com', true, 'By the reseller'],
    ]);
    const own = await log(reseller, '', ofReseller);
    expect(own.items.map(({ event }) => event)).not.toContain('TenantProfileChanged');
    expect(own.items.map(({ event }) => event)).toContain('TenantRegistered');
  });

  it('refers to it in the reseller’s log, without what changed, where the reseller has chosen that', async () => {
    await mirror(true);
    const mirrored = (await log(reseller, '?category=tenants&user=rita@example.com')).items;
    expect(mirrored).toMatchObject([{ tenantId: customer, event: 'TenantProfileChanged', changes: null, onBehalf: true }]);
    const withoutReach = await platform.asUser(reseller, 'readOnly');
    expect((await withoutReach.get(`/tenants/${customer}`)).status).toBe(404);
    const theirs = await log(reseller, '', withoutReach);
    expect(new Set(theirs.items.map(({ tenantId }) => tenantId))).toEqual(new Set([reseller]));
    expect(theirs.total).toBe(theirs.items.length);
    await mirror(false);
    expect((await log(reseller, '?user=rita@example.com')).items.map(({ tenantId }) => tenantId)).not.toContain(customer);
  });

  it('is filtered by who it was, by time and by category, page by page', async () => {
    const all = await log(customer);
    const carls = (await log(customer, '?user=CARL@example.com')).items;
    expect(carls.map(({ event }) => event)).toEqual(['TenantProfileChanged', 'UserLoggedIn']);
    expect((await log(customer, '?user=carl@example.com&category=access')).total).toBe(1);
    expect((await log(customer, '?user=nobody@example.com')).total).toBe(0);
    expect((await log(customer, '?category=users')).items.map(({ category }) => category)).toEqual(['users']);
    expect((await log(customer, '?to=2020-01-01T00:00:00Z')).total).toBe(0);
    expect((await log(customer, '?from=2020-01-01T01:00:00%2B01:00')).total).toBe(all.total);
    const first = await log(customer, '?limit=1');
    expect(first.items).toEqual(all.items.slice(0, 1));
    expect((await log(customer, `?limit=1&cursor=${String(first.nextCursor)}`)).items).toEqual(all.items.slice(1, 2));
    for (const query of ['?from=yesterday', '?category=nothing', '?sort=name'])
      expect((await operator.get(`/tenants/${customer}/activity${query}`)).status).toBe(400);
  });

  it('tells who logged in, in the log of each tenant whose user it is', async () => {
    const logins = async (tenantId: TenantId): Promise<number> =>
      (await log(tenantId, '?user=lena@example.com&category=access')).total;
    await user(reseller, 'lena@example.com', 'sales');
    const userId = await idOf(reseller, 'lena@example.com');
    const stream = `access-control.membership-${customer}~${userId}`;
    await platform.happened(stream, { type: 'MembershipGranted', data: { tenantId: customer, userId, role: 'readOnly' } });
    expect([await logins(reseller), await logins(customer)]).toEqual([1, 0]);
    await platform.as('lena@example.com', PASSWORD);
    expect([await logins(reseller), await logins(customer)]).toEqual([2, 1]);
    await platform.happened(stream, { type: 'MembershipDisabled', data: { tenantId: customer, userId } });
    await platform.as('lena@example.com', PASSWORD);
    expect([await logins(reseller), await logins(customer)]).toEqual([3, 1]);
    const wrong = await new HttpClient(platform.url).post('/auth/login', { email: 'lena@example.com', password: 'not the one' });
    expect([wrong.status, await logins(reseller)]).toEqual([401, 3]);
    expect((await log(reseller, '?user=lena@example.com')).items[0]).toMatchObject({
      event: 'UserLoggedIn',
      user: { email: 'lena@example.com' },
      onBehalf: false,
      changes: { tenantId: reseller, userId, method: 'password' },
    });
  });

  it('tells who logged out, of one session or of all, in the log of each tenant whose user it is', async () => {
    const ways = async (tenantId: TenantId): Promise<readonly unknown[]> =>
      (await log(tenantId, '?user=otto@example.com')).items
        .filter(({ event }) => event === 'UserLoggedOut')
        .map(({ category, onBehalf, changes }) => [category, onBehalf, changes?.['everywhere']]);
    const desk = await user(reseller, 'otto@example.com', 'regular');
    const userId = await idOf(reseller, 'otto@example.com');
    await platform.happened(`access-control.membership-${customer}~${userId}`, {
      type: 'MembershipGranted',
      data: { tenantId: customer, userId, role: 'readOnly' },
    });
    const phone = await platform.as('otto@example.com', PASSWORD);
    const { body } =
      await phone.get<Readonly<{ items: readonly Readonly<{ id: string; isCurrent: boolean }>[] }>>('/me/sessions');
    const [first] = body.items.filter(({ isCurrent }) => !isCurrent);
    for (const status of [204, 204]) expect((await phone.delete(`/me/sessions/${String(first?.id)}`)).status).toBe(status);
    expect([await ways(reseller), await ways(customer)]).toEqual([[['access', false, false]], [['access', false, false]]]);
    expect((await desk.post('/auth/logout')).status).toBe(401);
    expect((await phone.post('/auth/logout')).status).toBe(204);
    expect((await phone.post('/auth/logout')).status).toBe(401);
    const both = [
      ['access', false, true],
      ['access', false, false],
    ];
    expect([await ways(reseller), await ways(customer)]).toEqual([both, both]);
  });

  it('tells once that somebody was locked out for wrong passwords, by nobody, and nothing of an address that nobody has', async () => {
    const quiet = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Guarded' });
    await made(`/tenants/${quiet}/users`, { email: 'lock@example.com', name: 'Lock', password: PASSWORD, role: 'admin' });
    const userId = await idOf(quiet, 'lock@example.com');
    const failing = async (email: string): Promise<readonly unknown[]> => {
      const answers: unknown[] = [];
      for (let tried = 0; tried < 12; tried++) {
        const { status, body } = await new HttpClient(platform.url).post<Readonly<{ traceId: string }>>('/auth/login', {
          email,
          password: 'not the one',
        });
        answers.push([status, { ...body, traceId: '' }]);
      }
      await platform.settled();
      return answers;
    };
    const { store } = platform.running.platform;
    const told = async () => (await log(quiet, '?category=access')).items.filter(({ event }) => event === 'UserLockedOut');
    const ofNobody = await failing('nobody-at-all@example.com');
    expect(ofNobody.map((answer) => (answer as [number])[0])).toEqual([...Array<number>(10).fill(401), 429, 429]);
    expect(await told()).toEqual([]);
    expect(await failing('Lock@example.com')).toEqual(ofNobody);
    expect(await told()).toMatchObject([
      {
        user: { id: 'login', email: null },
        onBehalf: false,
        level: 'warning',
        changes: { tenantId: quiet, userId, until: expect.any(String) },
      },
    ]);
    expect((await store.read(`access-control.tenantActivity-${quiet}` as StreamName)).events).toEqual([]);
    const support = await platform.asUser(quiet, 'support');
    expect((await log(quiet, '?category=access', support)).items[0]).toMatchObject({
      changes: { tenantId: quiet, userId: null },
    });
  });

  it('tells who switched in, under their own address, and in the reseller’s log where it has chosen that', async () => {
    const switches = async (tenantId: TenantId): Promise<readonly Entry[]> =>
      (await log(tenantId, '?user=rita@example.com')).items.filter(({ event }) => event === 'UserSwitchedIn');
    const key = { 'idempotency-key': 'once' };
    for (const headers of [key, key])
      expect((await ofReseller.put(`/tenants/${customer}/switch`, undefined, headers)).status).toBe(200);
    expect(await switches(customer)).toMatchObject([
      {
        tenantId: customer,
        category: 'access',
        user: { email: 'rita@example.com' },
        onBehalf: true,
        changes: { tenantId: customer },
      },
    ]);
    expect(await switches(reseller)).toEqual([]);
    await mirror(true);
    expect(await switches(reseller)).toMatchObject([{ tenantId: customer, onBehalf: true, changes: null }]);
    await mirror(false);
    expect((await ofCustomer.put(`/tenants/${reseller}/switch`)).status).toBe(404);
    expect((await log(reseller, '?user=carl@example.com')).total).toBe(0);
  });

  it('has as done for the customer what a role from above permits, and as its own what being its user does', async () => {
    const served = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Served' });
    const both = async (email: string, above: string, here: string): Promise<HttpClient> => {
      const as = await user(reseller, email, above);
      const userId = await idOf(reseller, email);
      await platform.happened(`access-control.membership-${served}~${userId}`, {
        type: 'MembershipGranted',
        data: { tenantId: served, userId, role: here },
      });
      return as;
    };
    const doing = async (as: HttpClient, name: string): Promise<void> =>
      expect(await as.patch(`/tenants/${served}`, { name })).toMatchObject({ status: 200 });
    const told = async (tenantId: TenantId, email: string): Promise<readonly unknown[]> =>
      (await log(tenantId, `?user=${email}`)).items
        .filter((entry) => entry.tenantId === served && entry.event !== 'UserLoggedIn')
        .map(({ event, onBehalf }) => [event, onBehalf])
        .toReversed();
    // By being Admin of the reseller, also where they are the customer's Admin: itself, and in its context.
    for (const [email, here] of [
      ['sue@example.com', 'support'],
      ['amy@example.com', 'admin'],
    ] as const) {
      const as = await both(email, 'admin', here);
      await doing(as, `By ${email}`);
      const { body } = await as.put<Readonly<{ accessToken: string }>>(`/tenants/${served}/switch`);
      const inCustomer = platform.http.with({ authorization: `Bearer ${body.accessToken}` });
      await doing(inCustomer, `By ${email} again`);
      const done = ['TenantProfileChanged', 'UserSwitchedIn', 'TenantProfileChanged'].map((event) => [event, true]);
      expect(await told(served, email)).toEqual(done);
      await mirror(true);
      expect(await told(reseller, email)).toEqual(done);
      await mirror(false);
    }
    // By being the customer's Admin alone: a Regular of the reseller is nothing there.
    await doing(await both('reg@example.com', 'regular', 'admin'), 'By one of its own');
    expect(await told(served, 'reg@example.com')).toEqual([['TenantProfileChanged', false]]);
    await mirror(true);
    expect(await told(reseller, 'reg@example.com')).toEqual([]);
    await mirror(false);
    // By a role above that decides about the customer, and is nothing in it.
    const { role } = (
      await ofReseller.post<Readonly<{ role: string }>>(`/tenants/${reseller}/roles`, {
        name: 'Porter',
        permissions: ['access:write', 'users:read', 'tenants:read'],
      })
    ).body;
    const porter = await both('porter@example.com', role, 'support');
    const asked = await porter.post(`/tenants/${served}/delegated-accesses`, { role: 'support', hours: 1, reason: 'x' });
    expect(asked).toMatchObject({ status: 201 });
    expect(await told(served, 'porter@example.com')).toEqual([['DelegatedAccessRequested', true]]);
  });

  it('comes as CSV with the same filter, harmless to a spreadsheet', async () => {
    expect((await ofCustomer.patch(`/tenants/${customer}`, { name: '=1+1' })).status).toBe(200);
    const { status, body, headers } = await ofCustomer.get<string>(`/tenants/${customer}/activity/export?user=carl@example.com`);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
    const [headings, ...lines] = body.trimEnd().split('\r\n');
    expect(headings).toMatch(/^time,user,impersonated,onBehalf,/);
    expect(lines).toHaveLength(3);
    expect(lines.every((line) => line.includes('carl@example.com') && !/(^|,)[=+@]/.test(line))).toBe(true);
  });

  it('counts for a tenant’s last activity what its own users do, logging in included, and not what is done for it', async () => {
    const { body } = await operator.post<Tenant>(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Quiet' });
    const about = async (tenantId: TenantId): Promise<number> => {
      await platform.settled();
      const stream = `access-control.tenantActivity-${tenantId}` as StreamName;
      return (await platform.running.platform.store.read(stream)).events.length;
    };
    expect((await ofReseller.patch(`/tenants/${body.id}`, { name: 'Still quiet' })).status).toBe(200);
    await user(body.id, 'quinn@example.com', 'admin').then((quinn) => quinn.get('/me'));
    expect([await about(body.id), await about(customer), await about(reseller)]).toEqual([1, 1, 1]);
    const silent = await operator.post<Tenant>(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Silent' });
    expect((await ofReseller.patch(`/tenants/${silent.body.id}`, { name: 'By the reseller' })).status).toBe(200);
    expect(await about(silent.body.id)).toBe(0);
  });

  it('tells of imports, invitations and tasks of the onboarding, who did it and no more of it than one may know', async () => {
    const at = `/tenants/${customer}`;
    const form = new FormData();
    form.set('format', 'focus');
    form.append('files', new Blob(['BilledCost\n']), 'month.csv');
    const imported = await ofReseller.post<Tenant>(`${at}/imports/upload`, form);
    expect(imported.status).toBe(202);
    const invited = await ofCustomer.post<Tenant>(`${at}/invitations`, {
      email: 'ivan@example.com',
      name: 'Ivan',
      role: 'readOnly',
    });
    expect(invited.status).toBe(201);
    expect((await ofCustomer.post(`${at}/invitations/${invited.body.id}/revoke`)).status).toBe(200);
    const skipped = { task: 'connectCloudAccount', reason: 'Buys licences only' };
    expect((await ofReseller.post(`${at}/onboarding/skip`, skipped)).status).toBe(200);
    expect((await ofReseller.post(`${at}/onboarding/start`, { task: 'assignContract' })).status).toBe(200);

    const told = async (event: string, as = operator): Promise<unknown> => {
      const found = (await log(customer, '', as)).items.filter((entry) => entry.event === event);
      expect(found).toHaveLength(1);
      return found[0];
    };
    const [rita, carl] = ['rita@example.com', 'carl@example.com'].map((email) => ({ email }));
    expect(await told('ImportRequested')).toMatchObject({
      category: 'usage',
      user: rita,
      onBehalf: true,
      changes: { tenantId: customer, importId: imported.body.id, format: 'focus' },
    });
    expect(await told('InvitationSent')).toMatchObject({
      category: 'users',
      user: carl,
      onBehalf: false,
      changes: { tenantId: customer, invitationId: invited.body.id, email: 'ivan@example.com', name: 'Ivan', role: 'readOnly' },
    });
    expect(await told('InvitationRevoked')).toMatchObject({ user: carl, changes: { invitationId: invited.body.id } });
    expect(await told('OnboardingTaskSkipped')).toMatchObject({
      category: 'tenants',
      user: rita,
      changes: { tenantId: customer, ...skipped },
    });
    expect(await told('OnboardingTaskStarted')).toMatchObject({
      user: rita,
      changes: { tenantId: customer, task: 'assignContract' },
    });
    const support = await platform.asUser(customer, 'support');
    expect(await told('ImportRequested', support)).toMatchObject({ changes: { importId: imported.body.id, format: null } });
    expect(JSON.stringify(await log(customer, '', support))).not.toContain('ivan@example.com');
  });

  it('says what changed, as far as one may read it', async () => {
    const at = `/tenants/${customer}`;
    const company = { legalName: 'Customer Ltd.', taxId: 'DE123', phone: '+49 30 1', website: 'https://customer.example' };
    const address = { line1: 'Main Street 1', line2: null, city: 'Berlin', region: null, postalCode: '10115', country: 'DE' };
    const profile = await ofCustomer.get(`${at}/profile`);
    const ifMatch = { 'if-match': String(profile.headers.get('etag')) };
    expect((await ofCustomer.patch(`${at}/profile`, { ...company, address }, ifMatch)).status).toBe(200);
    const contact = { type: 'billing', name: 'Bill', email: 'bill@example.com', phone: '+49 30 2', billingAccount: 'A-1' };
    const { id } = (await ofCustomer.post<Tenant>(`${at}/contacts`, contact)).body;
    expect((await ofCustomer.patch(`${at}/contacts/${id}`, { phone: '+49 30 3' })).status).toBe(200);
    await made(`${at}/users`, { email: 'gone@example.com', name: 'Gone', password: PASSWORD, role: 'regular' });
    const gone = await idOf(customer, 'gone@example.com');
    expect((await ofCustomer.delete(`${at}/users/${gone}`)).status).toBe(204);

    const told = async (event: string, as: HttpClient): Promise<Entry | undefined> =>
      (await log(customer, '?limit=500', as)).items.find((entry) => entry.event === event);
    expect((await told('CompanyProfileSaved', ofCustomer))?.changes).toEqual({ tenantId: customer, ...company, address });
    const { type: contactType, ...details } = contact;
    const known = { tenantId: customer, contactId: id, contactType };
    expect((await told('ContactAdded', ofCustomer))?.changes).toEqual({ ...known, ...details });
    expect((await told('ContactChanged', ofCustomer))?.changes).toEqual({ ...known, ...details, phone: '+49 30 3' });
    expect(await told('MembershipRevoked', ofCustomer)).toMatchObject({
      changes: { userId: gone },
      subject: { email: 'gone@example.com', name: 'Gone' },
    });
    expect(await told('CompanyProfileSaved', ofCustomer)).toMatchObject({ subject: null });
    // Nobody learns here of a user of a tenant above their own.
    const asked = await operator.post(`${at}/delegated-accesses`, {
      role: 'support',
      hours: 1,
      reason: 'x',
      userId: await idOf(reseller, 'rita@example.com'),
    });
    expect(asked.status).toBe(201);
    expect(await told('DelegatedAccessRequested', ofReseller)).toMatchObject({ subject: null });

    const clerk = await ofCustomer.post<Readonly<{ role: string }>>(`${at}/roles`, {
      name: 'Clerk',
      permissions: ['activity:read'],
    });
    const blind = await user(customer, 'blind@example.com', clerk.body.role);
    expect((await told('CompanyProfileSaved', blind))?.changes).toMatchObject({ tenantId: customer, taxId: null, address: null });
    expect((await told('ContactChanged', blind))?.changes).toMatchObject({ contactId: id, phone: null, billingAccount: null });
    expect(await told('MembershipRevoked', blind)).toMatchObject({ changes: { userId: null }, subject: null });
    expect((await blind.get<string>(`${at}/activity/export`)).body).not.toContain('gone@example.com');
    expect((await ofCustomer.get<string>(`${at}/activity/export`)).body).toContain('gone@example.com');
  });

  it('is nobody’s outside the tenant’s reach', async () => {
    const stranger = await platform.asUser(
      (await operator.post<Tenant>('/tenants', { tier: 'reseller', name: 'S', currency: 'USD' })).body.id,
      'admin',
    );
    for (const path of ['activity', 'activity/export']) {
      const foreign = await stranger.get<object>(`/tenants/${customer}/${path}`);
      const unknown = await stranger.get<object>(`/tenants/${randomUUID()}/${path}`);
      expect([foreign.status, { ...foreign.body, traceId: '' }]).toEqual([404, { ...unknown.body, traceId: '' }]);
    }
  });
});
