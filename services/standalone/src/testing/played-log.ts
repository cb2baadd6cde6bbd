import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Category, categoryOf, type Recorded } from '#libs/event-sourcing/event';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { SERVICES } from '../services.ts';
import { playThreeTiers } from './three-tiers.ts';

type Item = Readonly<{ id: string; name: string }>;

const PASSWORD = 'correct horse battery';
const PAGE = 1_000;

const recurring = { type: 'recurring', from: '2026-01' };
const conditions = [{ letter: 'A', dimension: 'Tags/team', values: ['a', 'b*'] }];

/** A contract with one of each kind of rule, price and item. */
const EVERY_TERM = {
  name: 'Everything',
  start: '2026-01-01',
  end: '2026-12-31',
  managementAccounts: ['444444444444'],
  renewalPolicy: 'auto-renewal',
  entitlements: ['SPP'],
  invoicePrefix: 'A-1',
  billingDetails: {
    profileName: 'Accounts payable',
    address: { country: 'US', city: 'Springfield', street: '1 Main Street', zip: '12345' },
    invoiceContactId: 'c1',
  },
  billingRules: [{ name: 'No tests', scope: { conditions, formula: 'NOT A' } }],
  priceBooks: [
    {
      name: 'Prices',
      rules: [
        { type: 'percentageDiscount', percentage: '8.5' },
        { type: 'percentageCharge', percentage: '3' },
        { type: 'unitRate', rate: '0.0001' },
        { type: 'fixedRate', amount: '-25' },
      ].map((pricing, index) => ({ name: `Price ${String(index)}`, priority: index + 1, scope: { conditions }, pricing })),
    },
  ],
  customLineItems: [
    { name: 'Goodwill', type: 'fixedDiscount', amount: '50', frequency: { type: 'once', on: '2026-01-15' } },
    { name: 'Service', type: 'fixedCharge', amount: '150', prorate: true, frequency: { ...recurring, to: '2026-03' } },
    { name: 'Partner', type: 'percentageDiscount', percentage: '3', frequency: recurring },
    { name: 'Uplift', type: 'percentageCharge', percentage: '3', managementAccounts: ['444444444444'], frequency: recurring },
    {
      name: 'Support',
      description: 'By bands',
      type: 'supportBands',
      minimum: '100',
      bands: [{ upTo: '10000', percentage: '10' }, { percentage: '7' }],
      resolution: 'managementAccount',
      frequency: recurring,
    },
    { name: 'VAT', type: 'tax', percentage: '19', frequency: recurring },
  ],
};

const done = async <Body = Item>(answer: Promise<Readonly<{ status: number; body: Body }>>): Promise<Body> => {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${String(status)} ${JSON.stringify(body)}`);
  return body;
};

/** Users with other roles, links to customers, roles of their own, settings and an invitation, with their ends. */
const otherAccess = async (operator: HttpClient, rootId: string, customerId: string): Promise<void> => {
  const at = `/tenants/${rootId}`;
  const guide = { email: 'guide@example.com', name: 'Guide', password: PASSWORD, role: 'regular' };
  const { id: userId } = await done(operator.post<Item>(`${at}/users`, guide));
  await done(operator.patch(`${at}/users/${userId}`, { role: 'readOnly' }));
  await done(operator.post(`${at}/users/${userId}/disable`));
  await done(operator.post(`${at}/users/${userId}/enable`));
  await done(operator.patch(`${at}/access-settings`, { accessModel: 'carryOver', activityMirror: true }));
  const clerk = { name: 'Clerk', permissions: ['tenants:read'] };
  const { id: roleId } = await done(operator.post<Item>(`${at}/roles`, clerk));
  const links = `/tenants/${customerId}/customer-links`;
  await done(operator.post(links, { userId, role: 'support' }));
  await done(operator.patch(`${links}/${userId}`, { role: `custom:${roleId}` }));
  await done(operator.delete(`${links}/${userId}`));
  await done(operator.delete(`${at}/roles/${roleId}`));
  await done(operator.delete(`${at}/users/${userId}`));
  const invited = await done(operator.post<Item>(`${at}/invitations`, { email: 'guest@example.com', role: 'sales' }));
  await done(operator.post(`${at}/invitations/${invited.id}/revoke`));
};

/** Service accounts, a switch, a logout and a lock, impersonation and delegated access, with their ends. */
const actingOtherwise = async (
  platform: TestPlatform,
  operator: HttpClient,
  { rootId, customerId, userId }: Readonly<{ rootId: string; customerId: string; userId: string }>,
): Promise<void> => {
  const at = `/tenants/${rootId}`;
  const account = { name: 'Books', permissions: ['tenants:read'] };
  const { id } = await done(operator.post<Item>(`${at}/service-accounts`, account));
  await done(operator.patch(`${at}/service-accounts/${id}`, { name: 'Ledgers' }));
  await done(operator.post(`${at}/service-accounts/${id}/keys`, {}));
  await done(operator.delete(`${at}/service-accounts/${id}/keys/1`));
  await done(operator.delete(`${at}/service-accounts/${id}`));
  const user = await platform.as('sales@example.com', PASSWORD);
  await done(user.put(`/tenants/${customerId}/switch`));
  await done(user.post('/auth/logout'));
  for (let tried = 0; tried < 10; tried++)
    await platform.http.post('/auth/login', { email: 'sales@example.com', password: 'not the one' });
  const impersonating = operator.post<Readonly<{ impersonationId: string }>>(`${at}/users/${userId}/impersonation`, {
    reason: 'A ticket',
  });
  const { impersonationId } = await done(impersonating);
  await done(operator.post(`${at}/impersonations/${impersonationId}/end`));
  const accesses = `/tenants/${customerId}/delegated-accesses`;
  const wanted = { role: 'support', hours: 1, reason: 'A ticket', userId };
  const own = await platform.asUser(customerId as TenantId, 'admin');
  const granted = await done(operator.post<Item>(accesses, wanted));
  await done(own.post(`${accesses}/${granted.id}/approve`));
  await done(own.post(`${accesses}/${granted.id}/end`));
  const declined = await done(operator.post<Item>(accesses, wanted));
  await done(own.post(`${accesses}/${declined.id}/decline`));
};

/** What the scenario leaves out: removals, changes, and imports that did not end well. */
const changeOfMind = async (platform: TestPlatform, operator: HttpClient, folder: string): Promise<void> => {
  const root = await done(operator.post<Item>('/tenants', { tier: 'reseller', name: 'Root', currency: 'EUR' }));
  const at = `/tenants/${root.id}`;
  const code = (customerCode: string) => ({ tier: 'endCustomer', name: `Customer ${customerCode}`, customerCode });
  const customer = await done(operator.post<Item>(`${at}/customers`, code('A')));
  const other = await done(operator.post<Item>(`${at}/customers`, code('B')));
  await done(operator.patch(`/tenants/${customer.id}`, { customerCode: 'C', name: 'Renamed' }));
  await done(operator.patch(`/tenants/${other.id}`, { customerCode: 'D', primaryDomain: 'other.example' }));
  const contact = await done(
    operator.post<Item>(`/tenants/${other.id}/contacts`, { type: 'technical', name: 'Tess', email: 'tess@other.example' }),
  );
  await done(operator.patch(`/tenants/${other.id}/contacts/${contact.id}`, { phone: '+1 555' }));
  await done(operator.delete(`/tenants/${other.id}/contacts/${contact.id}`));
  await done(operator.patch(`/tenants/${other.id}/profile`, { legalName: 'Other Ltd' }));
  await done(operator.post(`/tenants/${other.id}/onboarding/start`, { task: 'inviteAdmin' }));
  const skipped = { task: 'connectCloudAccount', reason: 'Network services only' };
  await done(operator.post(`/tenants/${other.id}/onboarding/skip`, skipped));
  const contracts = `/tenants/${customer.id}/contracts`;
  const drafted = await operator.post<Item>(contracts, EVERY_TERM);
  const ifMatch = { 'if-match': drafted.headers.get('etag') ?? '' };
  const { id: contractId } = await done(Promise.resolve(drafted));
  await done(operator.put(`${contracts}/${contractId}`, { ...EVERY_TERM, end: null }, ifMatch));
  const cancelled = { to: 'cancelled', reason: 'A change of mind' };
  for (const key of ['first', 'second'])
    await done(operator.post(`${contracts}/${contractId}/status`, cancelled, { 'idempotency-key': key }));
  const user = { email: 'sales@example.com', name: 'Sales', password: PASSWORD, role: 'sales' };
  const { id: userId } = await done(operator.post<Item>(`${at}/users`, user));
  await otherAccess(operator, root.id, customer.id);
  await actingOtherwise(platform, operator, { rootId: root.id, customerId: customer.id, userId });
  const source = await done(
    operator.post<Item>(`${at}/data-sources`, { managementAccountId: '444444444444', name: 'Payer', scheduleHours: 24 }),
  );
  await done(operator.patch(`${at}/data-sources/${source.id}`, { scheduleHours: null, name: 'Renamed' }));
  const account = { dataSourceId: source.id, accountId: '555555555555' };
  const links = `/tenants/${customer.id}/linked-accounts`;
  await done(operator.post(links, { ...account, from: '2026-01-01' }));
  await done(operator.post(`${links}/unlink`, { ...account, from: '2026-02-01' }));
  await done(operator.post(`/tenants/${other.id}/linked-accounts`, { ...account, from: '2026-02-01' }));
  const automatic = `/tenants/${customer.id}/auto-assignments/${source.id}`;
  await done(operator.put(automatic, { from: '2026-01-01', exclude: ['* SP*'] }));
  await done(operator.delete(`${automatic}?from=2026-01-10`));
  const usage = (payer: string, cost: string): string =>
    [
      'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,SubAccountId',
      `${cost},${payer},EUR,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-03T00:00:00Z,2026-01-04T00:00:00Z,Storage,555555555555`,
      `2.25,${payer},EUR,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-20T00:00:00Z,2026-01-21T00:00:00Z,Storage,666666666666`,
      '',
    ].join('\n');
  const imported = async (name: string, content: string): Promise<Item> => {
    await writeFile(join(folder, name), content);
    return done(operator.post<Item>(`${at}/imports`, { paths: [join(folder, name)], format: 'focus' }));
  };
  await imported('first.csv', usage('444444444444', '1.5'));
  await imported('unknown.csv', usage('777777777777', '1.5'));
  await imported('restated.csv', usage('444444444444', '1.75'));
  const last = await imported('cancelled.csv', usage('444444444444', '9'));
  await done(operator.post(`${at}/imports/${last.id}/cancel`));
};

/** The whole log, private streams too, as its readers see it. */
const everything = async ({ running: { storage, platform } }: TestPlatform): Promise<readonly Recorded[]> => {
  const categories = new Set<Category>();
  for (let position = 0, more = true; more;) {
    const stored = await storage.stored(position, PAGE);
    for (const { stream } of stored) categories.add(categoryOf(stream));
    position = stored.at(-1)?.position ?? position;
    more = stored.length > 0;
  }
  const events: Recorded[] = [];
  const ending = new AbortController();
  for await (const event of platform.store.subscribe([...categories], 'start', ending.signal)) {
    if (event === 'caught-up') break;
    events.push(event);
  }
  ending.abort();
  return events;
};

/** Everything that happened on a platform that has played a scenario and seen what scenarios do not do. */
export const playedLog = async (): Promise<readonly Recorded[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'played-'));
  const platform = await startPlatform(SERVICES, { environment: { IMPORT_FOLDERS: folder } });
  try {
    await playThreeTiers(platform, folder, 'admin@example.com', PASSWORD);
    await changeOfMind(platform, await platform.as('admin@example.com', PASSWORD), folder);
    await platform.settled();
    return await everything(platform);
  } finally {
    await platform.close();
    await rm(folder, { recursive: true });
  }
};
