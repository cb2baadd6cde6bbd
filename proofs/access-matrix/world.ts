import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Standing } from '#libs/access-policy/policy';
import { BUNDLES, type Permission, type Role } from '#libs/access-policy/roles';
import { type TenantId } from '#libs/published/ids';
import { type Credentials, LoadClient } from '../platform-process.ts';

/** A tenant of the world. Whatever is made for it bears its mark, by which it is known wherever it shows up. */
export type Tenant = Readonly<{ id: TenantId; path: readonly TenantId[]; mark: string }>;

/** Somebody who asks, and what the policy knows of them. */
export type Caller = Readonly<{ name: string; client: LoadClient; standing: Standing; home: Tenant }>;

export type World = Readonly<{ tenants: readonly Tenant[]; callers: readonly Caller[]; operator: LoadClient }>;

type Id = Readonly<{ id: string }>;

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

const CLERK: readonly Permission[] = ['tenants:read', 'users:read', 'bills:read'];

const USAGE = (payer: string): string =>
  [
    'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,SubAccountId',
    `1.5,${payer},USD,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-03T00:00:00Z,2026-01-04T00:00:00Z,Storage,${payer}`,
    '',
  ].join('\n');

const ADDRESS = { country: 'DE', city: 'Berlin', street: 'Hauptstraße 1', zip: '10115' };

const MOST_POLLS = 600;
const POLL_MS = 50;

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
    const tenant = { id, path: [...(parent?.path ?? []), id], mark };
    tenants.set(mark, tenant);
    await furnish(tenant, String(100_000_000_000 + index), parent);
  }

  async function userOf(tenantId: TenantId): Promise<string> {
    const path = `/api/v1/tenants/${tenantId}/users`;
    const { body } = await operator.send<{ items: readonly Id[] }>({ method: 'GET', path });
    const [user] = body.items;
    if (!user) throw new Error(`${tenantId} has no users`);
    return user.id;
  }

  /** One of everything that a tenant can have. */
  async function furnish({ id, mark }: Tenant, payer: string, parent: Tenant | undefined): Promise<void> {
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
    if (parent) {
      const asked = { role: 'support', hours: 1, reason: mark, userId: await userOf(parent.id) };
      await made(`${at}/delegated-accesses`, asked);
    }
    const { id: dataSourceId } = await made(`${at}/data-sources`, { managementAccountId: payer, name: mark });
    await made(`${at}/linked-accounts`, { dataSourceId, accountId: payer });
    await told('PATCH', `${at}/profile`, { legalName: `${mark} Ltd.` });
    await writeFile(join(folder, `${mark}.csv`), USAGE(payer));
    const { id: importId } = await made(`${at}/imports`, { paths: [`${mark}.csv`], format: 'focus' });
    await until(async () => {
      const { body } = await operator.send<{ status: string }>({ method: 'GET', path: `/api/v1${at}/imports/${importId}` });
      return !['requested', 'running'].includes(body.status);
    });
  }

  const last = tenants.get('Qalic');
  await until(async () => {
    const path = `/api/v1/tenants/${last?.id ?? ''}/bills/2026-01/lines`;
    return ((await operator.send<{ total?: number }>({ method: 'GET', path })).body.total ?? 0) > 0;
  });

  const tenantOf = (mark: Mark): Tenant => {
    const found = tenants.get(mark);
    if (!found) throw new Error(`the world has no ${mark}`);
    return found;
  };
  const callers: Caller[] = [];
  const enter = async (
    name: string,
    mark: Mark,
    role: Role,
    links: Standing['links'] = [],
    carriesOver = false,
  ): Promise<void> => {
    const home = tenantOf(mark);
    const email = `${mark}.${String(callers.length)}@example.com`;
    const password = randomPassword();
    const { id: userId } = await made(`/tenants/${home.id}/users`, { email, name, password, role });
    for (const link of links) await made(`/tenants/${link.tenantId}/customer-links`, { userId, role: link.role });
    const client = new LoadClient(url, 4);
    await client.login({ email, password });
    const bundles = new Map<Role, ReadonlySet<Permission>>(
      [...Object.entries(BUNDLES)].map(([of, bundle]) => [of as Role, bundle]),
    );
    if (role.startsWith('custom:')) bundles.set(role, new Set(CLERK));
    callers.push({ name, client, home, standing: { memberships: [{ tenantId: home.id, role, carriesOver }], links, bundles } });
  };
  const { role: clerk } = await made<{ role: Role }>(`/tenants/${tenantOf('Qresl').id}/roles`, {
    name: 'Qresl 3',
    permissions: CLERK,
  });
  for (const role of ['admin', 'regular', 'readOnly', 'support', 'sales'] as const)
    await enter(`${role} of a reseller`, 'Qresl', role);
  await enter('custom role of a reseller', 'Qresl', clerk);
  await enter('admin of a distributor', 'Qdist', 'admin');
  await enter('admin of a customer', 'Qcust', 'admin');
  await enter('regular of a reseller, linked to a customer as support', 'Qresl', 'regular', [
    { tenantId: tenantOf('Qcust').id, role: 'support' },
  ]);
  await enter('support of a distributor, linked to a reseller as admin', 'Qdist', 'support', [
    { tenantId: tenantOf('Qresl').id, role: 'admin' },
  ]);
  return { tenants: [...tenants.values()], callers, operator };
};

/** Work in the background is done. @throws Error when that takes too long */
const until = async (done: () => Promise<boolean>): Promise<void> => {
  for (let waited = 0; waited < MOST_POLLS; waited++) {
    if (await done()) return;
    await sleep(POLL_MS);
  }
  throw new Error('the platform did not come to rest');
};

const randomPassword = (): string => randomBytes(15).toString('base64url');
