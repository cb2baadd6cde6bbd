import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { SERVICES } from './services.ts';

type Problem = Readonly<{ code?: string; errors?: readonly Readonly<{ path: string }>[] }>;
type Named = Readonly<{ id: string; name?: string }>;
type Operation = Readonly<{
  parameters?: readonly Readonly<{ name: string }>[];
  responses: Readonly<Record<string, Readonly<{ headers?: object }>>>;
}>;
type Document = Readonly<{ paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }>;
type Send = (tag: string) => Promise<Answer<Problem>>;

const PASSWORD = 'a long enough password';

describe('an entity tag', () => {
  let platform: TestPlatform;
  let operator: HttpClient;
  let admin: HttpClient;
  let tenant: string;
  let documented: Document;

  const made = async (path: string, body: object): Promise<string> => {
    const { status, headers, body: answer } = await admin.post<Named>(path, body);
    expect({ path, status, answer }).toMatchObject({ status: 201 });
    return `${path}/${answer.id}` === headers.get('location')?.replace('/api/v1', '') ? `${path}/${answer.id}` : '';
  };
  const tagOf = async (path: string): Promise<string> => (await admin.get(path)).headers.get('etag') ?? '';
  /** Whoever saw an earlier state changes nothing; whoever saw the present one does. */
  const guarded = async (path: string, ...changes: readonly [method: string, path: string, body?: object][]): Promise<void> => {
    for (const [method, at, body] of changes) {
      const send: Send = (tag) => admin.send<Problem>(method, at, body, { 'if-match': tag });
      const tag = await tagOf(path);
      expect([path, tag]).toEqual([path, expect.stringMatching(/^"\d+"$/)]);
      const stale = await send(`"${String(Number(tag.slice(1, -1)) + 7)}"`);
      expect([method, at, stale.status, stale.body.code]).toEqual([method, at, 412, 'revision-stale']);
      expect([method, at, await tagOf(path)]).toEqual([method, at, tag]);
      const changed = await send(tag);
      expect([method, at, changed.status]).toEqual([method, at, method === 'DELETE' ? 204 : 200]);
      if (method !== 'DELETE') expect([method, at, changed.headers.get('etag')]).toEqual([method, at, await tagOf(path)]);
      const again = await send(tag);
      expect([method, at, again.status]).toEqual([method, at, method === 'DELETE' ? 404 : 412]);
    }
  };

  beforeAll(async () => {
    platform = await startPlatform(SERVICES);
    operator = await platform.asOperator();
    const root = { tier: 'reseller', name: 'R', currency: 'USD' };
    const { id } = (await operator.post<Readonly<{ id: TenantId }>>('/tenants', root)).body;
    tenant = `/tenants/${id}`;
    admin = await platform.asUser(id, 'admin');
    documented = (await operator.get<Document>('/api/docs-json')).body;
  });
  afterAll(() => platform.close());

  it('stands on everything that can be read and changed under one address, and every such change looks at it', () => {
    const reads = ({ parameters = [] }: Operation): boolean => parameters.some(({ name }) => name === 'If-Match');
    const tags = ({ responses }: Operation): boolean => 'ETag' in (responses['200']?.headers ?? {});
    const forgotten = Object.entries(documented.paths).flatMap(([path, { get, put, patch, delete: remove }]) => {
      const changes = [put, patch, remove].filter((change) => change !== undefined);
      if (!get || changes.length === 0) return [];
      // What can only be taken away does not change in between.
      const changing = put !== undefined || patch !== undefined;
      return tags(get) === changing && changes.every((change) => reads(change) === changing) ? [] : [path];
    });
    expect(forgotten).toEqual([]);
  });

  it('is that of a role', async () => {
    const role = await made(`${tenant}/roles`, { name: 'Clerk', permissions: ['tenants:read'] });
    await guarded(role, ['PUT', role, { name: 'Clerks', permissions: ['tenants:read'] }], ['DELETE', role]);
  });

  it('is that of what a user may do in a tenant', async () => {
    const email = 'user@example.com';
    const user = await made(`${tenant}/users`, { email, name: 'User', password: PASSWORD, role: 'regular' });
    expect((await admin.get<Named>(user)).body).toMatchObject({ email, name: 'User', role: 'regular', enabled: true });
    await guarded(
      user,
      ['PATCH', user, { role: 'sales' }],
      ['POST', `${user}/disable`],
      ['POST', `${user}/enable`],
      ['DELETE', user],
    );
  });

  it('is that of what a tenant chose for its users', async () => {
    const settings = `${tenant}/access-settings`;
    expect(await tagOf(settings)).toBe('"0"');
    await guarded(settings, ['PATCH', settings, { accessModel: 'carryOver' }], ['PATCH', settings, { activityMirror: true }]);
  });

  it('is that of a service account', async () => {
    const account = await made(`${tenant}/service-accounts`, { name: 'ERP', permissions: ['tenants:read'] });
    const seen = await tagOf(account);
    expect((await admin.post(`${account}/keys`, {})).status).toBe(201);
    expect(await tagOf(account)).not.toBe(seen);
    await guarded(account, ['PATCH', account, { name: 'Books' }]);
    expect((await admin.delete(account, { 'if-match': seen })).status).toBe(412);
    expect((await admin.delete(account, { 'if-match': await tagOf(account) })).status).toBe(204);
  });

  it('is that of a contact', async () => {
    const contact = await made(`${tenant}/contacts`, { type: 'technical', name: 'C', email: 'c@example.com' });
    await guarded(contact, ['PATCH', contact, { name: 'D' }], ['DELETE', contact]);
  });

  it('tells nothing of what another tenant has', async () => {
    const root = { tier: 'reseller', name: 'Other', currency: 'USD' };
    const other = (await operator.post<Readonly<{ id: TenantId }>>('/tenants', root)).body.id;
    const stranger = await platform.asUser(other, 'admin');
    const role = await made(`${tenant}/roles`, { name: 'Known here', permissions: ['tenants:read'] });
    const account = await made(`${tenant}/service-accounts`, { name: 'Known here', permissions: ['tenants:read'] });
    for (const path of [role, account]) {
      const there = path.replace(tenant, `/tenants/${other}`);
      const refusals = [
        await stranger.get(there),
        await stranger.delete(there, { 'if-match': '"9"' }),
        await stranger.send(
          path === role ? 'PUT' : 'PATCH',
          there,
          { name: 'X', permissions: ['tenants:read'] },
          { 'if-match': '"9"' },
        ),
      ];
      expect([path, ...refusals.map(({ status }) => status)]).toEqual([path, 404, 404, 404]);
    }
  });

  it('is refused where nobody looks at it, by whatever else changes something', async () => {
    const ignored = { 'if-match': '"0"' };
    const { status, body } = await admin.post<Problem>(`${tenant}/contacts`, {}, ignored);
    expect([status, body.code, body.errors?.[0]?.path]).toEqual([400, 'if-match-not-supported', 'If-Match']);
    expect((await admin.get(tenant, ignored)).status).toBe(200);
    expect((await platform.http.post(`${tenant}/contacts`, {}, ignored)).status).toBe(401);
  });
});
