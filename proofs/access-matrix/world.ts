import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Standing } from '#libs/access-policy/policy';
import { BUNDLES, type Permission, type Role } from '#libs/access-policy/roles';
import { type WayOfActing } from '#libs/event-sourcing/event';
import { type RoleId, type TenantId } from '#libs/published/ids';
import { type Credentials, LoadClient } from '../platform-process.ts';
import { type Keys, keysOf, unusedLike, usageOf } from './keys.ts';

/** A tenant of the world. Whatever is made for it bears its mark, by which it is known wherever it shows up. */
export type Tenant = Readonly<{
  id: TenantId;
  path: readonly TenantId[];
  mark: string;
  keys: Keys;
  /** Like its keys, but nobody's. */
  unused: Keys;
}>;

/** Somebody who asks, and what the policy knows of them. */
export type Caller = Readonly<{
  name: string;
  client: LoadClient;
  standing: Standing;
  home: Tenant;
  /** How they came to act as they do; absent: they logged in. */
  via?: WayOfActing;
  /** Where the person is at home, if that is elsewhere: no secret where they ask about themselves. */
  from?: Tenant;
}>;

/** `userIds`: the callers' own. */
export type World = Readonly<{
  tenants: readonly Tenant[];
  callers: readonly Caller[];
  userIds: ReadonlySet<string>;
  operator: LoadClient;
}>;

type Id = Readonly<{ id: string }>;
type Issued = Readonly<{ accessToken: string }>;

/** Names of marks have no part in common with anything else that answers say. */
const PLACES = [
  { mark: 'Qdist', above: undefined, tier: 'distributor' },
  { mark: 'Qresl', above: 'Qdist', tier: 'reseller' },
  { mark: 'Qsibl', above: 'Qdist', tier: 'reseller' },
  { mark: 'Qcust', above: 'Qresl', tier: 'endCustomer' },
  { mark: 'Qnext', above: 'Qresl', tier: 'endCustomer' },
  { mark: 'Qalie', above: undefined, tier: 'distributor' },
  { mark: 'Qalir', above: 'Qalie', tier: 'reseller' },
  { mark: 'Qalic', above: 'Qalir', tier: 'endCustomer' },
] as const;

type Mark = (typeof PLACES)[number]['mark'];

const CLERK: readonly Permission[] = ['tenants:read', 'users:read', 'bills:read', 'financials:read'];

const ADDRESS = { country: 'DE', city: 'Berlin', street: 'Hauptstraße 1', zip: '10115' };

const MOST_POLLS = 3_000;
const POLL_MS = 10;

/** Two trees with one of everything in each tenant, twice where a list should have a second page, and somebody of each kind. */
export const buildWorld = async (url: string, credentials: Credentials, folder: string): Promise<World> => {
  const operator = new LoadClient(url, 4);
  await operator.login(credentials);
  const made = async <Body extends object = Id>(path: string, body: unknown): Promise<Body> => {
    const answer = await operator.send<Body>({ method: 'POST', path: `/api/v1${path}`, body });
    if (answer.status >= 300) throw new Error(`POST ${path}: ${String(answer.status)} ${answer.text}`);
    return answer.body;
  };
  const told = async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await operator.send({ method, path: `/api/v1${path}`, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${String(answer.status)} ${answer.text}`);
  };

  const tenants = new Map<Mark, Tenant>();
  for (const [index, { mark, above, tier }] of PLACES.entries()) {
    const parent = above && tenants.get(above);
    const profile = { tier, name: `Company ${mark}`, customerCode: mark };
    const { id } = parent
      ? await made<{ id: TenantId }>(`/tenants/${parent.id}/customers`, profile)
      : await made<{ id: TenantId }>('/tenants', { ...profile, currency: 'USD' });
    const keys = keysOf(mark, 100_000_000_000 + index);
    const tenant = { id, path: [...(parent?.path ?? []), id], mark, keys, unused: unusedLike(keys) };
    tenants.set(mark, tenant);
    await furnish(tenant, parent);
  }

  async function userOf(tenantId: TenantId): Promise<string> {
    const path = `/api/v1/tenants/${tenantId}/users`;
    const { body } = await operator.send<{ items: readonly Id[] }>({ method: 'GET', path });
    const [user] = body.items;
    if (!user) throw new Error(`${tenantId} has no users`);
    return user.id;
  }

  /** One of everything that a tenant can have. */
  async function furnish({ id, mark, keys: { account: payer } }: Tenant, parent: Tenant | undefined): Promise<void> {
    const at = `/tenants/${id}`;
    for (const number of ['1', '2']) {
      const name = `${mark} ${number}`;
      await made(`${at}/contacts`, { type: 'technical', name, email: `${mark}.contact${number}@example.com` });
      await made(`${at}/roles`, { name, permissions: ['tenants:read'] });
      await made(`${at}/service-accounts`, { name, permissions: ['tenants:read'] });
      await made(`${at}/users`, {
        email: `${mark}.user${number}@example.com`,
        name,
        password: randomPassword(),
        role: 'regular',
      });
      await made(`${at}/invitations`, { email: `${mark}.guest${number}@example.com`, name, role: 'regular' });
      const { id: contractId } = await made(`${at}/contracts`, {
        name,
        start: `202${number}-01-01`,
        billingDetails: { profileName: mark, address: ADDRESS },
      });
      if (number === '1') await made(`${at}/contracts/${contractId}/status`, { to: 'active', reason: mark });
    }
    const userId = await userOf(id);
    await made(`${at}/users/${userId}/impersonation`, { reason: mark });
    for (const above of parent?.path ?? []) {
      const asked = { role: 'support', hours: 1, reason: mark, userId: await userOf(above) };
      await made(`${at}/delegated-accesses`, asked);
    }
    const { id: dataSourceId } = await made(`${at}/data-sources`, { managementAccountId: payer, name: mark });
    await made(`${at}/linked-accounts`, { dataSourceId, accountId: payer });
    await told('PATCH', `${at}/profile`, { legalName: `${mark} Ltd.` });
    await writeFile(join(folder, `${mark}.csv`), usageOf(payer));
    const { id: importId } = await made(`${at}/imports`, { paths: [`${mark}.csv`], format: 'focus' });
    await rested(async () => {
      const { body } = await operator.send<{ status: string }>({ method: 'GET', path: `/api/v1${at}/imports/${importId}` });
      return ['requested', 'running'].includes(body.status) ? undefined : body.status;
    });
  }

  const last = tenants.get('Qalic');
  await rested(async () => {
    const path = `/api/v1/tenants/${last?.id ?? ''}/bills/2026-01/lines`;
    return (await operator.send<{ total?: number }>({ method: 'GET', path })).body.total || undefined;
  });

  const tenantOf = (mark: Mark): Tenant => {
    const found = tenants.get(mark);
    if (!found) throw new Error(`the world has no ${mark}`);
    return found;
  };
  const callers: Caller[] = [];
  const userIds = new Set<string>();
  const acts = (caller: Omit<Caller, 'client'>, accessToken: string): Caller => {
    const client = new LoadClient(url, 4);
    client.authorize(accessToken);
    const acting = { ...caller, client };
    callers.push(acting);
    return acting;
  };
  const enter = async (
    name: string,
    mark: Mark,
    role: Role,
    links: Standing['links'] = [],
    bundles: Standing['bundles'] = new Map(),
  ): Promise<Caller & Readonly<{ userId: string }>> => {
    const home = tenantOf(mark);
    // Without a mark: whose log they are in may know them.
    const email = `caller${String(callers.length)}@example.com`;
    const password = randomPassword();
    const { id: userId } = await made(`/tenants/${home.id}/users`, { email, name, password, role });
    userIds.add(userId);
    for (const link of links)
      if (link.delegated) await lend(link, userId);
      else await made(`/tenants/${link.tenantId}/customer-links`, { userId, role: link.role });
    const { accessToken } = await made<Issued>('/auth/login', { email, password });
    const standing = { memberships: [{ tenantId: home.id, role, carriesOver: false }], links, bundles };
    return { ...acts({ name, home, standing }, accessToken), userId };
  };
  /** The token of another context. */
  const given = async ({ client, name }: Caller, method: string, path: string, body?: unknown): Promise<string> => {
    const answer = await client.send<Issued>({ method, path: `/api/v1${path}`, ...(body === undefined ? {} : { body }) });
    if (answer.status >= 300) throw new Error(`${name}: ${method} ${path}: ${String(answer.status)} ${answer.text}`);
    return answer.body.accessToken;
  };
  const { role: clerk } = await made<{ role: Role }>(`/tenants/${tenantOf('Qresl').id}/roles`, {
    name: 'Qresl 3',
    permissions: CLERK,
  });
  const admin = await enter('admin of a reseller', 'Qresl', 'admin');
  for (const role of ['regular', 'readOnly', 'support', 'sales'] as const) await enter(`${role} of a reseller`, 'Qresl', role);
  await enter('custom role of a reseller', 'Qresl', clerk, [], new Map([[clerk, new Set(CLERK)]]));
  const above = await enter('admin of a distributor', 'Qdist', 'admin');
  const below = await enter('admin of a customer', 'Qcust', 'admin');
  const customer = tenantOf('Qcust');
  const reseller = tenantOf('Qresl');
  async function lend({ tenantId, role }: Standing['links'][number], userId: string): Promise<void> {
    const { id } = await made(`/tenants/${tenantId}/delegated-accesses`, { role, hours: 1, reason: 'X', userId });
    // Whether it was granted, the matrix will find: without the filter by tenant nobody is one of the customer's own.
    await below.client.send({ method: 'POST', path: `/api/v1/tenants/${tenantId}/delegated-accesses/${id}/approve` });
  }
  await enter('regular of a reseller, linked to a customer as support', 'Qresl', 'regular', [
    { tenantId: customer.id, role: 'support' },
  ]);
  await enter('support of a distributor, linked to a reseller as admin', 'Qdist', 'support', [
    { tenantId: reseller.id, role: 'admin' },
  ]);
  await enter('regular of a reseller, let into a customer as admin for a while', 'Qresl', 'regular', [
    { tenantId: customer.id, role: 'admin', delegated: true },
  ]);
  acts(
    {
      name: 'admin of a distributor, switched into a reseller',
      home: reseller,
      standing: { memberships: [{ tenantId: reseller.id, role: 'admin' }], links: [] },
      via: 'switch',
      from: above.home,
    },
    await given(above, 'PUT', `/tenants/${reseller.id}/switch`),
  );
  acts(
    {
      name: 'admin of a reseller, as the admin of a customer',
      home: customer,
      standing: below.standing,
      via: 'impersonation',
      from: reseller,
    },
    await given(admin, 'POST', `/tenants/${customer.id}/users/${below.userId}/impersonation`, { reason: 'X' }),
  );
  const account = `/tenants/${reseller.id}/service-accounts`;
  const permissions = [...BUNDLES.admin];
  const { id: accountId } = await made(account, { name: 'Qresl 4', permissions });
  const { key } = await made<{ key: string }>(`${account}/${accountId}/keys`, {});
  const scope: Role = `custom:${accountId as RoleId}`;
  acts(
    {
      name: 'key of a service account of a reseller',
      home: reseller,
      standing: {
        memberships: [{ tenantId: reseller.id, role: scope, carriesOver: true }],
        links: [],
        bundles: new Map([[scope, new Set(permissions)]]),
      },
      via: 'key',
    },
    (await made<Issued>('/auth/service-token', { key })).accessToken,
  );
  return { tenants: [...tenants.values()], callers, userIds, operator };
};

/** What is there once work in the background is done. @throws Error when that takes too long */
export const rested = async <Found>(look: () => Promise<Found | undefined>): Promise<Found> => {
  for (let waited = 0; waited < MOST_POLLS; waited++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(POLL_MS);
  }
  throw new Error('the platform did not come to rest');
};

const randomPassword = (): string => randomBytes(15).toString('base64url');
