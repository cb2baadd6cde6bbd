import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { BUNDLES } from '#libs/access-policy/roles';
import { handle } from '#libs/event-sourcing/handle';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId, type UserId } from '#libs/published/ids';
import { grant, membership } from '#services/access-control/src/membership/membership';
import { SERVICES } from './services.ts';

type Problem = Readonly<{ code: string }>;
type Id<T extends string = string> = Readonly<{ id: T }>;
type User = Readonly<{ id: string; email: string; role: string; enabled: boolean; extras: readonly string[] }>;
type Linkable = Readonly<{ userId: string; email: string; memberOf: string; role: string | null }>;
type List<T> = Readonly<{ items: readonly T[]; total: number }>;
type Access = Readonly<{ roles: readonly string[]; permissions: readonly string[] }>;
type Person = Readonly<{ id: string; http: HttpClient }>;

const PASSWORD = 'a long enough password';

describe('who may do what in which tenant', () => {
  let platform: TestPlatform;
  let operator: HttpClient;
  let admin: HttpClient;
  let distributor: TenantId;
  let reseller: TenantId;
  let customer: TenantId;
  let neighbour: TenantId;

  const made = async <Body extends Id>(as: HttpClient, path: string, body: object): Promise<Body> => {
    const answer = await as.post<Body>(path, body);
    expect({ path, status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
    return answer.body;
  };
  const person = async (tenantId: TenantId, role: string, more: object = {}): Promise<Person> => {
    const email = `${randomUUID()}@example.com`;
    const { id } = await made(operator, `/tenants/${tenantId}/users`, {
      email,
      name: 'Somebody',
      password: PASSWORD,
      role,
      ...more,
    });
    return { id, http: await platform.as(email, PASSWORD) };
  };
  const statusOf = async (as: HttpClient, path: string): Promise<number> => (await as.get(path)).status;
  const link = (userId: string, role?: string, as = admin) =>
    as.post<Linkable & Problem>(`/tenants/${customer}/customer-links`, { userId, ...(role && { role }) });
  /** As by accepting an invitation. */
  const grantAgain = (userId: UserId): Promise<unknown> => {
    const { store } = platform.running.platform;
    const granting = grant(reseller, userId, { role: 'regular' });
    return handle(store, membership, membershipId(reseller, userId), granting, { command: aCommand() });
  };
  const rolesOf = async ({ http }: Person, tenantId: TenantId): Promise<readonly string[] | number> => {
    const { status, body } = await http.get<Access>(`/tenants/${tenantId}/access`);
    return status === 200 ? body.roles : status;
  };

  beforeAll(async () => {
    platform = await startPlatform(SERVICES);
    operator = await platform.asOperator();
  });
  afterAll(() => platform.close());

  beforeEach(async () => {
    distributor = (await made<Id<TenantId>>(operator, '/tenants', { tier: 'distributor', name: 'D', currency: 'USD' })).id;
    const below = async (parent: TenantId, tier: string, name: string): Promise<TenantId> =>
      (await made<Id<TenantId>>(operator, `/tenants/${parent}/customers`, { tier, name })).id;
    reseller = await below(distributor, 'reseller', 'R');
    customer = await below(reseller, 'endCustomer', 'C');
    neighbour = await below(reseller, 'endCustomer', 'N');
    admin = await platform.asUser(reseller, 'admin');
  });

  it('sees as an Admin all customers, and as anybody else those that they are linked to', async () => {
    const regular = await person(reseller, 'regular');
    const seen = async (as: HttpClient): Promise<readonly string[]> =>
      (await as.get<List<{ name: string }>>(`/tenants/${reseller}/customers`)).body.items.map(({ name }) => name);
    expect(await seen(admin)).toEqual(['C', 'N']);
    expect(await seen(regular.http)).toEqual([]);
    expect((await link(regular.id)).status).toBe(201);
    expect(await seen(regular.http)).toEqual(['C']);
    expect(await statusOf(regular.http, `/tenants/${customer}`)).toBe(200);
    expect(await statusOf(regular.http, `/tenants/${neighbour}`)).toBe(404);
  });

  it('lists the users who are not Admins, each with what a link gives', async () => {
    const regular = await person(reseller, 'regular');
    const other = await person(reseller, 'readOnly');
    await person(reseller, 'admin');
    await person(distributor, 'regular');
    expect((await link(regular.id)).body).toMatchObject({ userId: regular.id, memberOf: reseller, role: 'support' });
    const list = async (query = ''): Promise<readonly unknown[]> =>
      (await admin.get<List<Linkable>>(`/tenants/${customer}/customer-links${query}`)).body.items
        .map(({ userId, role }) => ({ userId, role }))
        .toSorted((a, b) => Number(a.role === null) - Number(b.role === null));
    expect(await list()).toEqual([
      { userId: regular.id, role: 'support' },
      { userId: other.id, role: null },
    ]);
    expect(await list('?linked=true')).toEqual([{ userId: regular.id, role: 'support' }]);
  });

  it('lists as linked those only whose link counts: no Admins since, nobody disabled, page by page', async () => {
    const [one, other, third, promoted, disabled] = await Promise.all(
      ['regular', 'readOnly', 'sales', 'regular', 'regular'].map((role) => person(reseller, role)),
    );
    for (const user of [one, other, third, promoted, disabled]) expect((await link(String(user?.id))).status).toBe(201);
    const users = `/tenants/${reseller}/users`;
    expect((await admin.patch(`${users}/${String(promoted?.id)}`, { role: 'admin' })).status).toBe(200);
    expect((await admin.post(`${users}/${String(disabled?.id)}/disable`)).status).toBe(200);
    type Listed = List<Linkable> & Readonly<{ nextCursor: string | null }>;
    const list = async (query: string): Promise<Listed> =>
      (await admin.get<Listed>(`/tenants/${customer}/customer-links${query}`)).body;
    const whole = await list('');
    expect(whole.items.map(({ userId }) => userId).toSorted()).toEqual([one, other, third].map((user) => user?.id).toSorted());
    expect(await list('?linked=true')).toEqual(whole);
    const first = await list('?linked=true&limit=2');
    const second = await list(`?linked=true&limit=2&cursor=${String(first.nextCursor)}`);
    expect([...first.items, ...second.items]).toEqual(whole.items);
    expect([first.total, second.total, second.nextCursor]).toEqual([3, 3, null]);
    expect((await admin.patch(`${users}/${String(promoted?.id)}`, { role: 'regular' })).status).toBe(200);
    expect((await list('?linked=true')).total).toBe(4);
  });

  it('changes and revokes a link, and the very next request is judged by it', async () => {
    const user = await person(reseller, 'readOnly');
    expect(await rolesOf(user, customer)).toBe(404);
    await link(user.id, 'regular');
    expect(await rolesOf(user, customer)).toEqual(['regular']);
    expect((await link(user.id, 'support')).body.code).toBe('link-exists');
    const path = `/tenants/${customer}/customer-links/${user.id}`;
    expect((await admin.patch(path, { role: 'support' })).status).toBe(200);
    expect(await rolesOf(user, customer)).toEqual(['support']);
    expect((await admin.delete(path)).status).toBe(204);
    expect(await rolesOf(user, customer)).toBe(404);
    expect((await admin.delete<Problem>(path)).body.code).toBe('link-not-found');
    expect(await rolesOf(user, reseller)).toEqual(['readOnly']);
  });

  it('ends the links of a deleted user for good, also when they become a user again, and lets them be linked anew', async () => {
    const user = await person(reseller, 'regular');
    await link(user.id, 'regular');
    expect(await rolesOf(user, customer)).toEqual(['regular']);
    expect((await admin.delete(`/tenants/${reseller}/users/${user.id}`)).status).toBe(204);
    expect(await rolesOf(user, customer)).toBe(404);
    await platform.settled();
    expect((await admin.get<List<Linkable>>(`/tenants/${customer}/customer-links?linked=true`)).body.total).toBe(0);
    await grantAgain(user.id as UserId);
    expect(await rolesOf(user, reseller)).toEqual(['regular']);
    expect(await rolesOf(user, customer)).toBe(404);
    expect((await link(user.id, 'support')).status).toBe(201);
    await platform.settled();
    expect(await rolesOf(user, customer)).toEqual(['support']);
  });

  it('keeps from Support what has to do with money, and from nobody else', async () => {
    const support = await person(reseller, 'regular');
    const readOnly = await person(reseller, 'regular');
    await link(support.id);
    await link(readOnly.id, 'readOnly');
    for (const path of ['bills', 'contracts', 'imports', 'source-health'])
      expect([
        path,
        await statusOf(support.http, `/tenants/${customer}/${path}`),
        await statusOf(readOnly.http, `/tenants/${customer}/${path}`),
      ]).toEqual([path, 403, 200]);
    for (const user of [support, readOnly])
      expect((await user.http.patch<Problem>(`/tenants/${customer}`, { name: 'X' })).status).toBe(403);
  });

  it('links nobody whom it may not know of, and no Admin', async () => {
    const upstream = await person(distributor, 'regular');
    const foreign = await person(neighbour, 'regular');
    const colleague = await person(reseller, 'admin');
    const unknown = await link(randomUUID());
    expect([unknown.status, unknown.body.code]).toEqual([422, 'user-not-available']);
    for (const { id } of [upstream, foreign])
      expect({ ...(await link(id)).body, traceId: '' }).toEqual({ ...unknown.body, traceId: '' });
    expect((await link(colleague.id)).body.code).toBe('user-is-admin');
    const ofDistributor = await platform.asUser(distributor, 'admin');
    expect((await link(upstream.id, 'readOnly', ofDistributor)).status).toBe(201);
    const list = await admin.get<List<Linkable>>(`/tenants/${customer}/customer-links?linked=true`);
    expect(list.body.items).toEqual([]);
    expect((await admin.delete(`/tenants/${customer}/customer-links/${upstream.id}`)).status).toBe(404);
    const ofCustomer = await platform.asUser(customer, 'admin');
    expect((await link(foreign.id, 'readOnly', ofCustomer)).status).toBe(403);
  });

  it('links an Admin whom a child-tenant role keeps from the customers, and shows a link that counts since', async () => {
    const shutOut = await person(reseller, 'admin');
    const path = `/tenants/${reseller}/users/${shutOut.id}`;
    expect((await admin.patch(path, { childTenantRole: 'none' })).status).toBe(200);
    expect(await rolesOf(shutOut, customer)).toBe(404);
    expect((await link(shutOut.id, 'readOnly')).status).toBe(201);
    expect(await rolesOf(shutOut, customer)).toEqual(['readOnly']);
    const risen = await person(reseller, 'regular');
    expect((await link(risen.id, 'regular')).status).toBe(201);
    const changed = { role: 'admin', childTenantRole: 'sales' };
    expect((await admin.patch(`/tenants/${reseller}/users/${risen.id}`, changed)).status).toBe(200);
    expect(await rolesOf(risen, customer)).toEqual(['regular']);
    const linked = async () => {
      const { items } = (await admin.get<List<Linkable>>(`/tenants/${customer}/customer-links?linked=true`)).body;
      return items.map(({ userId, role }) => [userId, role]).toSorted();
    };
    const both = [
      [shutOut.id, 'readOnly'],
      [risen.id, 'regular'],
    ].toSorted();
    expect(await linked()).toEqual(both);
    expect((await admin.patch(path, { childTenantRole: null })).status).toBe(200);
    expect(await linked()).toEqual([[risen.id, 'regular']]);
    expect(await rolesOf(shutOut, customer)).toEqual(['admin']);
  });

  it('reaches below by the child-tenant role, and not at all with none', async () => {
    const chief = await person(distributor, 'admin');
    expect(await rolesOf(chief, customer)).toEqual(['admin']);
    const path = `/tenants/${distributor}/users/${chief.id}`;
    expect((await operator.patch(path, { childTenantRole: 'sales' })).status).toBe(200);
    expect(await rolesOf(chief, customer)).toEqual(['sales']);
    expect((await operator.patch(path, { childTenantRole: 'none' })).status).toBe(200);
    expect(await rolesOf(chief, customer)).toBe(404);
    expect((await chief.http.get<List<Id>>('/tenants')).body.items.map(({ id }) => id)).toEqual([distributor]);
    expect((await operator.patch(path, { childTenantRole: null })).status).toBe(200);
    expect(await rolesOf(chief, customer)).toEqual(['admin']);
  });

  it('carries roles over to customers where the tenant chose that', async () => {
    const user = await person(reseller, 'readOnly');
    expect(await rolesOf(user, customer)).toBe(404);
    const settings = `/tenants/${reseller}/access-settings`;
    expect((await admin.patch(settings, { accessModel: 'carryOver' })).body).toEqual({
      accessModel: 'carryOver',
      activityMirror: false,
    });
    expect(await rolesOf(user, customer)).toEqual(['readOnly']);
    expect((await user.http.get<List<Id>>('/tenants')).body.total).toBe(3);
    expect(await statusOf(user.http, `/tenants/${distributor}`)).toBe(404);
    await admin.patch(settings, { accessModel: 'perCustomer' });
    expect(await rolesOf(user, customer)).toBe(404);
  });

  it('disables, enables and deletes a user, links included', async () => {
    const user = await person(reseller, 'regular');
    await link(user.id, 'regular');
    const path = `/tenants/${reseller}/users/${user.id}`;
    const both = async () => [await rolesOf(user, reseller), await rolesOf(user, customer)];
    expect(await both()).toEqual([['regular'], ['regular']]);
    expect((await admin.post<User>(`${path}/disable`)).body.enabled).toBe(false);
    expect(await both()).toEqual([404, 404]);
    expect((await admin.post<User>(`${path}/enable`)).body.enabled).toBe(true);
    expect(await both()).toEqual([['regular'], ['regular']]);
    expect((await admin.delete(path)).status).toBe(204);
    expect(await both()).toEqual([404, 404]);
    expect((await admin.delete<Problem>(path)).body.code).toBe('user-not-found');
    expect((await admin.get<List<User>>(`/tenants/${reseller}/users`)).body.items.map(({ id }) => id)).not.toContain(user.id);
  });

  it('lets nobody give more than they have, change somebody above them, or themselves', async () => {
    const keeper = await made<Id>(admin, `/tenants/${reseller}/roles`, {
      name: 'Keeper of users',
      permissions: ['tenants:read', 'users:read', 'users:write'],
    });
    const user = await person(reseller, `custom:${keeper.id}`);
    const boss = await person(reseller, 'admin');
    const newcomer = await person(reseller, `custom:${keeper.id}`);
    const users = `/tenants/${reseller}/users`;
    const refused = async (answer: Promise<{ body: Problem }>) => (await answer).body.code;
    expect(await refused(user.http.patch<Problem>(`${users}/${newcomer.id}`, { role: 'admin' }))).toBe('role-beyond-yours');
    expect(await refused(user.http.patch<Problem>(`${users}/${newcomer.id}`, { childTenantRole: 'sales' }))).toBe(
      'role-beyond-yours',
    );
    expect(await refused(user.http.post<Problem>(`${users}/${boss.id}/disable`))).toBe('role-beyond-yours');
    expect(await refused(user.http.delete<Problem>(`${users}/${user.id}`))).toBe('yourself');
    expect(await refused(boss.http.patch<Problem>(`${users}/${boss.id}`, { role: 'sales' }))).toBe('yourself');
    const account = { email: 'x@example.com', name: 'X', password: PASSWORD, role: 'admin' };
    expect(await refused(user.http.post<Problem>(users, account))).toBe('role-beyond-yours');
    expect((await user.http.post(`${users}/${newcomer.id}/disable`)).status).toBe(200);
  });

  it('lets nobody change or take out whoever has more by a role of a tenant above, which is not told to them', async () => {
    const full = await made<Id>(operator, `/tenants/${distributor}/roles`, { name: 'Full', permissions: [...BUNDLES.admin] });
    const keeper = await made<Id>(admin, `/tenants/${reseller}/roles`, {
      name: 'Keeper of users',
      permissions: ['tenants:read', 'users:read', 'users:write', 'access:write'],
    });
    const user = await person(reseller, `custom:${keeper.id}`);
    const above = await person(reseller, `custom:${full.id}`);
    expect((await admin.patch(`/tenants/${reseller}/access-settings`, { accessModel: 'carryOver' })).status).toBe(200);
    const linked = await person(reseller, 'regular');
    expect((await link(linked.id, `custom:${full.id}`, operator)).status).toBe(201);
    const path = `/tenants/${reseller}/users/${above.id}`;
    const linkPath = `/tenants/${customer}/customer-links/${linked.id}`;
    const answers = [
      await user.http.post<Problem>(`${path}/disable`),
      await user.http.patch<Problem>(path, { role: `custom:${keeper.id}` }),
      await user.http.delete<Problem>(path),
      await user.http.patch<Problem>(linkPath, { role: `custom:${keeper.id}` }),
      await user.http.delete<Problem>(linkPath),
    ];
    expect(answers.map(({ status, body: { code } }) => [status, code])).toEqual(answers.map(() => [422, 'role-beyond-yours']));
    expect((await admin.post(`${path}/disable`)).status).toBe(200);
    expect((await admin.delete(linkPath)).status).toBe(204);
  });

  it('lets nobody open all customers who does not have all that an Admin has', async () => {
    const permissions = ['tenants:read', 'users:read', 'access:write'];
    const chooser = await made<Id>(admin, `/tenants/${reseller}/roles`, { name: 'Chooser', permissions });
    const user = await person(reseller, `custom:${chooser.id}`);
    const settings = `/tenants/${reseller}/access-settings`;
    const refused = await user.http.patch<Problem>(settings, { accessModel: 'carryOver' });
    expect([refused.status, refused.body.code]).toEqual([422, 'role-beyond-yours']);
    expect(await rolesOf(user, customer)).toBe(404);
    expect((await user.http.patch(settings, { accessModel: 'perCustomer', activityMirror: true })).status).toBe(200);
  });

  it('lets nobody change or end a link that gives more than they have', async () => {
    expect((await admin.patch(`/tenants/${reseller}/access-settings`, { accessModel: 'carryOver' })).status).toBe(200);
    const linker = await made<Id>(admin, `/tenants/${reseller}/roles`, {
      name: 'Linker',
      permissions: ['tenants:read', 'users:read', 'access:write'],
    });
    const user = await person(reseller, `custom:${linker.id}`);
    const regular = await person(reseller, 'regular');
    expect((await link(regular.id, 'regular')).status).toBe(201);
    const path = `/tenants/${customer}/customer-links/${regular.id}`;
    const changed = await user.http.patch<Problem>(path, { role: `custom:${linker.id}` });
    expect([changed.status, changed.body.code]).toEqual([422, 'role-beyond-yours']);
    expect((await user.http.delete<Problem>(path)).body.code).toBe('role-beyond-yours');
    expect((await admin.patch(path, { role: `custom:${linker.id}` })).status).toBe(200);
    expect((await user.http.delete(path)).status).toBe(204);
  });

  it('gives extras to Admins only, who lose them with the role', async () => {
    const user = await person(reseller, 'admin', { extras: ['billingUtilities'] });
    const may = async (permission: string) =>
      (await user.http.get<Access>(`/tenants/${customer}/access`)).body.permissions.includes(permission);
    expect([await may('rebilling:write'), await may('templates:write')]).toEqual([true, false]);
    const path = `/tenants/${reseller}/users/${user.id}`;
    expect((await admin.patch<User>(path, { extras: ['contractTemplates'] })).body.extras).toEqual(['contractTemplates']);
    expect([await may('rebilling:write'), await may('templates:write')]).toEqual([false, true]);
    expect((await admin.patch<User>(path, { role: 'regular' })).body).toMatchObject({ role: 'regular', extras: [] });
    expect((await admin.patch<Problem>(path, { extras: ['contractTemplates'] })).body.code).toBe('extras-not-available');
  });

  describe('by a role that a tenant put together', () => {
    it('does what it says, from the next request on, and nothing once it is removed', async () => {
      const roles = `/tenants/${reseller}/roles`;
      const role = await made<Id & { role: string }>(admin, roles, { name: 'Clerk', permissions: ['tenants:read'] });
      const user = await person(reseller, 'support');
      expect((await link(user.id, role.role)).body.role).toBe(role.role);
      const statuses = async () => [
        await statusOf(user.http, `/tenants/${customer}`),
        await statusOf(user.http, `/tenants/${customer}/bills`),
      ];
      expect(await statuses()).toEqual([200, 403]);
      await admin.put(`${roles}/${role.id}`, { name: 'Clerk', permissions: ['bills:read', 'financials:read'] });
      expect(await statuses()).toEqual([403, 200]);
      expect((await admin.delete(`${roles}/${role.id}`)).status).toBe(204);
      expect(await statuses()).toEqual([403, 403]);
    });

    it('is known to the tenant and those above, and given below; nobody else learns of it', async () => {
      const { id, role } = await made<Id & { role: string }>(admin, `/tenants/${reseller}/roles`, {
        name: 'Clerk',
        permissions: ['tenants:read'],
      });
      const ofCustomer = await platform.asUser(customer, 'admin');
      const names = async (as: HttpClient, tenantId: TenantId): Promise<readonly string[]> =>
        (await as.get<List<{ name: string }>>(`/tenants/${tenantId}/roles`)).body.items.map(({ name }) => name);
      expect(await names(admin, customer)).toEqual(['Clerk']);
      expect(await names(ofCustomer, customer)).toEqual([]);
      const user = await person(customer, 'regular');
      const path = `/tenants/${customer}/users/${user.id}`;
      expect((await ofCustomer.patch<Problem>(path, { role })).body.code).toBe('role-not-available');
      expect((await ofCustomer.patch<Problem>(path, { role: `custom:${randomUUID()}` })).body.code).toBe('role-not-available');
      expect((await admin.patch(path, { role })).status).toBe(200);
      expect((await ofCustomer.delete(`/tenants/${customer}/roles/${id}`)).status).toBe(404);
    });

    it('has a name that no other role of the tenant has, which is free as soon as it is given up', async () => {
      const roles = `/tenants/${reseller}/roles`;
      const asked = (name: string) => admin.post<Id & Problem>(roles, { name, permissions: ['tenants:read'] });
      const { id } = (await asked('Biller')).body;
      const again = await asked('BILLER');
      expect([again.status, again.body.code]).toEqual([409, 'role-name-taken']);
      const admins = await asked('admin');
      expect([admins.status, admins.body]).toMatchObject([422, { code: 'role-name-built-in', errors: [{ path: 'name' }] }]);
      expect((await admin.put(`${roles}/${id}`, { name: 'Seller', permissions: ['tenants:read'] })).status).toBe(200);
      expect((await asked('biller')).status).toBe(201);
      expect((await admin.delete(`${roles}/${id}`)).status).toBe(204);
      expect((await asked('seller')).status).toBe(201);
    });

    it('never says more than its maker may, nor what is the platform’s', async () => {
      const roles = `/tenants/${reseller}/roles`;
      const asked = (permission: string) => admin.post<Problem>(roles, { name: 'Too much', permissions: [permission] });
      expect((await asked('rebilling:write')).body.code).toBe('role-beyond-yours');
      expect((await asked('operations:write')).status).toBe(400);
    });
  });
});
