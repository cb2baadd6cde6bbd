import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandId, type DomainEvent, type Metadata, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { openEmbedded } from '#libs/platform/embedded-storage';
import { type Instant } from '#libs/time/time';
import { type IdentityProvider } from '../../deploy/local/identity-provider.ts';
import { parametersIn, type Route } from './documented.ts';
import { type Json, type Memory, type Parameters as Place } from './memory.ts';
import { type Sent, uploadOf } from './request.ts';
import { type Came } from './verdict.ts';
import { type Caller } from './world.ts';

const WAIT_MS = 100;
/** A reaction gives a message six seconds before it sets it aside. */
const PATIENCE = 300;
/** A replay of a small log may be over before it can be given up. */
const MOST_REPLAYS = 40;

type Fields = Readonly<Record<string, Json>>;
type Given = Readonly<{ body?: Fields; upload?: Buffer; headers?: Readonly<Record<string, string>>; query?: Sent['query'] }>;
type Ask = (route: Route, sent: Sent) => Promise<Came | undefined>;

/**
 * What no request brings about: a change of a tenant in a shape that the reaction to it cannot handle, so that there is a parked
 * message. Into a log that no process holds yet.
 */
export const appendUnhandled = async (dataDir: string): Promise<void> => {
  const tenantId = randomUUID();
  const profile = { name: 'Unhandled', customerCode: 'UNHANDLED', primaryDomain: null };
  const place = { tier: 'reseller', currency: 'USD', registeredAt: '2026-01-01T00:00:00.000Z' };
  const events: readonly DomainEvent[] = [
    { type: 'TenantRegistered', data: { tenantId, path: [tenantId], ...place, ...profile } },
    { type: 'TenantProfileChanged', data: { tenantId, ...profile, customerCode: null } },
  ];
  const metadata: Metadata = {
    commandId: randomUUID() as CommandId,
    bodyHash: '',
    principal: { id: 'requests' },
    tenant: null,
    time: '2026-01-01T00:00:00.000Z' as Instant,
  };
  const storage = await openEmbedded(`sqlite:${join(dataDir, 'tributary.db')}`, [], {});
  try {
    await storage.store.append(`tenants.tenant-${tenantId}` as StreamName, events, NO_STREAM, metadata);
  } finally {
    await storage.close();
  }
};

/** What a person has beside the API: the letters that came, and an identity at a provider. */
type Outside = Readonly<{ dataDir: string; identityProvider: IdentityProvider }>;

/** Every route that changes anything, once with what it takes: ids of things that are there, in the order that leads to them. */
export const tour = async (
  routes: readonly Route[],
  memory: Memory,
  ask: Ask,
  { dataDir, identityProvider }: Outside,
): Promise<void> => {
  const who: Caller = 'operator';
  const routeOf = (method: string, path: string): Route => {
    const found = routes.find((route) => route.method === method && route.path === `/api/v1${path}`);
    if (!found) throw new Error(`the document has no ${method} ${path}`);
    return found;
  };
  const send = (method: string, path: string, parameters: Place = {}, given: Given = {}): Promise<Came | undefined> => {
    const { body, upload, headers = {}, query = [] } = given;
    const route = routeOf(method, path);
    const address = parametersIn(path).reduce(
      (found, name) => found.replace(`{${name}}`, encodeURIComponent(parameters[name] ?? '')),
      route.path,
    );
    const content = body
      ? { body: JSON.stringify(body), given: body, headers: { ...headers, 'content-type': 'application/json' } }
      : upload
        ? { ...uploadOf('archive', upload), headers: { ...headers, ...uploadOf('archive', upload).headers } }
        : { headers };
    return ask(route, { who, method, parameters, address, query, ...content });
  };
  const answered = async (...asked: Parameters<typeof send>): Promise<Fields> => {
    const came = await send(...asked);
    return came && came.status < 300 && came.text !== '' ? (JSON.parse(came.text) as Fields) : {};
  };
  const idOf = ({ id }: Fields): string => (typeof id === 'string' ? id : '');
  const itemsOf = ({ items }: Fields): readonly Fields[] => (Array.isArray(items) ? (items as readonly Fields[]) : []);

  const rootId = idOf(await answered('POST', '/tenants', {}, { body: { tier: 'reseller', name: 'Tour', currency: 'USD' } }));
  const root = { tenantId: rootId };
  const customers = '/tenants/{tenantId}/customers';
  const customer = {
    tenantId: idOf(
      await answered('POST', customers, root, { body: { tier: 'endCustomer', name: 'Stop', customerCode: 'STOP' } }),
    ),
  };
  await send('PATCH', '/tenants/{tenantId}', customer, { body: { name: 'Stopped', primaryDomain: 'stop.example' } });
  const tourist = { email: 'tour@example.com', password: randomUUID() };
  await send('POST', '/tenants/{tenantId}/users', root, { body: { ...tourist, name: 'Tour', role: 'sales' } });
  const { refreshToken = '' } = await answered('POST', '/auth/login', {}, { body: tourist });
  await send('POST', '/auth/refresh', {}, { body: { refreshToken } });
  for (const session of itemsOf(await answered('GET', '/me/sessions')))
    await send('DELETE', '/me/sessions/{sessionId}', { sessionId: idOf(session) });

  const users = '/tenants/{tenantId}/users';
  const added = { name: 'Guide', password: randomUUID(), role: 'regular' };
  const userId = idOf(await answered('POST', users, root, { body: { ...added, email: 'guide@example.com' } }));
  await send('GET', `${users}/{userId}`, { ...root, userId });
  await send('PATCH', `${users}/{userId}`, { ...root, userId }, { body: { role: 'readOnly', childTenantRole: 'none' } });
  await send('POST', `${users}/{userId}/disable`, { ...root, userId });
  await send('POST', `${users}/{userId}/enable`, { ...root, userId });
  await send('PATCH', '/tenants/{tenantId}/access-settings', root, { body: { accessModel: 'carryOver', activityMirror: true } });
  const roles = '/tenants/{tenantId}/roles';
  const guide = { name: 'Guide', permissions: ['tenants:read'] };
  const roleId = idOf(await answered('POST', roles, root, { body: guide }));
  await send('GET', `${roles}/{roleId}`, { ...root, roleId });
  await send('PUT', `${roles}/{roleId}`, { ...root, roleId }, { body: { ...guide, name: 'Guides' } });
  const links = '/tenants/{tenantId}/customer-links';
  await send('POST', links, customer, { body: { userId, role: 'support' } });
  await send('PATCH', `${links}/{userId}`, { ...customer, userId }, { body: { role: `custom:${roleId}` } });
  await send('DELETE', `${links}/{userId}`, { ...customer, userId });
  await send('DELETE', `${roles}/{roleId}`, { ...root, roleId });
  await send('DELETE', `${users}/{userId}`, { ...root, userId });

  const accounts = '/tenants/{tenantId}/service-accounts';
  const system = { body: { name: 'Tour', permissions: ['tenants:read'] } };
  const serviceAccount = { ...root, serviceAccountId: idOf(await answered('POST', accounts, root, system)) };
  await send('GET', `${accounts}/{serviceAccountId}`, serviceAccount);
  await send('PATCH', `${accounts}/{serviceAccountId}`, serviceAccount, { body: { name: 'Tourists' } });
  const { key = '' } = await answered('POST', `${accounts}/{serviceAccountId}/keys`, serviceAccount, { body: {} });
  await send('POST', '/auth/service-token', {}, { body: { key } });
  await send('DELETE', `${accounts}/{serviceAccountId}/keys/{number}`, { ...serviceAccount, number: '1' });
  await send('DELETE', `${accounts}/{serviceAccountId}`, serviceAccount);
  await send('PUT', '/tenants/{tenantId}/switch', customer);

  const as = ({ accessToken = '' }: Fields) => ({ headers: { authorization: `Bearer ${String(accessToken)}` } });
  const actor = { role: 'regular', name: 'Played', password: randomUUID() };
  const played = idOf(await answered('POST', users, root, { body: { ...actor, email: 'played@example.com' } }));
  const stage = { ...root, userId: played };
  const begun = async (): Promise<Fields> =>
    answered('POST', `${users}/{userId}/impersonation`, stage, { body: { reason: 'The tour', minutes: 5 } });
  await send('POST', '/me/impersonation/end', {}, as(await begun()));
  const { impersonationId = '' } = await begun();
  const impersonations = '/tenants/{tenantId}/impersonations';
  await send('POST', `${impersonations}/{impersonationId}/end`, { ...root, impersonationId: String(impersonationId) });
  const owner = { email: 'owner-of-the-tour@example.com', password: randomUUID() };
  await send('POST', users, customer, { body: { ...owner, name: 'Owner', role: 'admin' } });
  const own = as(await answered('POST', '/auth/login', {}, { body: owner }));
  const accesses = '/tenants/{tenantId}/delegated-accesses';
  const delegated = { body: { role: 'support', hours: 1, reason: 'The tour', userId: played } };
  for (const decision of ['approve', 'decline']) {
    const access = { ...customer, delegatedAccessId: idOf(await answered('POST', accesses, customer, delegated)) };
    await send('GET', `${accesses}/{delegatedAccessId}`, access);
    await send('POST', `${accesses}/{delegatedAccessId}/${decision}`, access, own);
    await send('POST', `${accesses}/{delegatedAccessId}/end`, access);
  }

  const invitations = '/tenants/{tenantId}/invitations';
  const guest = 'guest-of-the-tour@example.com';
  const invited = idOf(await answered('POST', invitations, root, { body: { email: guest, role: 'admin' } }));
  await send('POST', `${invitations}/bulk`, root, {
    body: { invitations: [{ email: 'many-of-the-tour@example.com', role: 'sales' }], onFaults: 'none' },
  });
  await send('POST', `${invitations}/upload`, root, {
    upload: Buffer.from('email,role\nfile-of-the-tour@example.com,support\n'),
    query: [['onFaults', 'others']],
  });
  await send('POST', `${invitations}/{invitationId}/resend`, { ...root, invitationId: invited });
  const token = await tokenFor(guest, 2, join(dataDir, 'mail'));
  await send('POST', '/invitations/open', {}, { body: { token } });
  await send('POST', '/invitations/accept', {}, { body: { token, password: randomUUID(), name: 'Guest' } });
  const { authorizationUrl, transaction = '' } = await answered('POST', '/auth/oidc/begin');
  const identity = { subject: 'guest', email: guest, emailVerified: true, name: 'Guest' };
  const { search } = new URL(await identityProvider.visit(String(authorizationUrl), identity));
  await send('POST', '/auth/oidc/finish', {}, { body: { transaction, query: search.slice(1) } });
  await send('POST', '/auth/logout');
  for (const { id: invitationId } of itemsOf(await answered('GET', invitations, root, { query: [['status', 'pending']] })))
    await send('POST', `${invitations}/{invitationId}/revoke`, { ...root, invitationId: String(invitationId) });

  const contacts = '/tenants/{tenantId}/contacts';
  const contact = { type: 'technical', name: 'Contact of the tour', email: 'contact@example.com' };
  const contactId = idOf(await answered('POST', contacts, customer, { body: contact }));
  await send('PATCH', `${contacts}/{contactId}`, { ...customer, contactId }, { body: { phone: '+1 555' } });
  await send('GET', `${contacts}/{contactId}`, { ...customer, contactId });
  await send('DELETE', `${contacts}/{contactId}`, { ...customer, contactId });
  await send('POST', contacts, customer, { body: { ...contact, type: 'admin' } });
  await send('PATCH', '/tenants/{tenantId}/profile', customer, { body: { legalName: 'Stop Ltd' } });
  await send('POST', '/tenants/{tenantId}/onboarding/start', customer, { body: { task: 'inviteAdmin' } });
  const skipped = { task: 'connectCloudAccount', reason: 'The tour' };
  await send('POST', '/tenants/{tenantId}/onboarding/skip', customer, { body: skipped });

  const sources = '/tenants/{tenantId}/data-sources';
  const payer = { managementAccountId: '666666666666', name: 'Payer of the tour' };
  const dataSourceId = idOf(await answered('POST', sources, root, { body: payer }));
  await send('PATCH', `${sources}/{dataSourceId}`, { ...root, dataSourceId }, { body: { name: 'Payer' } });
  const account = { dataSourceId, accountId: '777777777777' };
  await send('POST', '/tenants/{tenantId}/linked-accounts', customer, { body: { ...account, from: '2026-01-01' } });
  await send('POST', '/tenants/{tenantId}/linked-accounts/unlink', customer, { body: { ...account, from: '2026-02-01' } });
  const automatic = '/tenants/{tenantId}/auto-assignments/{dataSourceId}';
  await send('PUT', automatic, { ...customer, dataSourceId }, { body: { from: '2026-01-01', exclude: ['x*'] } });
  await send('DELETE', automatic, { ...customer, dataSourceId }, { query: [['from', '2026-03-01']] });

  const contracts = '/tenants/{tenantId}/contracts';
  const [terms] = memory.bodies('contractDraft').filter((body): body is Fields => typeof body === 'object' && body !== null);
  if (terms) {
    const { managementAccounts: _, ...anyAccount } = terms;
    const contractId = idOf(await answered('POST', contracts, customer, { body: anyAccount }));
    const contract = { ...customer, contractId };
    const tagged = async (): Promise<Readonly<Record<string, string>>> => {
      const came = await send('GET', `${contracts}/{contractId}`, contract);
      return { 'if-match': String(came?.headers['etag']) };
    };
    await send('PUT', `${contracts}/{contractId}`, contract, { body: { ...anyAccount, name: 'Saved' }, headers: await tagged() });
    await send('POST', `${contracts}/{contractId}/status`, contract, {
      body: { to: 'active', reason: 'The tour' },
      headers: await tagged(),
    });
  }

  const imports = '/tenants/{tenantId}/imports';
  const importId = idOf(await answered('POST', imports, root, { body: { paths: ['usage.csv'], format: 'focus' } }));
  await send('POST', `${imports}/{importId}/cancel`, { ...root, importId });
  await send('POST', `${imports}/upload`, root, { upload: Buffer.from('BillingAccountId,BilledCost\n1,1\n') });

  const backups = '/operations/backups';
  const restores = '/operations/restores';
  const backup = { backupId: idOf(await answered('POST', backups)) };
  for (let waited = 0; waited < PATIENCE; waited++) {
    const { status } = await answered('GET', `${backups}/{backupId}`, backup);
    if (status !== 'running') break;
    await sleep(WAIT_MS);
  }
  const content = await send('GET', `${backups}/{backupId}/content`, backup);
  await send('DELETE', `${restores}/{restoreId}`, {
    restoreId: idOf(await answered('POST', restores, {}, { body: { ...backup } })),
  });
  if (content?.bytes)
    await send('DELETE', `${restores}/{restoreId}`, {
      restoreId: idOf(await answered('POST', `${restores}/upload`, {}, { upload: content.bytes })),
    });
  await send('DELETE', `${backups}/{backupId}`, backup);

  const readModels = itemsOf(await answered('GET', '/operations/read-models')).map(({ projection }) => String(projection));
  const replay = '/operations/read-models/{name}/replay';
  for (let tries = 0; tries < MOST_REPLAYS; tries++) {
    const name = readModels[tries % readModels.length] ?? '';
    const [, given] = await Promise.all([send('PUT', replay, { name }), send('DELETE', replay, { name })]);
    if (given?.status === 204) break;
  }
  await send('PUT', '/operations/quarantine/retry', {}, { body: {} });

  for (let waited = 0; waited < PATIENCE; waited++) {
    const [message] = itemsOf(await answered('GET', '/operations/parked'));
    if (message) {
      const name = String(message['consumer']);
      await send('PUT', '/operations/reactions/{name}/retry', { name }, { body: {} });
      await send('DELETE', '/operations/reactions/{name}/parked/{eventId}', { name, eventId: String(message['eventId']) });
      break;
    }
    await sleep(WAIT_MS);
  }
};

/** What stands in the letter of that round, once it has come. */
const tokenFor = async (email: string, round: number, folder: string): Promise<string> => {
  for (let waited = 0; waited < PATIENCE; waited++) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((one) => one.endsWith('.eml'))) {
      const letter = await readFile(join(folder, name), 'utf8');
      const token = /#token=([\w.-]+)/.exec(letter.replaceAll('=\r\n', '').replaceAll('=3D', '='))?.[1] ?? '';
      const content = Buffer.from(token.split('.')[0] ?? '', 'base64url').toString() || '[]';
      const [, of] = JSON.parse(content) as readonly unknown[];
      if (letter.includes(email) && of === round) return token;
    }
    await sleep(WAIT_MS);
  }
  return '';
};
