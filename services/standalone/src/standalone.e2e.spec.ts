import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { uncheckedInputs } from '#libs/platform/input-checks';
import { routesWithoutRule } from '#libs/platform/routes';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { hasAdministrator } from '#services/access-control/src/administrator';
import { SERVICES } from './services.ts';

type Tenant = Readonly<{ id: TenantId; name: string; customerCode: string | null }>;
type Problem = Readonly<Record<string, unknown> & { code: string; traceId: string; errors?: readonly { path: string }[] }>;
type Operation = Readonly<{
  summary?: string;
  security?: readonly unknown[];
  parameters?: readonly { name: string }[];
  responses: Readonly<Record<string, { content?: object }>>;
}>;
type OpenApi = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  info: { description: string };
  components: { schemas: Readonly<Record<string, object>> };
}>;

const withoutBody = (method: string): boolean => ['get', 'delete'].includes(method);

describe('the platform in one process', () => {
  let platform: TestPlatform;
  let document: OpenApi;
  let operations: readonly Readonly<{ method: string; path: string; operation: Operation }>[];

  beforeAll(async () => {
    platform = await startPlatform(SERVICES);
    document = (await platform.http.get<OpenApi>('/api/docs-json')).body;
    operations = Object.entries(document.paths).flatMap(([path, byMethod]) =>
      Object.entries(byMethod).map(([method, operation]) => ({ method, path, operation })),
    );
  });

  afterAll(() => platform.close());

  describe('before there is an administrator', () => {
    it('answers 401 on every route that is not public', async () => {
      expect(await hasAdministrator(platform.running.platform.readModels)).toBe(false);
      const guarded = operations.filter(({ operation }) => operation.security);
      expect(guarded.length).toBeGreaterThan(20);
      for (const { method, path } of guarded) {
        const concrete = path.replace(/\{[^}]*\}/g, randomUUID());
        const body = withoutBody(method) ? undefined : {};
        const { status, headers } = await platform.http.send(method.toUpperCase(), concrete, body);
        expect(`${method} ${path}: ${String(status)}`).toBe(`${method} ${path}: 401`);
        expect(headers.get('www-authenticate')).toContain('Bearer');
      }
    });

    it('is alive, ready and measured', async () => {
      expect((await platform.http.get('/health/live')).body).toEqual({ status: 'live' });
      const ready = await platform.http.get('/health/ready');
      expect([ready.status, ready.body]).toEqual([200, { status: 'ready', reasons: [], warnings: [] }]);
      const { body } = await platform.http.get<string>('/metrics');
      for (const name of [
        'http_request_duration_seconds_count{method="GET",route="/health/ready",status="200"}',
        'tributary_events_appended',
        `tributary_projection_position{projection="tenant-tree@${String(tenantTree.version)}"}`,
        'tributary_projection_lag',
        'tributary_consumer_lag{consumer=',
        'tributary_consumer_parked',
        'nodejs_eventloop_lag_seconds',
      ]) {
        expect(body).toContain(name);
      }
    });
  });

  describe('the routes', () => {
    it('each say who may call them', () => {
      expect(routesWithoutRule(platform.running.app)).toEqual([]);
    });

    it('let no input pass unchecked', () => {
      expect(uncheckedInputs(platform.running.app)).toEqual([]);
    });

    it('are documented: a summary, the problems they answer, the token they need', () => {
      for (const { method, path, operation } of operations) {
        const route = `${method} ${path}`;
        expect({ route, summary: operation.summary ?? '' }).toEqual({ route, summary: expect.stringMatching(/\w/) });
        expect(operation.responses).toHaveProperty('500');
        if (operation.security) expect(operation.responses).toHaveProperty('401');
      }
      expect(document.components.schemas['LoginInput']).toMatchObject({
        properties: { email: { type: 'string', maxLength: 320 }, password: { type: 'string' } },
        required: ['email', 'password'],
      });
      expect(document.info.description).toContain('Idempotency-Key');
      expect(document.info.description).toContain('If-Match');
    });

    it('take an Idempotency-Key wherever they make something', () => {
      const creating = operations.filter(({ method, operation }) => method === 'post' && operation.security);
      const without = creating.filter(({ operation }) => !operation.parameters?.some(({ name }) => name === 'Idempotency-Key'));
      expect(without.map(({ path }) => path)).toEqual([]);
    });
  });

  describe('what goes wrong', () => {
    let operator: HttpClient;
    beforeAll(async () => {
      operator = await platform.asOperator();
    });

    const expectProblem = async (answer: ReturnType<HttpClient['get']>, status: number, code: string): Promise<Problem> => {
      const { status: given, body, headers } = (await answer) as Readonly<{ status: number; body: Problem; headers: Headers }>;
      expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      expect([given, body.code]).toEqual([status, code]);
      expect(body).toMatchObject({
        type: `urn:tributary:problem:${code}`,
        status,
        title: expect.any(String),
        detail: expect.any(String),
      });
      expect(headers.get('traceparent')).toContain(body.traceId);
      return body;
    };

    it('names every field that is wrong', async () => {
      const body = await expectProblem(
        operator.post('/tenants', { tier: 'galaxy', currency: 'XXY', name: ' ', unasked: 1 }),
        400,
        'invalid-input',
      );
      expect(new Set(body.errors?.map(({ path }) => path))).toEqual(new Set(['tier', 'currency', 'name', 'unasked']));
    });

    it.each([
      ['a list instead of an object', '[{}]', 'application/json', 400, 'invalid-input'],
      ['no JSON', '{"a":', 'application/json', 400, 'malformed-request'],
      ['a form', 'a=b', 'application/x-www-form-urlencoded', 415, 'unsupported-media-type'],
      ['text', 'hello', 'text/plain', 415, 'unsupported-media-type'],
      ['too much', JSON.stringify({ name: 'x'.repeat(1_100_000) }), 'application/json', 413, 'body-too-large'],
    ])('refuses %s as a body', async (_what, body, type, status, code) => {
      await expectProblem(operator.post('/tenants', body, { 'content-type': type }), status, code);
    });

    it('answers an unknown route, a path that is none and an unknown cursor', async () => {
      await expectProblem(operator.get('/no-such-thing'), 404, 'route-not-found');
      await expectProblem(operator.get('/tenants?limit=501'), 400, 'invalid-input');
      await expectProblem(operator.get('/tenants?cursor=nonsense'), 400, 'invalid-cursor');
      await expectProblem(operator.get('/tenants/..%2f..%2fetc/users'), 404, 'tenant-not-found');
    });

    it('refuses keys and entity tags that are none', async () => {
      await expectProblem(
        operator.post('/tenants', root('a'), { 'idempotency-key': 'x'.repeat(256) }),
        400,
        'invalid-idempotency-key',
      );
      await expectProblem(
        operator.post('/tenants', root('a'), { 'idempotency-key': 'with blank' }),
        400,
        'invalid-idempotency-key',
      );
    });
  });

  describe('tenants over HTTP', () => {
    it('are made once for one key, at one address', async () => {
      const operator = await platform.asOperator();
      const key = { 'idempotency-key': 'make-it-once' };
      const first = await operator.post<Tenant>('/tenants', root('Once'), key);
      const again = await operator.post<Tenant>('/tenants', root('Once'), key);
      expect([first.status, again.status]).toEqual([201, 201]);
      expect(again.body).toEqual(first.body);
      expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
      expect(first.headers.get('location')).toContain(first.body.id);
      const other = await operator.post<Problem>('/tenants', root('Other'), key);
      expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused']);
    });

    it('change only for whoever has seen their present revision', async () => {
      const operator = await platform.asOperator();
      const { body, headers } = await operator.post<Tenant>('/tenants', root('Before'));
      const seen = { 'if-match': headers.get('etag') ?? '' };
      const changed = await operator.patch<Tenant>(`/tenants/${body.id}`, { name: 'After' }, seen);
      expect([changed.status, changed.body.name]).toEqual([200, 'After']);
      const late = await operator.patch<Problem>(`/tenants/${body.id}`, { name: 'Too late' }, seen);
      expect(late.status).toBe(412);
      const malformed = await operator.patch<Problem>(`/tenants/${body.id}`, { name: 'X' }, { 'if-match': 'W/"1"' });
      expect([malformed.status, malformed.body.code]).toEqual([400, 'invalid-if-match']);
      expect((await operator.get<Tenant>(`/tenants/${body.id}`)).body.name).toBe('After');
    });
  });
});

const root = (name: string) => ({ tier: 'distributor', name, currency: 'USD' });
