import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BUNDLES } from '#libs/access-policy/roles';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type RoleId, type TenantId } from '#libs/published/ids';
import { SERVICES } from './services.ts';

type Problem = Readonly<{ code: string }>;
type Account = Readonly<{ id: string; name: string; permissions: readonly string[]; keys: readonly { number: number }[] }>;
type Key = Readonly<{ number: number; key: string; until: string | null }>;
type Token = Readonly<{ accessToken: string }>;

describe('a service account', () => {
  let platform: TestPlatform;
  let root: TenantId;
  let customer: TenantId;
  let admin: HttpClient;

  const made = async <Body extends Readonly<{ id: string }>>(as: HttpClient, path: string, body: object): Promise<Body> => {
    const answer = await as.post<Body>(path, body);
    expect({ path, status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
    return answer.body;
  };
  const account = (permissions: readonly string[], as = admin): Promise<Account> =>
    made(as, `/tenants/${root}/service-accounts`, { name: 'Accounting', permissions });
  const keyOf = async ({ id }: Account, body: object = {}): Promise<Key> => {
    const { status, body: key } = await admin.post<Key>(`/tenants/${root}/service-accounts/${id}/keys`, body);
    expect(status).toBe(201);
    return key;
  };
  const tokenFor = (key: string) => platform.http.post<Token & Problem>('/auth/service-token', { key });
  const asSystem = async (key: string): Promise<HttpClient> => {
    const { status, body } = await tokenFor(key);
    expect(status).toBe(200);
    return platform.http.with({ authorization: `Bearer ${body.accessToken}` });
  };

  beforeAll(async () => {
    platform = await startPlatform(SERVICES);
    const operator = await platform.asOperator();
    root = (await made<{ id: TenantId }>(operator, '/tenants', { tier: 'reseller', name: 'Root', currency: 'USD' })).id;
    customer = (await made<{ id: TenantId }>(operator, `/tenants/${root}/customers`, { tier: 'endCustomer', name: 'C' })).id;
    admin = await platform.asUser(root, 'admin');
  });

  afterAll(() => platform.close());

  it('does what it may, to the tenant and those below, and nothing else', async () => {
    const { key } = await keyOf(await account(['tenants:read', 'tenants:write']));
    const system = await asSystem(key);
    expect((await system.patch(`/tenants/${customer}`, { name: 'By a system' })).status).toBe(200);
    const { status, body } = await system.get<Problem>(`/tenants/${customer}/users`);
    expect([status, body.code]).toEqual([403, 'not-permitted']);
    const stranger = await made<{ id: string }>(await platform.asOperator(), '/tenants', {
      tier: 'reseller',
      name: 'S',
      currency: 'USD',
    });
    expect((await system.get(`/tenants/${stranger.id}`)).status).toBe(404);
    expect((await system.get<{ total: number }>('/tenants')).body.total).toBe(2);
  });

  it('stands in the log by its name', async () => {
    const { body } = await admin.get<{ items: readonly object[] }>(`/tenants/${customer}/activity?category=tenants`);
    expect(body.items[0]).toMatchObject({ event: 'TenantProfileChanged', user: { name: 'Accounting', email: null }, via: 'key' });
  });

  it('leaves the tenant its last Admin, whatever it may do', async () => {
    const system = await asSystem((await keyOf(await account([...BUNDLES.admin]))).key);
    const { body } = await admin.get<{ items: readonly { id: string }[] }>(`/tenants/${root}/users?role=admin`);
    const [last] = body.items.map(({ id }) => `/tenants/${root}/users/${id}`);
    expect(body.items).toHaveLength(1);
    const answers = [
      await system.delete<Problem>(last ?? ''),
      await system.post<Problem>(`${last ?? ''}/disable`),
      await system.patch<Problem>(last ?? '', { role: 'regular' }),
    ];
    expect(answers.map((answer) => [answer.status, answer.body.code])).toEqual(answers.map(() => [422, 'last-admin']));
    expect((await system.patch(last ?? '', { extras: ['billingUtilities'] })).status).toBe(200);
    const email = 'another@example.com';
    await made(admin, `/tenants/${root}/users`, { email, name: 'Another', password: 'a long enough password', role: 'admin' });
    expect((await system.patch(last ?? '', { childTenantRole: 'sales' })).status).toBe(200);
    expect((await system.post(`${last ?? ''}/disable`)).status).toBe(200);
    expect((await system.post(`${last ?? ''}/enable`)).status).toBe(200);
    expect((await system.patch(last ?? '', { childTenantRole: null, extras: [] })).status).toBe(200);
  });

  it('leaves the tenant one of two Admins, though it takes both at the same moment', async () => {
    const system = await asSystem((await keyOf(await account([...BUNDLES.admin]))).key);
    const { body } = await admin.get<{ items: readonly { id: string }[] }>(`/tenants/${root}/users?role=admin`);
    const admins = body.items.map(({ id }) => `/tenants/${root}/users/${id}`);
    expect(admins).toHaveLength(2);
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(admins.map((one) => system.post<Problem>(`${one}/disable`)));
      expect(new Set(answers.map((answer) => answer.body.code))).toEqual(new Set([undefined, 'last-admin']));
      for (const one of admins) expect((await system.post(`${one}/enable`)).status).toBe(200);
    }
  });

  it('has no key for whoever may do less than it', async () => {
    const created = await account(['tenants:read', 'bills:read', 'financials:read']);
    const asked = { name: 'Keeper of keys', permissions: ['tenants:read', 'service-accounts:write'] };
    const { id } = await made<{ id: string }>(admin, `/tenants/${root}/roles`, asked);
    const keeper = await platform.asUser(root, `custom:${id as RoleId}`);
    const keysOf = async ({ id: of }: Account) => {
      const { status, body } = await keeper.post<Key & Problem>(`/tenants/${root}/service-accounts/${of}/keys`, {});
      return [status, body.code];
    };
    expect(await keysOf(created)).toEqual([422, 'permission-not-yours']);
    expect(await keysOf(await account(['tenants:read']))).toEqual([201, undefined]);
  });

  it('gives each of several keys that are asked for at once a number of its own, five at most', async () => {
    const created = await account(['tenants:read']);
    const keys = `/tenants/${root}/service-accounts/${created.id}/keys`;
    const answers = await Promise.all(Array.from({ length: 8 }, () => admin.post<Key & Problem>(keys, {})));
    const issued = answers.filter(({ status }) => status === 201).map(({ body }) => body);
    expect(issued.map(({ number }) => number).toSorted()).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(answers.filter(({ status }) => status !== 201).map(({ body }) => body.code))).toEqual(
      new Set(['too-many-keys']),
    );
    for (const { key } of issued) expect((await tokenFor(key)).status).toBe(200);
  });

  it('shows the same key to a command that is repeated, and keeps another number for the next', async () => {
    const created = await account(['tenants:read']);
    const keys = `/tenants/${root}/service-accounts/${created.id}/keys`;
    const once = () => admin.post<Key>(keys, {}, { 'idempotency-key': created.id });
    const [first, again] = [await once(), await once()];
    expect([first.status, again.body]).toEqual([201, first.body]);
    expect((await keyOf(created)).number).toBe(2);
  });

  it('has keys that are shown once, rotated, and kept as a hash', async () => {
    const created = await account(['tenants:read']);
    const [first, second] = [await keyOf(created), await keyOf(created)];
    expect([first.number, second.number]).toEqual([1, 2]);
    const shown = await admin.get(`/tenants/${root}/service-accounts/${created.id}`);
    expect(JSON.stringify(shown.body)).not.toContain(first.key.slice(-40));
    expect((await (await asSystem(first.key)).get(`/tenants/${root}`)).status).toBe(200);
    const { body } = await platform.asOperator().then((operator) => operator.get<string>('/operations/log?limit=100000'));
    for (const { key } of [first, second]) expect(body).not.toContain(key.slice(-40));
    expect(body).toContain('"type":"ServiceAccountSecretKept","data":null,"withheld":true');
  });

  it('shows the same key again to whoever repeats the request with its Idempotency-Key', async () => {
    const { id } = await account(['tenants:read']);
    const asked = () => admin.post<Key>(`/tenants/${root}/service-accounts/${id}/keys`, {}, { 'idempotency-key': 'once' });
    const [first, again] = [await asked(), await asked()];
    expect(again.body).toEqual(first.body);
    expect((await admin.get<Account>(`/tenants/${root}/service-accounts/${id}`)).body.keys).toHaveLength(1);
    expect((await tokenFor(again.body.key)).status).toBe(200);
  });

  it('may no more on the very next request once its key is revoked, its scope changed, or it is removed', async () => {
    const created = await account(['tenants:read', 'users:read']);
    const at = `/tenants/${root}/service-accounts/${created.id}`;
    const [one, other] = [await keyOf(created), await keyOf(created)];
    const [first, second] = [await asSystem(one.key), await asSystem(other.key)];
    expect((await admin.delete(`${at}/keys/${String(one.number)}`)).status).toBe(204);
    expect((await first.get(`/tenants/${root}`)).status).toBe(401);
    expect((await tokenFor(one.key)).status).toBe(401);
    expect((await second.get(`/tenants/${root}/users`)).status).toBe(200);
    expect((await admin.patch(at, { permissions: ['tenants:read'] })).status).toBe(200);
    expect((await second.get(`/tenants/${root}/users`)).status).toBe(403);
    expect((await admin.delete(at)).status).toBe(204);
    expect((await second.get(`/tenants/${root}`)).status).toBe(401);
    expect((await admin.get(at)).status).toBe(404);
    const listed = await admin.get<{ items: readonly Account[] }>(`/tenants/${root}/service-accounts`);
    expect(listed.body.items.map(({ id }) => id)).not.toContain(created.id);
  });

  it('is given nothing that its maker does not have, and nothing at all by another service account', async () => {
    const extra = await admin.post<Problem>(`/tenants/${root}/service-accounts`, { name: 'X', permissions: ['rebilling:write'] });
    expect([extra.status, extra.body.code]).toEqual([422, 'permission-not-yours']);
    const platformWide = await admin.post(`/tenants/${root}/service-accounts`, { name: 'X', permissions: ['operations:read'] });
    expect(platformWide.status).toBe(400);
    const system = await asSystem((await keyOf(await account(['service-accounts:write']))).key);
    expect((await system.get(`/tenants/${root}/service-accounts`)).status).toBe(200);
    expect(
      (await system.post(`/tenants/${root}/service-accounts`, { name: 'X', permissions: ['service-accounts:write'] })).status,
    ).toBe(403);
    const sales = await platform.asUser(root, 'sales');
    expect((await sales.get(`/tenants/${root}/service-accounts`)).status).toBe(403);
  });

  it('is looked for in its own tenant only', async () => {
    const { id } = await account(['tenants:read']);
    const elsewhere = `/tenants/${customer}/service-accounts/${id}`;
    for (const answer of [
      await admin.get<Problem>(elsewhere),
      await admin.patch<Problem>(elsewhere, { name: 'Y' }),
      await admin.post<Problem>(`${elsewhere}/keys`, {}),
      await admin.delete<Problem>(`${elsewhere}/keys/1`),
      await admin.delete<Problem>(elsewhere),
    ])
      expect([answer.status, answer.body.code]).toEqual([404, 'service-account-not-found']);
  });

  it('has no key of a number that is written otherwise', async () => {
    const created = await account(['tenants:read']);
    await keyOf(created);
    const path = `/tenants/${root}/service-accounts/${created.id}/keys`;
    for (const number of ['0x1', '1.0', '01', '+1', '%201', '0', '2', 'one'])
      expect([number, (await admin.delete<Problem>(`${path}/${number}`)).status]).toEqual([number, 404]);
    expect((await admin.delete(`${path}/1`)).status).toBe(204);
  });

  it('tells nobody why a key is refused', async () => {
    const { key } = await keyOf(await account(['tenants:read']));
    const altered = key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A');
    for (const wrong of ['', 'tributary', altered]) {
      const { status, body } = await tokenFor(wrong);
      expect([status, body.code]).toEqual([401, 'key-invalid']);
    }
  });
});
