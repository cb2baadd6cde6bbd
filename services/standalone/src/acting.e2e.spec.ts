import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type StreamName } from '#libs/event-sourcing/event';
import { BUNDLES } from '#libs/access-policy/roles';
import { type Answer, type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId, type UserId } from '#libs/published/ids';
import { systemClock } from '#libs/time/time';
import { addAdministrator } from '#services/access-control/src/administrator';
import { SERVICES } from './services.ts';

type Problem = Readonly<{ code: string }>;
type Issued = Readonly<{ accessToken: string; expiresAt: string; impersonationId?: string }>;
type Entry = Readonly<{ event: string; user: object; impersonated: object | null; via: string | null; reason: string | null }>;
type Log = Readonly<{ items: readonly Entry[] }>;
type List = Readonly<{ total: number; items: readonly Readonly<{ id: string; name: string }>[] }>;
type Delegated = Readonly<{ id: string; status: string; until: string | null }>;
type DelegatedList = Readonly<{ items: readonly Delegated[]; total: number; nextCursor: string | null }>;

const PASSWORD = 'a long enough password';

let platform: TestPlatform;
let operator: HttpClient;
let distributor: TenantId;
let reseller: TenantId;
let customer: TenantId;
let sibling: TenantId;
const people = new Map<string, UserId>();

const made = async (path: string, body: object): Promise<TenantId> => {
  const answer = await operator.post<Readonly<{ id: TenantId }>>(path, body);
  expect({ path, status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
  return answer.body.id;
};
const user = async (tenantId: TenantId, name: string, role: string): Promise<HttpClient> => {
  const email = `${name}@example.com`;
  people.set(name, (await made(`/tenants/${tenantId}/users`, { email, name, password: PASSWORD, role })) as string as UserId);
  return platform.as(email, PASSWORD);
};
const idOf = (name: string): UserId => {
  const id = people.get(name);
  if (id === undefined) throw new Error(`nobody is called ${name}`);
  return id;
};
const bearer = ({ accessToken }: Issued): HttpClient => platform.http.with({ authorization: `Bearer ${accessToken}` });
const switched = async (as: HttpClient, tenantId: TenantId): Promise<HttpClient> => {
  const { status, body } = await as.put<Issued>(`/tenants/${tenantId}/switch`);
  expect(status).toBe(200);
  return bearer(body);
};
const impersonating = async (as: HttpClient, tenantId: TenantId, name: string): Promise<Issued> => {
  const { status, body } = await as.post<Issued>(`/tenants/${tenantId}/users/${idOf(name)}/impersonation`, {
    reason: 'Ticket 7',
  });
  expect({ status, body }).toMatchObject({ status: 201 });
  return body;
};
const statusOf = async (answer: Promise<Readonly<{ status: number }>>): Promise<number> => (await answer).status;
const refusal = async (answer: Promise<Readonly<{ status: number; body: unknown }>>): Promise<readonly unknown[]> => {
  const { status, body } = await answer;
  return [status, (body as Problem).code];
};
const log = async (tenantId: TenantId, query = ''): Promise<readonly Entry[]> =>
  (await operator.get<Log>(`/tenants/${tenantId}/activity${query}`)).body.items;

beforeAll(async () => {
  platform = await startPlatform(SERVICES, { environment: { LOGINS_PER_MINUTE: '1000' } });
  await addAdministrator(platform.running.platform, 'root@example.com', PASSWORD);
  operator = await platform.as('root@example.com', PASSWORD);
  distributor = await made('/tenants', { tier: 'distributor', name: 'Distributor', currency: 'USD' });
  reseller = await made(`/tenants/${distributor}/customers`, { tier: 'reseller', name: 'Reseller' });
  customer = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Customer' });
  sibling = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Sibling' });
});

afterAll(() => platform.close());

describe('a switch into a tenant', () => {
  let dora: HttpClient;
  let inReseller: HttpClient;

  beforeAll(async () => {
    dora = await user(distributor, 'dora', 'admin');
    inReseller = await switched(dora, reseller);
  });

  it('shows what the tenant’s own admin sees, and nothing above or beside', async () => {
    const native = await user(reseller, 'rhea', 'admin');
    const [seen, own] = [await inReseller.get<List>('/tenants'), await native.get<List>('/tenants')];
    expect(seen.body).toEqual(own.body);
    expect(await statusOf(inReseller.get(`/tenants/${reseller}`))).toBe(200);
    expect((await inReseller.get(`/tenants/${reseller}`)).body).toEqual((await native.get(`/tenants/${reseller}`)).body);
    expect(await refusal(inReseller.get(`/tenants/${distributor}`))).toEqual([404, 'tenant-not-found']);
    const inCustomer = await switched(dora, customer);
    expect(await refusal(inCustomer.get(`/tenants/${sibling}`))).toEqual([404, 'tenant-not-found']);
    expect(await statusOf(dora.get(`/tenants/${distributor}`))).toBe(200);
  });

  it('says where one is, and leaves its mark on what is done', async () => {
    expect((await inReseller.get('/me/context')).body).toEqual({
      userId: idOf('dora'),
      personId: idOf('dora'),
      via: 'switch',
      tenantId: reseller,
      home: distributor,
      reason: null,
    });
    expect(await statusOf(inReseller.patch(`/tenants/${customer}`, { name: 'By Dora' }))).toBe(200);
    expect((await log(customer))[0]).toMatchObject({ user: { email: 'dora@example.com' }, via: 'switch', onBehalf: true });
  });

  it('lets nobody in who is shut out below', async () => {
    const users = `/tenants/${reseller}/users`;
    const email = 'shut@example.com';
    const body = { email, name: 'Shut out', password: PASSWORD, role: 'admin', childTenantRole: 'none' };
    expect(await statusOf(operator.post(users, body))).toBe(201);
    const shut = await platform.as(email, PASSWORD);
    const inOwn = await switched(shut, reseller);
    for (const as of [shut, inOwn]) {
      expect(await statusOf(as.get(`/tenants/${reseller}`))).toBe(200);
      expect(await refusal(as.get(`/tenants/${customer}`))).toEqual([404, 'tenant-not-found']);
      expect((await as.get<List>('/tenants')).body.items.map(({ id }) => id)).toEqual([reseller]);
    }
    // Nor as somebody who is not.
    const rhea = `/tenants/${reseller}/users/${idOf('rhea')}/impersonation`;
    const asRhea = bearer((await shut.post<Issued>(rhea, { reason: 'x' })).body);
    expect(await statusOf(asRhea.get(`/tenants/${reseller}`))).toBe(200);
    expect(await refusal(asRhea.get(`/tenants/${customer}`))).toEqual([404, 'tenant-not-found']);
  });

  it('makes nobody a user of the tenant', async () => {
    const disabling = inReseller.post(`/tenants/${reseller}/users/${idOf('dora')}/disable`);
    expect(await refusal(disabling)).toEqual([404, 'user-not-found']);
    expect(await refusal(dora.post(`/tenants/${distributor}/users/${idOf('dora')}/disable`))).toEqual([422, 'yourself']);
  });

  it('leads to no other context', async () => {
    expect(await statusOf(inReseller.put(`/tenants/${customer}/switch`))).toBe(403);
    const rhea = idOf('rhea');
    expect(await statusOf(inReseller.post(`/tenants/${reseller}/users/${rhea}/impersonation`, { reason: 'x' }))).toBe(403);
  });

  it('is for Sales only where a role of their own says so', async () => {
    const sally = await user(distributor, 'sally', 'sales');
    expect(await statusOf(sally.put(`/tenants/${customer}/switch`))).toBe(403);
    const stranger = await platform.asUser(await made('/tenants', { tier: 'reseller', name: 'S', currency: 'USD' }), 'admin');
    expect(await refusal(stranger.put(`/tenants/${customer}/switch`))).toEqual([404, 'tenant-not-found']);
  });

  it('ends with the session that it stems from', async () => {
    const own = await platform.as('dora@example.com', PASSWORD);
    const context = await switched(own, customer);
    expect(await statusOf(own.post('/auth/logout'))).toBe(204);
    expect(await statusOf(context.get(`/tenants/${customer}`))).toBe(401);
  });
});

describe('impersonating a user', () => {
  let rita: HttpClient;

  beforeAll(async () => {
    rita = await user(reseller, 'rita', 'admin');
    await user(customer, 'cleo', 'admin');
    await user(customer, 'carl', 'sales');
  });

  it('shows exactly what that user sees, and names both in the log', async () => {
    const cleo = await platform.as('cleo@example.com', PASSWORD);
    const asCleo = bearer(await impersonating(rita, customer, 'cleo'));
    expect((await asCleo.get('/tenants')).body).toEqual((await cleo.get('/tenants')).body);
    expect(await refusal(asCleo.get(`/tenants/${reseller}`))).toEqual([404, 'tenant-not-found']);
    expect(await statusOf(asCleo.patch(`/tenants/${customer}`, { name: 'By Cleo?' }))).toBe(200);
    const [done, began] = await log(customer);
    expect(done).toMatchObject({
      event: 'TenantProfileChanged',
      user: { email: 'rita@example.com' },
      impersonated: { email: 'cleo@example.com' },
      via: 'impersonation',
      reason: 'Ticket 7',
    });
    expect(began).toMatchObject({ event: 'ImpersonationStarted', level: 'warning', user: { email: 'rita@example.com' } });
    expect((await log(reseller)).map(({ event }) => event)).not.toContain('TenantProfileChanged');
  });

  it('is told to the user and to the customer’s own Admins by a letter, and to nobody else', async () => {
    const told = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Told' });
    for (const [name, role] of Object.entries({ tess: 'regular', tara: 'admin', tom: 'support' })) await user(told, name, role);
    await impersonating(rita, told, 'tess');
    await platform.settled();
    const folder = join(platform.dataDir, 'mail');
    const letters = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
    const about = letters.map((letter) => letter.replaceAll('=\r\n', '')).filter((letter) => letter.includes(' at Told'));
    expect(about.map((letter) => /^To: (.*)\r$/m.exec(letter)?.[1]).toSorted()).toEqual(['tara@example.com', 'tess@example.com']);
    for (const letter of about) expect(letter).toMatch(/rita@example\.com[^]*Ticket 7/);
  });

  it('does not move the last activity of the customer', async () => {
    const quiet = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Quiet' });
    const email = 'quinn@example.com';
    people.set(
      'quinn',
      (await made(`/tenants/${quiet}/users`, { email, name: 'Q', password: PASSWORD, role: 'admin' })) as string as UserId,
    );
    const asQuinn = bearer(await impersonating(rita, quiet, 'quinn'));
    expect(await statusOf(asQuinn.patch(`/tenants/${quiet}`, { name: 'By Rita' }))).toBe(200);
    await platform.settled();
    const { store } = platform.running.platform;
    const streams = await store.read(`access-control.tenantActivity-${quiet}` as StreamName);
    expect(streams.events).toEqual([]);
  });

  it('lasts half an hour at most, and needs a reason', async () => {
    const { expiresAt } = await impersonating(rita, customer, 'carl');
    const minutes = (Date.parse(expiresAt) - Date.parse(systemClock.now())) / 60_000;
    expect(minutes).toBeGreaterThan(29);
    expect(minutes).toBeLessThanOrEqual(30);
    const at = `/tenants/${customer}/users/${idOf('carl')}/impersonation`;
    for (const body of [{}, { reason: '' }, { reason: 'x', minutes: 31 }, { reason: 'x', minutes: 0 }])
      expect(await statusOf(rita.post(at, body))).toBe(400);
  });

  it('is not for a user of a tenant above, for oneself, or for whoever may not', async () => {
    await user(distributor, 'dan', 'admin');
    const reason = { reason: 'x' };
    const path = (tenantId: TenantId, name: string): string => `/tenants/${tenantId}/users/${idOf(name)}/impersonation`;
    expect(await refusal(rita.post(path(distributor, 'dan'), reason))).toEqual([404, 'tenant-not-found']);
    expect(await refusal(rita.post(path(customer, 'dan'), reason))).toEqual([404, 'user-not-found']);
    expect(await refusal(rita.post(path(reseller, 'rita'), reason))).toEqual([422, 'impersonation-not-allowed']);
    const carl = await platform.as('carl@example.com', PASSWORD);
    expect(await statusOf(carl.post(path(customer, 'cleo'), reason))).toBe(403);
    // Somebody of the customer who is one of the distributor's, too.
    const granted = { tenantId: customer, userId: idOf('dan'), role: 'regular' };
    await platform.happened(`access-control.membership-${customer}~${granted.userId}`, {
      type: 'MembershipGranted',
      data: granted,
    });
    expect(await refusal(rita.post(path(customer, 'dan'), reason))).toEqual([422, 'impersonation-not-allowed']);
  });

  it('leads to no other user or tenant, and changes no credentials', async () => {
    const asCleo = bearer(await impersonating(rita, customer, 'cleo'));
    for (const answer of [
      asCleo.post(`/tenants/${customer}/users/${idOf('carl')}/impersonation`, { reason: 'x' }),
      asCleo.put(`/tenants/${customer}/switch`),
      asCleo.post('/auth/logout'),
      asCleo.get('/me/sessions'),
      asCleo.post(`/tenants/${customer}/service-accounts`, { name: 'X', permissions: ['tenants:read'] }),
    ])
      expect(await statusOf(answer)).toBe(403);
  });

  it('changes nothing of who may enter, which a service account may whose scope says so', async () => {
    const asCleo = bearer(await impersonating(rita, customer, 'cleo'));
    const inCustomer = await switched(rita, customer);
    const accounts = `/tenants/${customer}/service-accounts`;
    const permissions = [...BUNDLES.admin];
    const { id } = (await inCustomer.post<Readonly<{ id: string }>>(accounts, { name: 'X', permissions })).body;
    const { key } = (await inCustomer.post<Readonly<{ key: string }>>(`${accounts}/${id}/keys`, {})).body;
    const system = bearer((await platform.http.post<Issued>('/auth/service-token', { key })).body);
    const carl = `/tenants/${customer}/users/${idOf('carl')}`;
    const guest = { email: 'guest@example.com', name: 'Guest', role: 'readOnly' };
    const statuses = (as: HttpClient): Promise<readonly number[]> =>
      Promise.all(
        [
          as.post(`/tenants/${customer}/invitations`, guest),
          as.post(`/tenants/${customer}/invitations/bulk`, { invitations: [], onFaults: 'none' }),
          as.post(`/tenants/${customer}/users`, { ...guest, email: `${randomUUID()}@example.com`, password: PASSWORD }),
          as.patch(carl, { role: 'readOnly' }),
          as.post(`${carl}/disable`),
          as.post(`${carl}/enable`),
          as.patch(`/tenants/${customer}/access-settings`, { accessModel: 'carryOver' }),
          as.post(`/tenants/${customer}/roles`, { name: 'Clerk', permissions: ['tenants:read'] }),
        ].map(statusOf),
      );
    expect(new Set(await statuses(asCleo))).toEqual(new Set([403]));
    expect(await statuses(system)).toEqual([201, 200, 201, 200, 200, 200, 200, 201]);
  });

  it('ends at once by whoever does it, by the customer, and with the person’s own login or role', async () => {
    const reaches = (as: HttpClient): Promise<number> => statusOf(as.get(`/tenants/${customer}`));
    const one = bearer(await impersonating(rita, customer, 'cleo'));
    expect(await statusOf(one.post('/me/impersonation/end'))).toBe(204);
    expect(await reaches(one)).toBe(401);
    expect(await refusal(rita.post('/me/impersonation/end'))).toEqual([422, 'not-impersonating']);

    const issued = await impersonating(rita, customer, 'cleo');
    const cleo = await platform.as('cleo@example.com', PASSWORD);
    const listed = await cleo.get<Readonly<{ items: readonly object[] }>>(`/tenants/${customer}/impersonations`);
    expect(listed.body.items[0]).toMatchObject({ id: issued.impersonationId, actorId: idOf('rita'), endedAt: null });
    const ending = `/impersonations/${String(issued.impersonationId)}/end`;
    expect(await refusal(operator.post(`/tenants/${sibling}${ending}`))).toEqual([404, 'impersonation-not-found']);
    expect(await statusOf(cleo.post(`/tenants/${customer}${ending}`))).toBe(204);
    expect(await reaches(bearer(issued))).toBe(401);

    const again = await platform.as('rita@example.com', PASSWORD);
    const third = bearer(await impersonating(again, customer, 'cleo'));
    expect(await statusOf(again.post('/auth/logout'))).toBe(204);
    expect(await reaches(third)).toBe(401);
  });
});

describe('delegated access', () => {
  let ruth: HttpClient;
  let own: HttpClient;
  let regular: HttpClient;
  const at = (): string => `/tenants/${customer}/delegated-accesses`;

  const requested = async (role = 'support'): Promise<Delegated> => {
    const body = { role, hours: 2, reason: 'Ticket 8', userId: idOf('rob') };
    const answer = await ruth.post<Delegated>(at(), body);
    expect({ status: answer.status, body: answer.body }).toMatchObject({
      status: 201,
      body: { status: 'requested', until: null },
    });
    return answer.body;
  };

  beforeAll(async () => {
    ruth = await user(reseller, 'ruth', 'admin');
    regular = await user(reseller, 'rob', 'regular');
    own = await user(customer, 'clara', 'admin');
  });

  it('is granted by one of the customer’s own Admins, and by nobody else', async () => {
    expect(await refusal(regular.get(`/tenants/${customer}`))).toEqual([404, 'tenant-not-found']);
    const { id } = await requested();
    expect(await refusal(regular.get(`/tenants/${customer}`))).toEqual([404, 'tenant-not-found']);
    expect(await refusal(ruth.post(`${at()}/${id}/approve`))).toEqual([422, 'approval-is-the-tenants-own']);
    const inCustomer = await switched(ruth, customer);
    expect(await refusal(inCustomer.post(`${at()}/${id}/approve`))).toEqual([422, 'approval-is-the-tenants-own']);
    const asClara = bearer(await impersonating(ruth, customer, 'clara'));
    expect(await statusOf(asClara.post(`${at()}/${id}/approve`))).toBe(403);
    const approved = await own.post<Delegated>(`${at()}/${id}/approve`);
    expect([approved.status, approved.body.status]).toEqual([200, 'approved']);
    expect(await statusOf(regular.get(`/tenants/${customer}`))).toBe(200);
    expect(await statusOf(regular.patch(`/tenants/${customer}`, { name: 'No' }))).toBe(403);
    expect(await refusal(regular.get(`/tenants/${sibling}`))).toEqual([404, 'tenant-not-found']);
    expect((await own.post<Delegated>(`${at()}/${id}/end`)).body.status).toBe('ended');
    expect(await refusal(regular.get(`/tenants/${customer}`))).toEqual([404, 'tenant-not-found']);
  });

  it('marks what is done with it', async () => {
    const { id } = await requested('admin');
    expect(await statusOf(own.post(`${at()}/${id}/approve`))).toBe(200);
    expect(await statusOf(regular.patch(`/tenants/${customer}`, { name: 'By Rob' }))).toBe(200);
    expect((await log(customer, '?category=tenants'))[0]).toMatchObject({
      user: { email: 'rob@example.com' },
      via: 'delegated',
      onBehalf: true,
    });
    expect(await statusOf(own.post(`${at()}/${id}/end`))).toBe(200);
  });

  it('counts instead of a link while it lasts, and the link again from then on', async () => {
    const there = `/tenants/${customer}`;
    const linking = ruth.post(`${there}/customer-links`, { userId: idOf('rob'), role: 'support' });
    expect(await statusOf(linking)).toBe(201);
    const roleThere = async (): Promise<readonly unknown[]> => {
      const { body } = await regular.get<Readonly<{ roles: readonly string[] }>>(`${there}/access`);
      return [body.roles, await statusOf(regular.patch(there, { name: 'By Rob' }))];
    };
    expect(await roleThere()).toEqual([['support'], 403]);
    const { id } = await requested('admin');
    expect(await statusOf(own.post(`${at()}/${id}/approve`))).toBe(200);
    expect(await roleThere()).toEqual([['admin'], 200]);
    const inviting = regular.post(`${there}/invitations`, { email: 'stays@example.com', name: 'Stays', role: 'support' });
    expect(await refusal(inviting)).toEqual([403, 'not-by-delegated-access']);
    expect(await statusOf(own.post(`${at()}/${id}/end`))).toBe(200);
    expect(await roleThere()).toEqual([['support'], 403]);
    expect(await statusOf(ruth.delete(`${there}/customer-links/${idOf('rob')}`))).toBe(204);
  });

  it('leaves nothing behind by which somebody may enter', async () => {
    const { id } = await requested('admin');
    expect(await statusOf(own.post(`${at()}/${id}/approve`))).toBe(200);
    const there = `/tenants/${customer}`;
    const someone = { email: 'stays@example.com', name: 'Stays', role: 'admin' };
    const lasting = (client: HttpClient): readonly Promise<Answer<unknown>>[] => [
      client.post(`${there}/users`, { ...someone, password: PASSWORD }),
      client.post(`${there}/users/${idOf('clara')}/disable`),
      client.post(`${there}/invitations`, someone),
      client.post(`${there}/roles`, { name: 'Stays', permissions: ['tenants:read'] }),
      client.post(`${there}/service-accounts`, { name: 'Stays', permissions: ['tenants:read'] }),
      client.patch(`${there}/access-settings`, { activityMirror: true }),
      client.post(`${at()}/${id}/end`),
    ];
    // A context is left with what it rests on, and is no way around it.
    const inContext = await switched(regular, customer);
    for (const client of [regular, inContext]) {
      expect(await statusOf(client.patch(there, { name: 'By Rob again' }))).toBe(200);
      for (const asked of lasting(client)) expect(await refusal(asked)).toEqual([403, 'not-by-delegated-access']);
    }
    expect(await statusOf(own.post(`${at()}/${id}/end`))).toBe(200);
    expect(await statusOf(inContext.get(there))).toBe(401);
  });

  it('may be declined, and is decided once', async () => {
    const { id } = await requested();
    expect((await own.post<Delegated>(`${at()}/${id}/decline`)).body.status).toBe('declined');
    expect(await refusal(own.post(`${at()}/${id}/approve`))).toEqual([422, 'delegated-access-decided']);
    const declined = await own.get<Readonly<{ items: readonly Delegated[] }>>(`${at()}?status=declined`);
    expect(declined.body.items.map((one) => one.id)).toEqual([id]);
    expect((await own.get<Delegated>(`${at()}/${id}`)).body.status).toBe('declined');
  });

  it('is asked for by an Admin of a tenant above, for a user of one', async () => {
    const body = { role: 'support', hours: 2, reason: 'x' };
    expect(await statusOf(own.post(at(), body))).toBe(403);
    expect(await refusal(ruth.post(at(), { ...body, userId: idOf('clara') }))).toEqual([422, 'user-not-above']);
    // Whoever is of a tenant above her own is nobody that she could know of.
    expect(await refusal(ruth.post(at(), { ...body, userId: idOf('dan') }))).toEqual([422, 'user-not-above']);
    for (const wrong of [
      { ...body, role: 'operator' },
      { ...body, hours: 721 },
      { ...body, reason: '' },
    ])
      expect(await statusOf(ruth.post(at(), wrong))).toBe(400);
    const { id } = await requested();
    expect(await refusal(ruth.get(`/tenants/${sibling}/delegated-accesses/${id}`))).toEqual([404, 'delegated-access-not-found']);
    expect((await ruth.post<Delegated>(`${at()}/${id}/end`)).body.status).toBe('ended');
  });

  it('shows the customer who asks: the person, and the tenant above whose user it is', async () => {
    const { id } = await requested();
    const asked = { userId: idOf('rob'), email: 'rob@example.com', name: 'rob', memberOfName: 'Reseller' };
    expect((await own.get(`${at()}/${id}`)).body).toMatchObject(asked);
    expect((await own.get<DelegatedList>(at())).body.items[0]).toMatchObject({ id, ...asked });
    const platforms = await operator.post<Delegated>(at(), { role: 'support', hours: 1, reason: 'x' });
    expect(platforms.body).toMatchObject({ email: 'root@example.com', memberOfName: null });
    for (const one of [id, platforms.body.id]) expect((await own.post<Delegated>(`${at()}/${one}/decline`)).status).toBe(200);
  });

  it('is told to the customer’s own Admins by a letter, once, and to nobody else', async () => {
    const asked = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Asked' });
    for (const [name, role] of Object.entries({ ari: 'admin', art: 'admin', ava: 'regular' })) await user(asked, name, role);
    const body = { role: 'support', hours: 3, reason: 'Ticket 9', userId: idOf('rob') };
    const once = { 'idempotency-key': 'asked-once' };
    for (const headers of [once, once])
      expect(await statusOf(ruth.post(`/tenants/${asked}/delegated-accesses`, body, headers))).toBe(201);
    await platform.settled();
    const folder = join(platform.dataDir, 'mail');
    const letters = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
    const about = letters.map((letter) => letter.replaceAll('=\r\n', '')).filter((letter) => letter.includes(' to Asked'));
    expect(about.map((letter) => /^To: (.*)\r$/m.exec(letter)?.[1]).toSorted()).toEqual(['ari@example.com', 'art@example.com']);
    for (const letter of about) expect(letter).toMatch(/rob@example\.com[^]*Reseller[^]*support[^]*3 hours[^]*Ticket 9/);
  });

  it('is the matter of the customer, of whoever has it, and of the tenants from theirs upwards; to one in between there is none', async () => {
    const dan = await platform.as('dan@example.com', PASSWORD);
    const dora = await platform.as('dora@example.com', PASSWORD);
    const inBetween = [ruth, await switched(ruth, customer), await switched(dora, reseller)];
    const above = [operator, dan, await switched(dan, customer)];
    const seen = async (as: HttpClient, id: string): Promise<boolean> => {
      const { body } = await as.get<DelegatedList>(`${at()}?limit=500`);
      expect(body.total).toBe(body.items.length);
      return body.items.some((one) => one.id === id);
    };
    for (const ending of [...above, own]) {
      const asking = dan.post<Delegated>(at(), { role: 'support', hours: 1, reason: 'x' });
      const { id } = (await asking).body;
      for (const as of inBetween) {
        expect(await seen(as, id)).toBe(false);
        const [unknown, hidden] = [randomUUID(), id].map((each) => as.get<object>(`${at()}/${each}`));
        expect({ ...(await hidden)?.body, traceId: '' }).toEqual({ ...(await unknown)?.body, traceId: '' });
        expect(await refusal(as.post(`${at()}/${id}/end`))).toEqual([404, 'delegated-access-not-found']);
      }
      for (const as of [...above, own]) {
        expect(await seen(as, id)).toBe(true);
        expect((await as.get<Delegated>(`${at()}/${id}`)).body.status).toBe('requested');
      }
      expect((await ending.post<Delegated>(`${at()}/${id}/end`)).body.status).toBe('ended');
    }
    // Somebody who asks in another tenant's context is still who asked.
    const inReseller = await switched(dan, reseller);
    const { id } = (await inReseller.post<Delegated>(at(), { role: 'support', hours: 1, reason: 'x' })).body;
    expect((await inReseller.post<Delegated>(`${at()}/${id}/end`)).body.status).toBe('ended');
    const ofReseller = await requested();
    expect((await dan.post<Delegated>(`${at()}/${ofReseller.id}/end`)).body.status).toBe('ended');
  });

  it('is decided by nobody of a tenant above, whatever they are in the customer, and shown to them as from there', async () => {
    const granted = (tenantId: TenantId, name: string, role: string): Promise<void> =>
      platform.happened(`access-control.membership-${tenantId}~${idOf(name)}`, {
        type: 'MembershipGranted',
        data: { tenantId, userId: idOf(name), role },
      });
    const asked = async (as: HttpClient, name: string, role = 'support'): Promise<string> =>
      (await as.post<Delegated>(at(), { role, hours: 1, reason: 'x', userId: idOf(name) })).body.id;
    const dan = await platform.as('dan@example.com', PASSWORD);
    const both = await Promise.all(
      (
        [
          ['admin', 'support'],
          ['admin', 'admin'],
          ['regular', 'admin'],
          ['support', 'admin'],
        ] as const
      ).map(async ([above, here]) => {
        const name = `${above}-above-${here}`;
        const as = await user(reseller, name, above);
        await granted(customer, name, here);
        return as;
      }),
    );
    const [ofReseller, ofDistributor] = [await asked(ruth, 'rob', 'admin'), await asked(dan, 'dan')];
    for (const themselves of both)
      for (const as of [themselves, await switched(themselves, customer)]) {
        for (const answer of ['approve', 'decline'])
          expect(await refusal(as.post(`${at()}/${ofReseller}/${answer}`))).toEqual([422, 'approval-is-the-tenants-own']);
        const shown = (await as.get<DelegatedList>(`${at()}?limit=500`)).body.items.map(({ id }) => id);
        expect([ofReseller, ofDistributor].map((id) => shown.includes(id))).toEqual([true, false]);
        expect(await refusal(as.get(`${at()}/${ofDistributor}`))).toEqual([404, 'delegated-access-not-found']);
        expect(await refusal(as.post(`${at()}/${ofDistributor}/end`))).toEqual([404, 'delegated-access-not-found']);
        const told = (
          await as.get<Readonly<{ items: readonly Readonly<{ event: string; changes: object | null }>[] }>>(
            `/tenants/${customer}/activity?limit=500`,
          )
        ).body.items.find(({ event }) => event === 'DelegatedAccessRequested');
        expect(told?.changes).toMatchObject({ userId: null, reason: null });
      }
    // Nor by a role of the customer's own that may let others in, a service account of it, or an Admin who has become a user above.
    const permissions = ['access:write', 'users:read', 'tenants:read'];
    const { role } = (await own.post<Readonly<{ role: string }>>(`/tenants/${customer}/roles`, { name: 'Porter', permissions }))
      .body;
    const porter = await user(customer, 'porter', role);
    const accounts = `/tenants/${customer}/service-accounts`;
    const { id } = (await own.post<Readonly<{ id: string }>>(accounts, { name: 'Doors', permissions })).body;
    const { key } = (await own.post<Readonly<{ key: string }>>(`${accounts}/${id}/keys`, {})).body;
    const system = bearer((await platform.http.post<Issued>('/auth/service-token', { key })).body);
    const risen = await user(customer, 'risen', 'admin');
    expect((await porter.get<Delegated>(`${at()}/${ofDistributor}`)).body.status).toBe('requested');
    expect((await risen.get<Delegated>(`${at()}/${ofDistributor}`)).body.status).toBe('requested');
    await granted(reseller, 'risen', 'regular');
    expect(await refusal(risen.get(`${at()}/${ofDistributor}`))).toEqual([404, 'delegated-access-not-found']);
    for (const as of [porter, risen])
      expect(await refusal(as.post(`${at()}/${ofReseller}/approve`))).toEqual([422, 'approval-is-the-tenants-own']);
    expect(await statusOf(system.post(`${at()}/${ofReseller}/approve`))).toBe(403);
    for (const one of [ofReseller, ofDistributor]) expect(await statusOf(own.post(`${at()}/${one}/decline`))).toBe(200);
  });

  it('is listed as what it is, also once its time is over, page by page', async () => {
    const late = await made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: 'Late' });
    const past = Date.parse(systemClock.now()) - 3_600_000;
    const hour = (offset: number): string => new Date(past + offset * 3_600_000).toISOString();
    const given = async (until: string): Promise<string> => {
      const delegatedAccessId = randomUUID();
      const of = { delegatedAccessId, tenantId: late, userId: idOf('rob') };
      const asked = { path: [distributor, reseller, late], memberOf: reseller, role: 'support', hours: 1, reason: 'x' };
      await platform.happened(
        `access-control.delegatedAccess-${delegatedAccessId}`,
        { type: 'DelegatedAccessRequested', data: { ...of, ...asked, requestedAt: hour(-2) } },
        { type: 'DelegatedAccessApproved', data: { ...of, from: hour(-1), until } },
      );
      return delegatedAccessId;
    };
    const over = [await given(hour(0)), await given(hour(0))].toSorted().toReversed();
    const lasting = await given(hour(2));
    const found = async (query: string): Promise<DelegatedList> => {
      const answer = await ruth.get<DelegatedList>(`/tenants/${late}/delegated-accesses${query}`);
      expect(answer.status).toBe(200);
      return answer.body;
    };
    const first = await found('?status=expired&limit=1');
    const second = await found(`?status=expired&limit=1&cursor=${String(first.nextCursor)}`);
    expect([...first.items, ...second.items].map(({ id, status }) => [id, status])).toEqual(over.map((id) => [id, 'expired']));
    expect([first.total, second.total, second.nextCursor]).toEqual([2, 2, null]);
    expect((await found('?status=approved')).items.map(({ id, status }) => [id, status])).toEqual([[lasting, 'approved']]);
    for (const wrong of ['?status=over', '?status=expired&cursor=x', `?status=approved&cursor=${String(first.nextCursor)}`])
      expect(await statusOf(ruth.get(`/tenants/${late}/delegated-accesses${wrong}`))).toBe(400);
  });
});
