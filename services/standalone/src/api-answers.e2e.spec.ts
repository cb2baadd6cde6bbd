import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { NEEDS, type Permission } from '#libs/access-policy/roles';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { isDay } from '#libs/time/time';
import { type IdentityProvider, startIdentityProvider } from '../../../deploy/local/identity-provider.ts';
import { SERVICES } from './services.ts';
import { playThreeTiers } from './testing/three-tiers.ts';

type Fields = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, Readonly<{ schema?: Fields }>>>;
type Response = Readonly<{ content?: Content; headers?: Fields }>;
type Operation = Readonly<{
  operationId: string;
  summary?: string;
  security?: readonly unknown[];
  parameters: readonly Readonly<{ name: string; in: string; schema?: Fields }>[];
  requestBody?: Readonly<{ content: Content }>;
  'x-requires'?: Readonly<{ permission: Permission; on: string }>;
  responses: Readonly<Record<string, Response>>;
}>;
type Route = Readonly<{ method: string; path: string; operation: Operation }>;
type Document = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{ schemas: Readonly<Record<string, Fields>> }>;
}>;
type Given = Readonly<{ body?: unknown; headers?: Readonly<Record<string, string>>; as?: HttpClient }>;
type Item = Readonly<Record<string, string | number>>;

const PASSWORD = 'correct horse battery';
const CLIENT = { clientId: 'tributary', clientSecret: 'secret', redirectUrl: 'http://127.0.0.1:8080/login/oidc' };

const isUuid = (text: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(text);
const isInstant = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) && !Number.isNaN(Date.parse(text));
const FORMATS = { uuid: isUuid, date: isDay, 'date-time': isInstant, decimal: true, email: true, binary: true } as const;

/** The same document with nothing allowed that it does not name, or a field nobody described would pass. */
const closed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.fromEntries(Object.entries(value).map(([name, field]) => [name, closed(field)]));
  return fields['type'] === 'object' && 'properties' in fields ? { ...fields, additionalProperties: false } : fields;
};

/** A permission and all that it counts with only. */
const impliedBy = (permission: Permission): readonly Permission[] => {
  const needs = NEEDS[permission];
  return needs === undefined ? [permission] : [permission, ...impliedBy(needs)];
};

describe('the answers of the API', () => {
  let platform: TestPlatform;
  let folder: string;
  let identityProvider: IdentityProvider;
  let operator: HttpClient;
  let documented: Document;
  let routes: readonly Route[];
  let validates: (schema: Fields) => (value: unknown) => string;
  /** Operations with the statuses that were answered and found as documented. */
  const proven = new Map<string, Set<number>>();

  const named = (operationId: string): Route => {
    const found = routes.find(({ operation }) => operation.operationId === operationId);
    if (!found) throw new Error(`there is no operation ${operationId}`);
    return found;
  };

  /** Sends a request, and finds its answer as the docs say it: status, headers, media type, and every field of the body. */
  const ask = async <Body>(
    { method, path, operation }: Route,
    parameters: Item = {},
    { body, headers = {}, as = operator }: Given = {},
    query = '',
  ) => {
    const url = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parameters[name]))) + query;
    const answer = await as.send<Body>(method.toUpperCase(), url, body, headers);
    const request = `${operation.operationId} ${method.toUpperCase()} ${url} → ${String(answer.status)}`;
    const response = operation.responses[String(answer.status)];
    if (!response) throw new Error(`${request} is not documented: ${JSON.stringify(answer.body)}`);
    const absent = Object.keys(response.headers ?? {}).filter((name) => answer.headers.get(name) === null);
    expect({ request, absent }).toEqual({ request, absent: [] });
    const mediaType = (answer.headers.get('content-type') ?? '').replace(/;.*/, '');
    const schema = response.content?.[mediaType]?.schema;
    if (answer.status === 204) expect([request, answer.body, response.content]).toEqual([request, '', undefined]);
    else if (!schema) throw new Error(`${request} has no schema for "${mediaType}"`);
    else expect({ request, faults: validates(schema)(answer.body) }).toEqual({ request, faults: '' });
    proven.set(operation.operationId, (proven.get(operation.operationId) ?? new Set()).add(answer.status));
    return answer;
  };

  /** The same, for what has to succeed. */
  const done = async <Body>(...asked: Parameters<typeof ask>) => {
    const { status, body, headers } = await ask<Body>(...asked);
    if (status >= 300) throw new Error(`${asked[0].operation.operationId}: ${String(status)} ${JSON.stringify(body)}`);
    return { body, headers };
  };

  /** What the path's parameters may be: each is looked up in the list of which it names an item. */
  const found = new Map<string, readonly Item[]>();
  const parametersOf = async (path: string, as: HttpClient, viewer: string): Promise<readonly Item[]> => {
    const last = [...path.matchAll(/\{(\w+)\}/g)].at(-1);
    const parameter = last?.[1];
    if (!last || parameter === undefined) return [{}];
    const list = path.slice(0, last.index - 1);
    const key = `${viewer} ${list}`;
    const known = found.get(key);
    if (known) return known;
    const items: Item[] = [];
    const route = routes.find(({ method, path: candidate }) => method === 'get' && candidate === list);
    for (const above of await parametersOf(list, as, viewer)) {
      if (!route) throw new Error(`${path}: no list to find a ${parameter} in`);
      const { body } = await ask<{ items: readonly Item[] }>(route, above, { as }, '?limit=500');
      const field = ['month', 'version'].includes(parameter) ? parameter : 'id';
      items.push(...body.items.map((item) => ({ ...above, [parameter]: item[field] ?? '' })));
    }
    found.set(key, items);
    return items;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'answers-'));
    identityProvider = await startIdentityProvider(CLIENT);
    platform = await startPlatform(SERVICES, {
      environment: {
        IMPORT_FOLDERS: folder,
        OIDC_ISSUER: identityProvider.issuer,
        OIDC_CLIENT_SECRET: CLIENT.clientSecret,
        OIDC_REDIRECT_URL: CLIENT.redirectUrl,
      },
    });
    await playThreeTiers(platform, folder, 'admin@example.com', PASSWORD);
    operator = await platform.as('admin@example.com', PASSWORD);

    documented = (await platform.http.get<Document>('/api/docs-json')).body;
    routes = Object.entries(documented.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
    );
    const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, formats: FORMATS });
    ajv.addVocabulary(['components', 'example']);
    const components = closed(documented.components) as object;
    const compiled = new Map<string, (value: unknown) => string>();
    validates = (schema) => {
      const key = JSON.stringify(schema);
      const known = compiled.get(key);
      if (known) return known;
      const validate = ajv.compile({ ...(closed(schema) as object), components });
      const check = (value: unknown): string =>
        validate(value)
          ? ''
          : JSON.stringify(validate.errors?.map(({ instancePath, message, params }) => ({ instancePath, message, params })));
      compiled.set(key, check);
      return check;
    };
  }, 120_000);

  afterAll(async () => {
    await platform.close();
    await identityProvider.close();
    await rm(folder, { recursive: true });
  });

  describe('in the docs', () => {
    it('have a schema wherever an operation succeeds', () => {
      const faults = routes.flatMap(({ operation: { operationId, responses } }) => {
        const successes = Object.entries(responses).filter(([status]) => status.startsWith('2'));
        const described = ([status, { content }]: (typeof successes)[number]): boolean =>
          status === '204' ? content === undefined : Object.values(content ?? {}).some(({ schema }) => schema !== undefined);
        return successes.length === 1 && successes.every(described) ? [] : [operationId];
      });
      expect(faults).toEqual([]);
    });

    it('belong to operations with a summary and an id of their own, whose path parameters are all described', () => {
      const ids = routes.map(({ operation }) => operation.operationId);
      expect(ids.toSorted()).toEqual([...new Set(ids)].toSorted());
      for (const { path, operation } of routes) {
        expect([path, operation.summary ?? '']).toEqual([path, expect.stringMatching(/\w/)]);
        const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
        expect([path, inPath]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
      }
    });

    it('show nobody a thing that they change and may not read', () => {
      const readOf = (path: string): Permission | undefined =>
        routes
          .filter((route) => route.method === 'get' && `${path}/`.startsWith(`${route.path}/`))
          .toSorted((a, b) => b.path.length - a.path.length)[0]?.operation['x-requires']?.permission;
      const blind = routes.flatMap(({ path, method, operation }) => {
        const written = operation['x-requires'];
        if (method === 'get' || written === undefined || '204' in operation.responses) return [];
        const read = readOf(path);
        return read === undefined || impliedBy(written.permission).includes(read)
          ? []
          : [`${written.permission} without ${read}`];
      });
      expect([...new Set(blind)].toSorted()).toEqual([
        // Operators have all of both.
        'operations:write without operations:read',
        'roots:write without tenants:read',
        // What these answer is not the thing that can be read: a token, or how far what was delivered has come.
        'tenants:switch without tenants:read',
        'usage:write without usage:read',
        'users:impersonate without users:read',
      ]);
    });

    it('are schemas that a validator takes, as are those of inputs and parameters', () => {
      const contents = routes.flatMap(({ operation: { requestBody, responses } }) =>
        [requestBody?.content ?? {}, ...Object.values(responses).map(({ content = {} }) => content)].flatMap(
          Object.values<Content[string]>,
        ),
      );
      const parameters = routes.flatMap(({ operation }) => operation.parameters);
      // What stands for a type that nobody described.
      expect(documented.components.schemas).not.toHaveProperty('Object');
      for (const { schema } of [...contents, ...parameters]) {
        expect(schema).toBeDefined();
        expect(validates(schema ?? {})).toBeInstanceOf(Function);
      }
    });
  });

  describe('to somebody who changes something', () => {
    let tenantId: string;
    let customerId: string;
    let dataSourceId: string;
    let contractId: string;
    let contractTag: string;
    const terms = {
      name: 'Agreement',
      start: '2026-01-01',
      managementAccounts: ['444444444444'],
      entitlements: ['SPP'],
      invoicePrefix: 'A-1',
      billingDetails: {
        profileName: 'Accounts payable',
        address: { country: 'DE', city: 'Berlin', street: 'Hauptstraße 1', zip: '10115' },
      },
      billingRules: [{ name: 'No tax', scope: { conditions: [{ letter: 'A', dimension: 'ChargeCategory', values: ['Tax'] }] } }],
      priceBooks: [
        {
          name: 'Upstream',
          basis: 'UPSTREAM',
          rules: [
            { name: 'All', priority: 1, pricing: { type: 'percentageCharge', percentage: '5' } },
            { name: 'Fee', priority: 2, pricing: { type: 'fixedRate', amount: '-1.50' } },
          ],
        },
      ],
      customLineItems: [
        {
          name: 'Discount',
          type: 'percentageDiscount',
          percentage: '3',
          frequency: { type: 'recurring', from: '2026-01', to: '2026-02' },
        },
        { name: 'Fee', type: 'fixedCharge', amount: '1', frequency: { type: 'once', on: '2026-01-05' } },
        { name: 'VAT', type: 'tax', percentage: '19', frequency: { type: 'recurring', from: '2026-01' } },
      ],
    };

    it('are tenants and users', async () => {
      const root = { tier: 'reseller', name: 'Root', currency: 'EUR', primaryDomain: 'root.example' };
      tenantId = String((await done<Item>(named('tenantRegisterRoot'), {}, { body: root })).body['id']);
      const customer = { tier: 'endCustomer', name: 'Customer', customerCode: 'C' };
      customerId = String((await done<Item>(named('tenantAddCustomer'), { tenantId }, { body: customer })).body['id']);
      await done(named('tenantChange'), { tenantId: customerId }, { body: { primaryDomain: 'customer.example' } });
      const user = { email: 'sales@example.com', name: 'Sales', password: PASSWORD, role: 'sales' };
      await done(named('userAdd'), { tenantId }, { body: user });
      const { body } = await done<Item>(
        named('sessionLogin'),
        {},
        { as: platform.http, body: { email: user.email, password: PASSWORD } },
      );
      const as = platform.http.with({ authorization: `Bearer ${String(body['accessToken'])}` });
      await done(named('sessionMe'), {}, { as });
      expect((await ask(named('tenantChange'), { tenantId }, { as, body: { name: 'Mine' } })).status).toBe(403);
      const { refreshToken } = body;
      await done(named('sessionRefresh'), {}, { as: platform.http, body: { refreshToken } });
      const { body: sessions } = await done<{ items: readonly Item[] }>(named('sessionList'), {}, { as });
      await done(named('sessionEnd'), { sessionId: String(sessions.items[0]?.['id']) }, { as });
      expect((await ask(named('sessionRefresh'), {}, { as: platform.http, body: { refreshToken } })).status).toBe(401);
      await done(named('sessionLogout'), {}, { as: await platform.as(user.email, PASSWORD) });
    });

    it('are contacts, the company profile and the onboarding', async () => {
      const of = { tenantId: customerId };
      const contact = { type: 'billing', name: 'Bea', email: 'bea@example.com', billingAccount: 'A-1' };
      const contactId = String((await done<Item>(named('contactsAdd'), of, { body: contact })).body['id']);
      await done(named('contactsChange'), { ...of, contactId }, { body: { phone: '+1 555' } });
      await done(named('contactsOne'), { ...of, contactId });
      await done(named('contactsRemove'), { ...of, contactId });
      await done(named('contactsAdd'), of, { body: { ...contact, type: 'admin', billingAccount: null } });
      const address = { line1: '1 Main Road', city: 'Springfield', country: 'US' };
      await done(named('companyProfileTell'), of, { body: { legalName: 'Customer Ltd', address } });
      await done(named('onboardingStart'), of, { body: { task: 'inviteAdmin' } });
      await done(named('onboardingSkip'), of, { body: { task: 'connectCloudAccount', reason: 'Not yet' } });
    });

    it('are what users may do, links to customers and roles', async () => {
      const users: string[] = [];
      for (const name of ['ann', 'ben']) {
        const user = { email: `${name}@example.com`, name, password: PASSWORD, role: 'regular' };
        users.push(String((await done<Item>(named('userAdd'), { tenantId }, { body: user })).body['id']));
      }
      const [ann = '', ben = ''] = users;
      await done(named('membershipChange'), { tenantId, userId: ann }, { body: { role: 'admin', extras: ['billingUtilities'] } });
      await done(named('membershipDisable'), { tenantId, userId: ann });
      await done(named('membershipEnable'), { tenantId, userId: ann });
      await done(named('membershipRemove'), { tenantId, userId: ann });
      await done(named('accessSettingsChoose'), { tenantId }, { body: { accessModel: 'carryOver', activityMirror: true } });
      const clerk = { name: 'Clerk', permissions: ['tenants:read'] };
      const roleId = String((await done<Item>(named('roleDefine'), { tenantId }, { body: clerk })).body['id']);
      await done(named('roleOne'), { tenantId, roleId });
      await done(named('roleRedefine'), { tenantId, roleId }, { body: { ...clerk, name: 'Billing clerk' } });
      const of = { tenantId: customerId };
      await done(named('customerLinkLink'), of, { body: { userId: ben } });
      await done(named('customerLinkChange'), { ...of, userId: ben }, { body: { role: `custom:${roleId}` } });
      await done(named('customerLinkList'), of);
      await done(named('customerLinkRevoke'), { ...of, userId: ben });
      await done(named('roleRemove'), { tenantId, roleId });
    });

    it('are service accounts, contexts, impersonations and delegated access', async () => {
      const guest = { email: 'gus@example.com', name: 'Gus', password: PASSWORD, role: 'regular' };
      const userId = String((await done<Item>(named('userAdd'), { tenantId }, { body: guest })).body['id']);

      const system = { name: 'Books', permissions: ['tenants:read', 'events:read'] };
      const created = await done<Item>(named('serviceAccountCreate'), { tenantId }, { body: system });
      const account = { tenantId, serviceAccountId: String(created.body['id']) };
      await done(named('serviceAccountChange'), account, { body: { name: 'Ledgers' } });
      const { key, number } = (await done<Item>(named('serviceAccountIssueKey'), account, { body: {} })).body;
      await done(named('serviceAccountToken'), {}, { as: platform.http, body: { key } });
      await done(named('serviceAccountOne'), account);
      await done(named('serviceAccountRevokeKey'), { ...account, number: String(number) });
      await done(named('serviceAccountRemove'), account);
      await done(named('serviceAccountCreate'), { tenantId }, { body: system });

      await done(named('tenantSwitchSwitch'), { tenantId });
      const acting = { body: { reason: 'A ticket' } };
      const [first, second] = await Promise.all(
        [1, 2].map(async () => (await done<Item>(named('impersonationStart'), { tenantId, userId }, acting)).body),
      );
      const as = platform.http.with({ authorization: `Bearer ${String(first?.['accessToken'])}` });
      await done(named('tenantSwitchContext'), {}, { as });
      await done(named('impersonationEndOwn'), {}, { as });
      await done(named('impersonationEnd'), { tenantId, impersonationId: String(second?.['impersonationId']) });

      const of = { tenantId: customerId };
      const own = { as: await platform.asUser(customerId as TenantId, 'admin') };
      const wanted = { body: { role: 'support', hours: 1, reason: 'A ticket', userId } };
      const asked = async () => ({
        ...of,
        delegatedAccessId: String((await done<Item>(named('delegatedAccessRequest'), of, wanted)).body['id']),
      });
      const granted = await asked();
      await done(named('delegatedAccessApprove'), granted, own);
      await done(named('delegatedAccessEnd'), granted);
      await done(named('delegatedAccessDecline'), await asked(), own);
    });

    it('are invitations', async () => {
      const invite = { email: 'invited@example.com', role: 'admin', name: 'Invited' };
      const { body: first } = await done<Item>(named('invitationInvite'), { tenantId }, { body: invite });
      const rows = [
        { email: 'second@example.com', role: 'sales' },
        { email: 'nobody', role: 'sales' },
      ];
      await done(named('invitationInviteMany'), { tenantId }, { body: { invitations: rows, onFaults: 'others' } });
      const refused = { body: { invitations: rows, onFaults: 'none' } };
      expect((await ask(named('invitationInviteMany'), { tenantId }, refused)).status).toBe(422);
      const file = new FormData();
      file.append('file', new Blob(['email,role\nthird@example.com,support\n']), 'people.csv');
      const { body: uploaded } = await done<{ rows: readonly Item[] }>(
        named('invitationUpload'),
        { tenantId },
        { body: file },
        '?onFaults=none',
      );
      const invitationId = String(uploaded.rows[0]?.['invitationId']);
      await done(named('invitationResend'), { tenantId, invitationId });
      await done(named('invitationRevoke'), { tenantId, invitationId });
      await platform.settled();
      const mail = join(platform.dataDir, 'mail');
      const letters = await Promise.all((await readdir(mail)).map((name) => readFile(join(mail, name), 'utf8')));
      const [token] = letters
        .filter((letter) => letter.includes('invited@example.com'))
        .map((letter) => /#token=([\w.-]+)/.exec(letter.replaceAll('=\r\n', '').replaceAll('=3D', '='))?.[1]);
      const accepting = { as: platform.http, body: { token, password: PASSWORD } };
      await done(named('acceptanceOpen'), {}, { as: platform.http, body: { token } });
      await done(named('acceptanceAccept'), {}, accepting);
      expect((await ask(named('acceptanceAccept'), {}, accepting)).status).toBe(422);
      await done(named('invitationGet'), { tenantId, invitationId: String(first['id']) });
    });

    it('are logins by the identity provider', async () => {
      const as = platform.http;
      const { body } = await done<Item>(named('oidcBegin'), {}, { as });
      const address = new URL(
        await identityProvider.visit(String(body['authorizationUrl']), {
          subject: 'invited-there',
          email: 'invited@example.com',
          emailVerified: true,
          name: 'Invited',
        }),
      );
      const finishing = { as, body: { transaction: body['transaction'], query: address.search.slice(1) } };
      await done(named('oidcFinish'), {}, finishing);
      expect((await ask(named('oidcFinish'), {}, finishing)).status).toBe(401);
    });

    it('are data sources, links and automatic links', async () => {
      const source = { managementAccountId: '444444444444', name: 'Payer', scheduleHours: 24, ownPublishers: ['Acme'] };
      dataSourceId = String((await done<Item>(named('dataSourceRegister'), { tenantId }, { body: source })).body['id']);
      await done(named('dataSourceChange'), { tenantId, dataSourceId }, { body: { scheduleHours: null } });
      const account = { dataSourceId, accountId: '555555555555' };
      const of = { tenantId: customerId };
      await done(named('linkedAccountLink'), of, { body: { ...account, from: '2026-01-01' } });
      await done(named('linkedAccountUnlink'), of, { body: { ...account, from: '2026-02-01' } });
      await done(named('autoAssignmentTurnOn'), { ...of, dataSourceId }, { body: { from: '2026-01-01', exclude: ['* SP*'] } });
      await done(named('autoAssignmentTurnOff'), { ...of, dataSourceId }, {}, '?from=2026-01-10');
    });

    it('are contracts', async () => {
      const of = { tenantId: customerId };
      const drafted = await done<Item>(named('contractDraft'), of, { body: terms });
      contractId = String(drafted.body['id']);
      contractTag = String(drafted.headers.get('etag'));
      const saving = { body: { ...terms, name: 'Renamed', effectiveFrom: '2026-01-20' } };
      expect((await ask(named('contractSave'), { ...of, contractId }, saving)).status).toBe(428);
      const saved = { ...saving, headers: { 'if-match': contractTag } };
      await done(named('contractSave'), { ...of, contractId }, saved);
      expect((await ask(named('contractSave'), { ...of, contractId }, saved)).status).toBe(412);
      const second = String(
        (await done<Item>(named('contractDraft'), of, { body: { ...terms, start: '2026-02-01', customLineItems: [] } })).body[
          'id'
        ],
      );
      const activating = { to: 'active', reason: 'Signed' };
      await done(named('contractChangeStatus'), { ...of, contractId }, { body: activating });
      await done(
        named('contractChangeStatus'),
        { ...of, contractId: second },
        { body: { ...activating, supersede: contractId } },
      );
      expect(
        (await ask(named('contractChangeStatus'), { ...of, contractId: second }, { body: { to: 'draft', reason: 'No' } })).status,
      ).toBe(422);
    });

    it('are imports: finished, failed and cancelled ones', async () => {
      const usage = (account: string): string =>
        [
          'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,SubAccountId,Mystery',
          `1.5,${account},EUR,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-03T00:00:00Z,2026-01-04T00:00:00Z,Storage,555555555555,1`,
          `2.25,${account},EUR,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-20T00:00:00Z,2026-01-21T00:00:00Z,Storage,666666666666,2`,
          '',
        ].join('\n');
      await writeFile(join(folder, 'usage.csv'), usage('444444444444'));
      await writeFile(join(folder, 'unknown.csv'), usage('777777777777'));
      const upload = new FormData();
      upload.set('format', 'focus');
      upload.append('files', new Blob([usage('444444444444')]), 'usage.csv');
      await done(named('importUpload'), { tenantId }, { body: upload });
      await done(named('importImportFiles'), { tenantId }, { body: { paths: [join(folder, 'unknown.csv')], format: 'focus' } });
      // Imports run one after the other: this one waits for those before it.
      const last = await done<Item>(named('importImportFiles'), { tenantId }, { body: { paths: [join(folder, 'usage.csv')] } });
      await done(named('importCancel'), { tenantId, importId: String(last.body['id']) });
      await platform.settled();
      const { body } = await done<{ items: readonly Item[] }>(named('importList'), { tenantId });
      expect(body.items.map(({ status }) => status)).toEqual(['cancelled', 'failed', 'finished']);
    });

    it('are what operators did about read models', async () => {
      await done(named('upkeepReplay'), { name: 'customer-list' });
      await ask(named('upkeepCancelReplay'), { name: 'customer-list' });
      // Given up now, or done before.
      expect((await ask(named('upkeepCancelReplay'), { name: 'customer-list' })).status).toBe(409);
      await done(named('upkeepRetryQuarantined'), {}, { body: {} });
      const { body } = await done<{ items: readonly Item[] }>(named('upkeepReactions'));
      await done(named('upkeepRetryParked'), { name: String(body.items[0]?.['consumer']) }, { body: {} });
      await platform.settled();
    });

    it('are backups', async () => {
      const taken = async (): Promise<string> => {
        const { body } = await done<Item>(named('backupBegin'));
        for (let status = body['status']; status === 'running';)
          status = (await done<Item>(named('backupGet'), { backupId: String(body['id']) })).body['status'];
        return String(body['id']);
      };
      const backupId = await taken();
      await done(named('backupRemove'), { backupId: await taken() });
      // This platform has its log in memory, where no start could find another one.
      expect((await ask(named('restoreStage'), {}, { body: { backupId } })).status).toBe(422);
      const archive = new FormData();
      archive.append('archive', new Blob(['none']), 'backup.tar');
      expect((await ask(named('restoreUpload'), {}, { body: archive })).status).toBe(422);
      expect((await ask(named('restoreWithdraw'), { restoreId: randomUUID() })).status).toBe(404);
    });

    it('were found as documented for every operation that can be provoked', () => {
      const rest = routes.filter(({ method, operation }) => method !== 'get' && !proven.has(operation.operationId));
      // There is a parked message only where a reaction is broken.
      expect(rest.map(({ operation }) => operation.operationId)).toEqual(['upkeepDrop']);
    });
  });

  describe('to somebody who reads', () => {
    const reads = async (viewer: string, as: HttpClient): Promise<void> => {
      for (const route of routes.filter(({ method }) => method === 'get')) {
        for (const parameters of await parametersOf(route.path, as, viewer)) await ask(route, parameters, { as });
      }
    };
    const idOf = async (name: string): Promise<TenantId> => {
      const { body } = await operator.get<{ items: readonly { id: TenantId; name: string }[] }>(`/tenants?name=${name}`);
      return body.items[0]?.id ?? (randomUUID() as TenantId);
    };

    it('show an operator every thing there is', async () => {
      await reads('operator', operator);
      const gets = routes.filter(({ method, operation }) => method === 'get' && !proven.get(operation.operationId)?.has(200));
      expect(gets.map(({ operation }) => operation.operationId)).toEqual([]);
    }, 120_000);

    it('had things in every list', async () => {
      for (const name of ['unassigned', 'unbilled', 'linked-accounts', 'auto-assignments', 'imports', 'bills', 'users']) {
        const route = named(
          String(
            routes.find(({ path, method }) => method === 'get' && path.endsWith(`/{tenantId}/${name}`))?.operation.operationId,
          ),
        );
        const totals = await Promise.all(
          (await parametersOf(route.path, operator, 'operator')).map(
            async (parameters) => (await ask<{ total: number }>(route, parameters, {}, '?limit=500')).body.total,
          ),
        );
        expect([name, totals.some((total) => total > 0)]).toEqual([name, true]);
      }
    }, 60_000);

    it('hide from a tenant what is upstream, in the same shape', async () => {
      for (const tenant of ['R1', 'C1', 'Customer']) {
        const as = await platform.asUser(await idOf(tenant), 'admin');
        for (const route of routes.filter(({ method, path }) => method === 'get' && !path.includes('/operations/'))) {
          for (const parameters of await parametersOf(route.path, as, tenant)) await ask(route, parameters, { as });
        }
      }
    }, 120_000);
  });

  describe('to somebody who asks for what cannot be', () => {
    /** Nothing that there is, in the right form. */
    const elsewhere = ({ path }: Route): Item =>
      Object.fromEntries(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [
          name,
          name === 'month' ? '1999-01' : ['version', 'position'].includes(name) ? 999_999_999 : randomUUID(),
        ]),
      );
    const withBody = ({ method }: Route): Given => (['get', 'delete'].includes(method) ? {} : { body: {} });

    it('are problems: 404 for what is not there', async () => {
      for (const route of routes.filter(({ path }) => path.includes('{')))
        expect([route.path, (await ask(route, elsewhere(route), withBody(route))).status]).toEqual([route.path, 404]);
      const [parameters] = await parametersOf('/api/v1/tenants/{tenantId}', operator, 'operator');
      for (const route of routes.filter(({ method, path }) => method === 'get' && /\{tenantId\}.*\{/.test(path)))
        expect([route.path, (await ask(route, { ...elsewhere(route), ...parameters })).status]).toEqual([route.path, 404]);
    });

    it('are problems: 401 without a token', async () => {
      for (const route of routes.filter(({ operation }) => operation.security)) {
        const { status } = await ask(route, elsewhere(route), { as: platform.http, ...withBody(route) });
        expect([route.path, status]).toEqual([route.path, 401]);
      }
    });

    it('are problems: 400 that name the field', async () => {
      const [tenantId] = (await parametersOf('/api/v1/tenants/{tenantId}', operator, 'operator')).map((item) =>
        String(item['tenantId']),
      );
      for (const route of routes.filter(({ operation }) => operation.parameters.some(({ name }) => name === 'limit'))) {
        for (const parameters of (await parametersOf(route.path, operator, 'operator')).slice(0, 1)) {
          const { status, body } = await ask<{ errors: readonly Item[] }>(route, parameters, {}, '?limit=0');
          expect([route.path, status, body.errors[0]?.['path']]).toEqual([route.path, 400, 'limit']);
        }
      }
      for (const operationId of [
        'tenantAddCustomer',
        'contractDraft',
        'dataSourceRegister',
        'userAdd',
        'linkedAccountLink',
        'importImportFiles',
      ])
        expect((await ask(named(operationId), { tenantId: String(tenantId) }, { body: {} })).status).toBe(400);
      expect((await ask(named('sessionLogin'), {}, { as: platform.http, body: { email: 5 } })).status).toBe(400);
    });

    it('are problems: 409 for what somebody else has, 422 for another body under the same key', async () => {
      const [parameters = {}] = await parametersOf('/api/v1/tenants/{tenantId}', operator, 'operator');
      const user = { email: 'admin@example.com', name: 'Again', password: PASSWORD, role: 'admin' };
      expect((await ask(named('userAdd'), parameters, { body: user })).status).toBe(409);
      const root = { tier: 'reseller', name: 'Twice', currency: 'EUR' };
      const headers = { 'idempotency-key': randomUUID() };
      expect((await ask(named('tenantRegisterRoot'), {}, { body: root, headers })).status).toBe(201);
      expect((await ask(named('tenantRegisterRoot'), {}, { body: { ...root, name: 'Other' }, headers })).status).toBe(422);
    });
  });
});
