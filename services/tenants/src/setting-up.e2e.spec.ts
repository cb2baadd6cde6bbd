import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { tenantsService } from './tenants.module.ts';

type Tenant = Readonly<{ id: TenantId; path: readonly TenantId[]; name: string }>;
type Contact = Readonly<{ id: string; type: string; email: string; billingAccount: string | null }>;
type List<Item> = Readonly<{ items: readonly Item[]; nextCursor: string | null; total: number }>;
type Problem = Readonly<{ code: string; errors?: readonly Readonly<{ path: string; message: string }>[] }>;
type Onboarding = Readonly<{
  progress: number;
  position: string | null;
  tasks: readonly Readonly<{ task: string; state: string; next: Readonly<{ method: string; path: string }> | null }>[];
}>;

const NOW = '2026-01-20T10:00:00.000Z' as Instant;

let platform: TestPlatform;
let operator: HttpClient;

beforeAll(async () => {
  platform = await startPlatform([tenantsService], { clock: { now: () => NOW } });
  operator = await platform.asOperator();
});
afterAll(() => platform.close());

const registered = async (client: HttpClient, path: string, body: unknown): Promise<Tenant> => {
  const answer = await client.post<Tenant>(path, body);
  expect(answer.status).toBe(201);
  return answer.body;
};

const tree = async () => {
  const distributor = await registered(operator, '/tenants', { tier: 'distributor', name: 'Dee', currency: 'USD' });
  const reseller = await registered(operator, `/tenants/${distributor.id}/customers`, { tier: 'reseller', name: 'Rho' });
  return { distributor, reseller, admin: await platform.asUser(reseller.id, 'admin') };
};

const customerOf = (client: HttpClient, parent: Tenant, more: object = {}): Promise<Tenant> =>
  registered(client, `/tenants/${parent.id}/customers`, { tier: 'endCustomer', name: 'Cee', ...more });

const namesUnder = async (client: HttpClient, tenant: Tenant, query = ''): Promise<readonly string[]> => {
  const { body } = await client.get<List<Tenant>>(`/tenants/${tenant.id}/customers${query}`);
  return body.items.map(({ name }) => name);
};

const statesOf = ({ tasks }: Onboarding): unknown => Object.fromEntries(tasks.map(({ task, state }) => [task, state]));

describe('adding a customer', () => {
  it('takes its profile and its contacts along', async () => {
    const { reseller, admin } = await tree();
    const added = await customerOf(admin, reseller, {
      mode: 'add',
      company: { legalName: 'Cee Ltd', address: { line1: '1 Main Road', city: 'Springfield', country: 'US' } },
      contacts: [
        { type: 'technical', name: 'Tess', email: 'tess@cee.example' },
        { type: 'billing', name: 'Bea', email: 'bea@cee.example', billingAccount: 'A-1' },
      ],
    });
    expect((await admin.get(`/tenants/${added.id}/profile`)).body).toEqual({
      tenantId: added.id,
      legalName: 'Cee Ltd',
      taxId: null,
      phone: null,
      website: null,
      address: { line1: '1 Main Road', line2: null, city: 'Springfield', region: null, postalCode: null, country: 'US' },
    });
    const { body } = await admin.get<List<Contact>>(`/tenants/${added.id}/contacts`);
    expect(body.items.map(({ type, email }) => [type, email])).toEqual([
      ['technical', 'tess@cee.example'],
      ['billing', 'bea@cee.example'],
    ]);
    expect(await namesUnder(admin, reseller)).toEqual(['Cee']);
  });

  it('adds nothing at all where a contact is not sound', async () => {
    const { reseller, admin } = await tree();
    const { status, body } = await admin.post<Problem>(`/tenants/${reseller.id}/customers`, {
      tier: 'endCustomer',
      name: 'Cee',
      contacts: [{ type: 'technical', name: 'Tess', email: 'tess@cee.example', billingAccount: 'A-1' }],
    });
    expect([status, body.code]).toEqual([422, 'billing-account-not-allowed']);
    expect(body.errors?.map(({ path }) => path)).toEqual(['contacts[0].billingAccount']);
    expect(await namesUnder(admin, reseller)).toEqual([]);
  });

  it('repeats nothing for the same key', async () => {
    const { reseller, admin } = await tree();
    const keyed = admin.with({ 'idempotency-key': 'once' });
    const contacts = [{ type: 'admin', name: 'Ann', email: 'ann@cee.example' }];
    const first = await customerOf(keyed, reseller, { contacts });
    expect((await customerOf(keyed, reseller, { contacts })).id).toBe(first.id);
    expect((await admin.get<List<Contact>>(`/tenants/${first.id}/contacts`)).body.total).toBe(1);
  });

  it('lists one of the wizard at once', async () => {
    const { reseller, admin } = await tree();
    await customerOf(admin, reseller, { mode: 'wizard' });
    expect(await namesUnder(admin, reseller)).toEqual(['Cee']);
  });

  it('lists an invited one once an admin of its own has accepted', async () => {
    const { distributor, reseller, admin } = await tree();
    const invited = await customerOf(admin, reseller, { mode: 'invite' });
    expect(await namesUnder(admin, reseller)).toEqual([]);
    expect(await namesUnder(operator, distributor, '?scope=subtree')).toEqual(['Rho']);
    expect(await namesUnder(admin, reseller, '?pending=true')).toEqual(['Cee']);
    expect((await admin.get(`/tenants/${invited.id}`)).status).toBe(200);

    await platform.asUser(invited.id, 'admin');
    await platform.settled();
    expect(await namesUnder(admin, reseller)).toEqual(['Cee']);
    expect(await namesUnder(admin, reseller, '?pending=true')).toEqual([]);
  });

  it('takes customers of an invited reseller once it has set up its account', async () => {
    const { distributor } = await tree();
    const invited = { tier: 'reseller', name: 'Sig', mode: 'invite' };
    const { body: sig } = await operator.post<Tenant>(`/tenants/${distributor.id}/customers`, invited);
    const below = { tier: 'endCustomer', name: 'Dan' };
    const early = await operator.post<Problem>(`/tenants/${sig.id}/customers`, below);
    expect([early.status, early.body.code]).toEqual([422, 'parent-not-set-up']);
    await platform.asUser(sig.id, 'admin');
    await platform.settled();
    expect((await operator.post(`/tenants/${sig.id}/customers`, below)).status).toBe(201);
    expect(await namesUnder(operator, distributor, '?scope=subtree')).toEqual(['Dan', 'Rho', 'Sig']);
  });
});

describe('the onboarding of a customer', () => {
  const onboardingOf = async (client: HttpClient, { id }: Tenant): Promise<Onboarding> =>
    (await client.get<Onboarding>(`/tenants/${id}/onboarding`)).body;

  const usage = (dataSourceId: string, accountId: string): Promise<void> =>
    platform.happened(`ingestion.usageMonth-${dataSourceId}~2026-01`, {
      type: 'UsageImported',
      data: { dataSourceId, month: '2026-01', accounts: [{ accountId, name: null }] },
    });
  const sourceOf = async (owner: Tenant): Promise<string> => {
    const dataSourceId = randomUUID();
    const settings = { name: 'Payer', scheduleHours: null, ownPublishers: [], registeredAt: NOW };
    const data = {
      dataSourceId,
      tenantId: owner.id,
      path: owner.path,
      managementAccountId: `payer ${dataSourceId}`,
      ...settings,
    };
    await platform.happened(`ingestion.dataSource-${dataSourceId}`, { type: 'DataSourceRegistered', data });
    return dataSourceId;
  };

  it.each(['the link first', 'the usage first'])(
    'is complete with an admin, a contract and arriving data (%s)',
    async (order) => {
      const { reseller, admin } = await tree();
      const customer = await customerOf(admin, reseller);
      expect(await onboardingOf(admin, customer)).toMatchObject({ progress: 25, position: 'inviteAdmin' });

      await platform.asUser(customer.id, 'admin');
      await platform.happened(`contracts.tenantContracts-${customer.id}`, {
        type: 'ContractDrafted',
        data: { tenantId: customer.id, contractId: 'k' },
      });
      await platform.settled();
      const half = await onboardingOf(admin, customer);
      expect([half.progress, half.position]).toEqual([75, 'connectCloudAccount']);
      expect(half.tasks.at(-1)?.next).toEqual({ method: 'POST', path: `/api/v1/tenants/${customer.id}/linked-accounts` });

      const source = await sourceOf(reseller);
      const steps = [
        () => admin.post(`/tenants/${customer.id}/linked-accounts`, { dataSourceId: source, accountId: '111' }),
        () => usage(source, '111'),
      ];
      for (const step of order === 'the link first' ? steps : steps.toReversed()) {
        expect(await onboardingOf(admin, customer)).toMatchObject({ progress: 75 });
        await step();
        await platform.settled();
      }
      expect(await onboardingOf(admin, customer)).toMatchObject({ progress: 100, position: null });
    },
  );

  it('counts data that an automatic link takes in', async () => {
    const { reseller, admin } = await tree();
    const customer = await customerOf(admin, reseller);
    const source = await sourceOf(reseller);
    await usage(source, '111');
    await admin.put(`/tenants/${customer.id}/auto-assignments/${source}`, { exclude: [] });
    await platform.settled();
    expect(statesOf(await onboardingOf(admin, customer))).toMatchObject({ connectCloudAccount: 'done' });
  });

  it('shows a task as begun, for whoever may begin it', async () => {
    const { reseller, admin } = await tree();
    const customer = await customerOf(admin, reseller, { mode: 'wizard' });
    const started = await admin.post<Onboarding>(`/tenants/${customer.id}/onboarding/start`, { task: 'inviteAdmin' });
    expect([started.status, statesOf(started.body)]).toEqual([200, expect.objectContaining({ inviteAdmin: 'in_progress' })]);

    const sales = await platform.asUser(reseller.id, 'sales');
    expect((await sales.post(`/tenants/${customer.id}/onboarding/start`, { task: 'inviteAdmin' })).status).toBe(403);
    expect((await sales.get(`/tenants/${customer.id}/onboarding`)).status).toBe(200);
    const own = await platform.asUser(customer.id, 'admin');
    const refused = await own.post<Problem>(`/tenants/${customer.id}/onboarding/start`, { task: 'assignContract' });
    expect([refused.status, refused.body.code]).toEqual([422, 'onboarding-task-of-upstream']);
    const blocked = await own.post<Problem>(`/tenants/${customer.id}/onboarding/start`, { task: 'connectCloudAccount' });
    expect([blocked.status, blocked.body.code]).toEqual([422, 'onboarding-task-blocked']);
    const unknown = await own.post<Problem>(`/tenants/${customer.id}/onboarding/start`, { task: 'nothing' });
    expect([unknown.status, unknown.body.errors?.[0]?.path]).toEqual([400, 'task']);
  });

  it('leaves out what does not apply', async () => {
    const { reseller, admin } = await tree();
    const customer = await customerOf(admin, reseller);
    const skipped = await admin.post<Onboarding>(`/tenants/${customer.id}/onboarding/skip`, {
      task: 'connectCloudAccount',
      reason: 'Network services only',
    });
    expect([skipped.status, statesOf(skipped.body)]).toEqual([200, expect.objectContaining({ connectCloudAccount: 'skipped' })]);
    const needed = await admin.post<Problem>(`/tenants/${customer.id}/onboarding/skip`, { task: 'inviteAdmin', reason: 'No' });
    expect([needed.status, needed.body.code]).toEqual([422, 'onboarding-task-needed']);
  });
});

describe('contacts and profile of a company', () => {
  it('are listed by type, changed with the newest revision, and removed', async () => {
    const { reseller, admin } = await tree();
    const contacts = `/tenants/${reseller.id}/contacts`;
    const contact = { type: 'requestAlias', name: 'Requests', email: 'requests@rho.example' };
    const added = await admin.post<Contact>(contacts, contact);
    expect([added.status, added.headers.get('location')]).toEqual([201, `/api/v1${contacts}/${added.body.id}`]);
    expect((await admin.post<Problem>(contacts, contact)).body.code).toBe('contact-exists');
    await admin.post(contacts, { type: 'admin', name: 'Ann', email: 'ann@rho.example' });
    expect((await admin.get<List<Contact>>(`${contacts}?type=admin`)).body).toMatchObject({
      total: 1,
      items: [{ type: 'admin' }],
    });

    const one = `${contacts}/${added.body.id}`;
    const etag = (await admin.get(one)).headers.get('etag') ?? '';
    const changed = await admin.patch<Contact>(one, { phone: '+1 555' }, { 'if-match': etag });
    expect([changed.status, changed.body]).toEqual([200, expect.objectContaining({ phone: '+1 555' })]);
    expect((await admin.patch(one, { phone: null }, { 'if-match': etag })).status).toBe(412);
    expect((await admin.delete(one)).status).toBe(204);
    expect((await admin.get<Problem>(one)).body.code).toBe('contact-not-found');
    expect((await admin.patch(`${contacts}/${randomUUID()}`, { name: 'Nobody' })).status).toBe(404);
    const noId = await admin.get<Problem>(`${contacts}/no-id`);
    expect([noId.status, noId.body.errors]).toEqual([400, [{ path: 'contactId', message: 'must be a UUID' }]]);
  });

  it('are for Admins to change, and for nobody elsewhere to see', async () => {
    const { reseller } = await tree();
    const stranger = await platform.asUser((await tree()).reseller.id, 'admin');
    const readOnly = await platform.asUser(reseller.id, 'readOnly');
    const contact = { type: 'admin', name: 'Ann', email: 'ann@rho.example' };
    for (const path of ['contacts', 'profile', 'onboarding']) {
      expect((await readOnly.get(`/tenants/${reseller.id}/${path}`)).status).toBe(200);
      expect((await stranger.get(`/tenants/${reseller.id}/${path}`)).status).toBe(404);
    }
    expect((await readOnly.post(`/tenants/${reseller.id}/contacts`, contact)).status).toBe(403);
    expect((await readOnly.patch(`/tenants/${reseller.id}/profile`, { phone: '1' })).status).toBe(403);
  });

  it('keep what is left out, and give up what is null', async () => {
    const { reseller, admin } = await tree();
    const profile = `/tenants/${reseller.id}/profile`;
    await admin.patch(profile, { legalName: 'Rho Ltd', website: 'https://rho.example' });
    const { status, body, headers } = await admin.patch(profile, { website: null });
    expect([status, headers.get('etag')]).toEqual([200, '"2"']);
    expect(body).toMatchObject({ legalName: 'Rho Ltd', website: null });
    expect((await admin.patch(profile, { phone: '1' }, { 'if-match': '"1"' })).status).toBe(412);
    for (const country of ['Nowhere', 'us', 'XX']) {
      const wrong = await admin.patch<Problem>(profile, { address: { line1: 'x', city: 'y', country }, website: 'no' });
      expect([wrong.status, wrong.body.errors?.map(({ path }) => path).toSorted()]).toEqual([
        400,
        ['address.country', 'website'],
      ]);
    }
  });
});

describe('what a list of customers shows', () => {
  it('is only those whom the caller reaches', async () => {
    const { reseller, admin } = await tree();
    const [first, second] = await Promise.all([
      customerOf(admin, reseller, { name: 'First' }),
      customerOf(admin, reseller, { name: 'Second' }),
    ]);
    const regular = await platform.asUser(reseller.id, 'regular');
    expect(await namesUnder(regular, reseller)).toEqual([]);
    expect((await regular.get<List<Tenant>>('/tenants')).body.items.map(({ name }) => name)).toEqual(['Rho']);
    expect((await regular.get(`/tenants/${first.id}`)).status).toBe(404);
    expect(second.name).toBe('Second');
  });
});
