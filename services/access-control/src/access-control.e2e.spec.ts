import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { memberships } from '#libs/access-policy/memberships.projection';
import { type DomainEvent, type CommandId, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { startPlatform, type HttpClient, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { systemClock } from '#libs/time/time';
import { accessControlService } from './access-control.module.ts';
import { addAdministrator, hasAdministrator, hasAdministratorInLog } from './administrator.ts';
import { userWithAddress } from './session/password-login.ts';

type Problem = Readonly<{ status: number; code: string; detail: string; traceId: string; errors?: readonly { path: string }[] }>;
type Users = Readonly<{ items: readonly { email: string; role: string }[]; total: number; nextCursor: string | null }>;

const PASSWORD = 'a long enough password';

describe('access control', () => {
  let platform: TestPlatform;
  let operator: HttpClient;
  const root = randomUUID() as TenantId;
  const reseller = randomUUID() as TenantId;
  const stranger = randomUUID() as TenantId;

  const register = async (path: readonly TenantId[], tier: string): Promise<void> => {
    const tenantId = path.at(-1) as TenantId;
    const event: DomainEvent = {
      type: 'TenantRegistered',
      data: {
        tenantId,
        path,
        tier,
        name: `Tenant ${tenantId}`,
        customerCode: null,
        currency: 'USD',
        primaryDomain: null,
        registeredAt: systemClock.now(),
      },
    };
    await platform.running.platform.store.append(`tenants.tenant-${tenantId}` as StreamName, [event], NO_STREAM, {
      commandId: randomUUID() as CommandId,
      bodyHash: '',
      principal: { id: 'test' },
      tenant: tenantId,
      time: systemClock.now(),
    });
  };

  beforeAll(async () => {
    platform = await startPlatform([accessControlService], { environment: { LOGIN_FAILURES: '3' } });
    await register([root], 'distributor');
    await register([root, reseller], 'reseller');
    await register([stranger], 'distributor');
    expect(await hasAdministrator(platform.running.platform.readModels)).toBe(false);
    await addAdministrator(platform.running.platform, 'Root@Example.com', PASSWORD);
    operator = await platform.as('root@example.com', PASSWORD);
  });

  afterAll(() => platform.close());

  it('knows its first administrator', async () => {
    expect(await hasAdministrator(platform.running.platform.readModels)).toBe(true);
    const { status, body } = await operator.get('/me');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      email: 'Root@Example.com',
      memberships: [{ tenantId: 'platform', role: 'operator', tenantName: null }],
    });
  });

  it('adds users, who then log in and see their tenant', async () => {
    const added = await operator.post(`/tenants/${root}/users`, {
      email: 'ada@example.com',
      name: 'Ada',
      password: PASSWORD,
      role: 'admin',
    });
    expect(added.status).toBe(201);
    const ada = await platform.as('ada@example.com', PASSWORD);
    expect((await ada.get('/me')).body).toMatchObject({
      name: 'Ada',
      memberships: [{ tenantId: root, role: 'admin', tenantName: `Tenant ${root}` }],
    });
    const { body } = await ada.get<Users>(`/tenants/${root}/users`);
    expect(body).toMatchObject({ items: [{ email: 'ada@example.com', role: 'admin' }], total: 1, nextCursor: null });
  });

  it('gives its users as a file that no spreadsheet carries out', async () => {
    const formula = {
      email: 'formula@example.com',
      name: '=HYPERLINK("https://evil.example")',
      password: PASSWORD,
      role: 'sales',
    };
    expect((await operator.post(`/tenants/${root}/users`, formula)).status).toBe(201);
    const { status, body, headers } = await operator.get<string>(`/tenants/${root}/users/export`);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
    expect(headers.get('content-disposition')).toBe(`attachment; filename="users-${root}.csv"`);
    const [headings, ...rows] = body.trimEnd().split('\r\n');
    expect(headings).toBe('email,name,role,extras,childTenantRole,enabled,userId');
    expect(rows.map((row) => row.replace(/,[^,]*$/, '')).toSorted()).toEqual([
      'ada@example.com,Ada,admin,,,true',
      'formula@example.com,"\'=HYPERLINK(""https://evil.example"")",sales,,,true',
    ]);
    const sales = await platform.asUser(reseller, 'sales');
    expect((await sales.get(`/tenants/${root}/users/export`)).status).toBe(404);
  });

  it('lists users by name or e-mail address, finds them by a part of either, and pages through them', async () => {
    const own = randomUUID() as TenantId;
    await register([own], 'distributor');
    const users = `/tenants/${own}/users`;
    const people = [
      ['zoe@b.example', 'Ångström', 'admin'],
      ['Yann@a.example', 'bob', 'support'],
      ['x@c.example', 'Ada', 'support'],
      ['w@c.example', 'Émile', 'sales'],
    ] as const;
    const ids: string[] = [];
    for (const [email, name, role] of people) {
      const added = await operator.post<{ id: string }>(users, { email, name, password: PASSWORD, role });
      ids.push(added.body.id);
    }
    expect((await operator.post(`${users}/${String(ids[1])}/disable`)).status).toBe(200);
    const names = async (query: string) => {
      const { status, body } = await operator.get<{ items: readonly { name: string }[]; total: number }>(`${users}?${query}`);
      expect([status, body.total]).toEqual([200, body.items.length]);
      return body.items.map(({ name }) => name).join();
    };
    expect(await names('')).toBe('Ada,Ångström,bob,Émile');
    expect(await names('sort=-name')).toBe('Émile,bob,Ångström,Ada');
    expect(await names('sort=email')).toBe('Émile,Ada,bob,Ångström');
    expect(await names('search=ang')).toBe('Ångström');
    expect(await names('search=EMILE')).toBe('Émile');
    expect(await names('search=A.EXAMPLE')).toBe('bob');
    expect(await names('search=nobody')).toBe('');
    expect(await names('role=support')).toBe('Ada,bob');
    expect(await names('role=support&enabled=true')).toBe('Ada');
    expect(await names('enabled=false')).toBe('bob');
    expect((await operator.get<Problem>(`${users}?sort=role`)).body.code).toBe('invalid-sort');

    const first = await operator.get<Users>(`${users}?limit=3&sort=-name`);
    expect(first.body).toMatchObject({ total: 4, items: [{ name: 'Émile' }, { name: 'bob' }, { name: 'Ångström' }] });
    // Somebody else who comes meanwhile changes neither the place nor what comes after it.
    await operator.post(users, { email: 'v@c.example', name: 'Zed', password: PASSWORD, role: 'sales' });
    const second = await operator.get<Users>(`${users}?limit=3&sort=-name&cursor=${String(first.body.nextCursor)}`);
    expect(second.body).toMatchObject({ total: 5, items: [{ name: 'Ada' }], nextCursor: null });
    const other = await operator.get<Problem>(`${users}?limit=3&sort=name&cursor=${String(first.body.nextCursor)}`);
    expect([other.status, other.body.code]).toEqual([400, 'invalid-cursor']);

    const { body: file } = await operator.get<string>(`${users}/export?sort=email&search=c.example`);
    expect(
      file
        .trimEnd()
        .split('\r\n')
        .slice(1)
        .map((row) => row.split(',', 1)[0]),
    ).toEqual(['v@c.example', 'w@c.example', 'x@c.example']);
  });

  it('gives one e-mail address to one user, whatever its case', async () => {
    const { status, body } = await operator.post<Problem>(`/tenants/${root}/users`, {
      email: 'ADA@example.com',
      name: 'Another',
      password: PASSWORD,
      role: 'sales',
    });
    expect([status, body.code]).toEqual([409, 'email-taken']);
  });

  it('gives one e-mail address to one user, in whatever letters its domain is written', async () => {
    const person = { name: 'Ada', password: PASSWORD, role: 'support' };
    const add = (email: string) => operator.post<Problem>(`/tenants/${root}/users`, { ...person, email });
    expect((await add('ida@bücher.example')).status).toBe(201);
    expect((await add('uwe@xn--bcher-kva.example')).status).toBe(201);
    for (const same of [
      'Ida@xn--bcher-kva.example',
      'ida@XN--BCHER-KVA.example',
      'ida@BU\u0308CHER.example',
      'uwe@bücher.example',
    ])
      expect(await add(same)).toMatchObject({ status: 409, body: { code: 'email-taken' } });
    expect((await (await platform.as('ida@xn--bcher-kva.example', PASSWORD)).get('/me')).body).toMatchObject({
      email: 'ida@bücher.example',
    });
    expect((await (await platform.as('uwe@Bücher.example', PASSWORD)).get('/me')).body).toMatchObject({
      email: 'uwe@xn--bcher-kva.example',
    });
    expect(await add('ida@xn--bücher.example')).toMatchObject({ status: 400, body: { errors: [{ path: 'email' }] } });
  });

  it('lets both in, each as they wrote it, to whom one address was given before its spellings were one', async () => {
    const { store, readModels } = platform.running.platform;
    const command = () => ({
      commandId: randomUUID() as CommandId,
      bodyHash: '',
      principal: { id: 'test' },
      tenant: null,
      time: systemClock.now(),
    });
    const written = ['eva@münchen.example', 'eva@xn--mnchen-3ya.example'];
    for (const email of written) {
      const data = { userId: randomUUID(), email, name: email };
      await store.append(
        `access-control.user-${data.userId}` as StreamName,
        [{ type: 'UserRegistered', data }],
        NO_STREAM,
        command(),
      );
    }
    await platform.settled();
    for (const email of written) expect((await userWithAddress({ readModels }, email))?.email).toBe(email);
    expect(await userWithAddress({ readModels }, 'eva@MÜNCHEN.example')).toMatchObject({ email: written[0] });
  });

  it('tells a tenant of so many addresses an hour that they are taken, and of no more', async () => {
    const probing = await platform.asUser(stranger, 'admin');
    const tried = async (email: string) => {
      const wanted = { email, name: 'Probed', password: PASSWORD, role: 'sales' };
      const { status, body, headers } = await probing.post<Problem>(`/tenants/${stranger}/users`, wanted);
      return status === 429 ? `429 ${String(Number(headers.get('retry-after')) > 60)}` : `${String(status)} ${body.code}`;
    };
    const good = Array.from({ length: 30 }, (_, number) => tried(`free${String(number)}@example.com`));
    expect(new Set(await Promise.all(good))).toEqual(new Set(['201 undefined']));
    const answers = await Promise.all(Array.from({ length: 30 }, () => tried('ada@example.com')));
    expect(answers.filter((answer) => answer === '409 email-taken')).toHaveLength(20);
    expect(answers.filter((answer) => answer === '429 true')).toHaveLength(10);
    expect([await tried('free@example.com'), await tried('ada@example.com')]).toEqual(['429 true', '429 true']);
    const wanted = { email: 'free@example.com', name: 'Free', password: PASSWORD, role: 'sales' };
    const statusFor = async (tenantId: TenantId, as: HttpClient) => (await as.post(`/tenants/${tenantId}/users`, wanted)).status;
    expect(await statusFor(stranger, await platform.asUser(stranger, 'admin'))).toBe(429);
    expect(await statusFor(root, await platform.asUser(root, 'admin'))).toBe(201);
  });

  it('adds a user once for the same key, and refuses the key for another body', async () => {
    const key = { 'idempotency-key': 'once' };
    const wanted = { email: 'once@example.com', name: 'Once', password: PASSWORD, role: 'sales' };
    const first = await operator.post(`/tenants/${reseller}/users`, wanted, key);
    const again = await operator.post(`/tenants/${reseller}/users`, wanted, key);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    const other = await operator.post<Problem>(`/tenants/${reseller}/users`, { ...wanted, name: 'Twice' }, key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused']);
  });

  it('lets an admin reach down the tree, and never sideways or up', async () => {
    const resellerAdmin = await platform.asUser(reseller, 'admin');
    const rootAdmin = await platform.asUser(root, 'admin');
    expect((await rootAdmin.get(`/tenants/${reseller}/users`)).status).toBe(200);
    expect((await resellerAdmin.get(`/tenants/${reseller}/users`)).status).toBe(200);
    expect((await resellerAdmin.get(`/tenants/${root}/users`)).status).toBe(404);
    expect((await resellerAdmin.get(`/tenants/${stranger}/users`)).status).toBe(404);
  });

  it('answers the same for a foreign tenant and for one that does not exist', async () => {
    const admin = await platform.asUser(reseller, 'admin');
    const foreign = await admin.get<Problem>(`/tenants/${stranger}/users`);
    const unknown = await admin.get<Problem>(`/tenants/${randomUUID()}/users`);
    const { traceId: _one, ...ofForeign } = foreign.body;
    const { traceId: _other, ...ofUnknown } = unknown.body;
    expect(ofForeign).toEqual(ofUnknown);
    expect(ofForeign.code).toBe('tenant-not-found');
  });

  it('lets sales look and not touch', async () => {
    const sales = await platform.asUser(root, 'sales');
    expect((await sales.get(`/tenants/${reseller}/users`)).status).toBe(200);
    const { status, body } = await sales.post<Problem>(`/tenants/${reseller}/users`, {
      email: 'x@example.com',
      name: 'X',
      password: PASSWORD,
      role: 'admin',
    });
    expect([status, body.code]).toEqual([403, 'not-permitted']);
  });

  it('says of what the tenant above decides that it does, to whoever the tenant is no secret to', async () => {
    const link = { userId: randomUUID() };
    const refusals = async (client: HttpClient, tenantId: string): Promise<readonly string[]> => {
      const path = `/tenants/${tenantId}/customer-links`;
      const answers = [await client.get<Problem>(path), await client.post<Problem>(path, link)];
      return answers.map(({ status, body }) => `${String(status)} ${body.code}: ${body.detail}`);
    };
    const above = ['users:read', 'access:write'].map(
      (permission) => `403 not-permitted: The tenant above decides this: it takes ${permission} there.`,
    );
    expect(await refusals(await platform.asUser(reseller, 'admin'), reseller)).toEqual(above);
    const rootSales = await platform.asUser(root, 'sales');
    expect((await refusals(rootSales, reseller)).at(1)).toBe(above[1]);
    // A root decides about itself.
    expect((await refusals(rootSales, root)).at(1)).toBe('403 not-permitted: Your role does not include access:write here.');
    const hidden = '404 tenant-not-found: There is no such tenant within your reach.';
    const foreigner = await platform.asUser(stranger, 'admin');
    for (const tenantId of [reseller, randomUUID()]) expect(await refusals(foreigner, tenantId)).toEqual([hidden, hidden]);
  });

  it('keeps the role of an operator for the platform', async () => {
    const { status, body } = await operator.post<Problem>(`/tenants/${root}/users`, {
      email: 'op@example.com',
      name: 'Op',
      password: 'short',
      role: 'operator',
    });
    expect(status).toBe(400);
    expect(new Set(body.errors?.map(({ path }) => path))).toEqual(new Set(['password', 'role']));
  });

  it('counts a token no longer once its owner has logged out, and lets them log in again', async () => {
    const before = await platform.as('ada@example.com', PASSWORD);
    expect((await before.post('/auth/logout')).status).toBe(204);
    const refused = await before.get<Problem>('/me');
    expect([refused.status, refused.body.code]).toEqual([401, 'access-token-invalid']);
    expect((await (await platform.as('ada@example.com', PASSWORD)).get('/me')).status).toBe(200);
  });

  it('says the same for an unknown address and a wrong password, and locks both after repeated failures', async () => {
    for (const email of ['once@example.com', 'nobody@example.com']) {
      const answers = [];
      for (let attempt = 0; attempt < 4; attempt++)
        answers.push(await platform.http.post<Problem>('/auth/login', { email, password: 'wrong' }));
      expect(answers.map(({ status, body }) => `${String(status)} ${body.code}`)).toEqual([
        '401 login-failed',
        '401 login-failed',
        '401 login-failed',
        '429 too-many-attempts',
      ]);
      expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });

  it.each([
    ['as they logged in', (client: HttpClient) => Promise.resolve(client)],
    [
      'switched into it',
      async (client: HttpClient, tenantId: TenantId) => {
        const { body } = await client.put<{ accessToken: string }>(`/tenants/${tenantId}/switch`);
        return platform.http.with({ authorization: `Bearer ${body.accessToken}` });
      },
    ],
  ])('leaves a tenant an Admin when its last two, %s, take it from each other at the same moment', async (_how, acting) => {
    const own = randomUUID() as TenantId;
    await register([own], 'distributor');
    const someone = async (name: string): Promise<Readonly<{ id: string; client: HttpClient }>> => {
      const email = `${name}-${randomUUID()}@example.com`;
      const added = await operator.post<{ id: string }>(`/tenants/${own}/users`, {
        email,
        name,
        password: PASSWORD,
        role: 'admin',
      });
      expect(added.status).toBe(201);
      return { id: added.body.id, client: await acting(await platform.as(email, PASSWORD), own) };
    };
    const ways = [
      (client: HttpClient, user: string) => client.delete(user),
      (client: HttpClient, user: string) => client.post(`${user}/disable`),
      (client: HttpClient, user: string) => client.patch(user, { role: 'support' }),
    ];
    const admins = async () => {
      const held = await platform.running.platform.readModels
        .of(memberships)
        .all({ tenantId: own, role: 'admin', enabled: true });
      return held.map(({ userId }) => userId as string);
    };
    for (let round = 0; round < 6; round++) {
      const [one, other] = [await someone('one'), await someone('other')];
      const takes = [ways[round % 3], ways[(round + 1) % 3]];
      const answers = await Promise.all([
        takes[0]?.(one.client, `/tenants/${own}/users/${other.id}`),
        takes[1]?.(other.client, `/tenants/${own}/users/${one.id}`),
      ]);
      const left = await admins();
      expect([left.length, answers.filter((answer) => (answer?.status ?? 500) < 300).length]).toEqual([1, 1]);
      expect((await operator.delete(`/tenants/${own}/users/${String(left[0])}`)).status).toBe(204);
    }
  });

  it('publishes its public keys only', async () => {
    const { body } = await platform.http.get<{ keys: readonly Record<string, unknown>[] }>('/auth/jwks');
    expect(body.keys).toHaveLength(1);
    expect(body.keys[0]).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA' });
    expect(body.keys[0]).not.toHaveProperty('d');
  });

  it('refuses tokens of another key, altered ones and none', async () => {
    const { accessToken } = (
      await platform.http.post<{ accessToken: string }>('/auth/login', { email: 'ada@example.com', password: PASSWORD })
    ).body;
    const [header = '', payload = '', signature = ''] = accessToken.split('.');
    const altered = Buffer.from(payload, 'base64url')
      .toString()
      .replace(/"sub":"[^"]*"/, `"sub":"${randomUUID()}"`);
    for (const token of [
      `${header}.${Buffer.from(altered).toString('base64url')}.${signature}`,
      `${header}.${payload}.`,
      'x.y.z',
      '',
    ]) {
      const { status, headers } = await platform.http.get('/me', { authorization: `Bearer ${token}` });
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toBe('Bearer realm="tributary"');
    }
  });

  it('has no administrator any more once none can log in', async () => {
    const { store, readModels } = platform.running.platform;
    const [{ userId } = { userId: '' }] = await readModels.of(memberships).all({ tenantId: 'platform' });
    const stream = (category: string): StreamName =>
      `access-control.${category}${category === 'membership' ? '-platform~' : '-'}${userId}` as StreamName;
    const say = async (category: string, type: string): Promise<void> => {
      const data = category === 'membership' ? { tenantId: 'platform', userId } : { userId };
      const { revision } = await store.read(stream(category));
      await store.append(stream(category), [{ type, data }], revision, {
        commandId: randomUUID() as CommandId,
        bodyHash: '',
        principal: { id: 'test' },
        tenant: null,
        time: systemClock.now(),
      });
    };
    const isThere = async () => [await hasAdministrator(readModels), await hasAdministratorInLog(store)];
    expect(await isThere()).toEqual([true, true]);
    for (const [category, without, again] of [
      ['membership', 'MembershipDisabled', 'MembershipEnabled'],
      ['userAccess', 'AccessClosed', 'AccessOpened'],
    ] as const) {
      await say(category, without);
      expect(await isThere()).toEqual([false, false]);
      await say(category, again);
      expect(await isThere()).toEqual([true, true]);
    }
  });

  it('keeps passwords and e-mail addresses out of public streams', async () => {
    const { store } = platform.running.platform;
    const categories = ['access-control.membership', 'access-control.userAccess', 'access-control.claim'] as Parameters<
      typeof store.subscribe
    >[0][number][];
    const ending = new AbortController();
    const seen: string[] = [];
    for await (const event of store.subscribe(categories, 'start', ending.signal)) {
      if (event === 'caught-up') break;
      seen.push(JSON.stringify(event));
    }
    expect(seen.length).toBeGreaterThan(5);
    expect(seen.join('\n')).not.toMatch(/example\.com|argon2|password/i);
  });
});
