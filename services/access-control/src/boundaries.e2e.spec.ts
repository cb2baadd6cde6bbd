import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { accessControlService } from './access-control.module.ts';

const CONSOLE = 'https://console.example';
const HEADERS = ['access-control-request-method', 'access-control-request-headers'];
const PREFLIGHT = { [HEADERS[0] ?? '']: 'POST', [HEADERS[1] ?? '']: 'authorization,content-type' };
const LOGIN = { email: 'nobody@example.com', password: 'x' };

const allowedBy = (headers: Headers): readonly string[] =>
  [...headers].filter(([name]) => name.startsWith('access-control-')).map(([name, value]) => `${name}: ${value}`);

describe('pages of other addresses', () => {
  it('are let in nowhere', async () => {
    const platform = await startPlatform([accessControlService]);
    try {
      for (const [method, path] of [
        ['OPTIONS', '/auth/login'],
        ['GET', '/auth/jwks'],
        ['GET', '/me'],
        ['GET', '/nowhere'],
      ] as const) {
        const { headers } = await platform.http.send(method, path, undefined, { origin: CONSOLE, ...PREFLIGHT });
        expect([method, path, allowedBy(headers)]).toEqual([method, path, []]);
      }
    } finally {
      await platform.close();
    }
  });

  it('are let in where they are named, without cookies, and others are not', async () => {
    const platform = await startPlatform([accessControlService], { environment: { CORS_ORIGINS: CONSOLE } });
    try {
      const preflight = await platform.http.send('OPTIONS', '/auth/login', undefined, { origin: CONSOLE, ...PREFLIGHT });
      expect(preflight.status).toBe(204);
      expect(allowedBy(preflight.headers)).toContain(`access-control-allow-origin: ${CONSOLE}`);
      expect(allowedBy(preflight.headers)).not.toContain('access-control-allow-credentials: true');
      const answer = await platform.http.post('/auth/login', LOGIN, { origin: CONSOLE });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([401, CONSOLE]);
      const other = await platform.http.post('/auth/login', LOGIN, { origin: 'https://evil.example' });
      expect([other.status, other.headers.get('access-control-allow-origin')]).toEqual([401, null]);
    } finally {
      await platform.close();
    }
  });
});

describe('every answer', () => {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await startPlatform([accessControlService], { environment: { BODY_LIMIT_KB: '4' } });
  });
  afterAll(() => platform.close());

  it('tells browsers to guess nothing, frame nothing, keep nothing and run nothing', async () => {
    const operator = await platform.asOperator();
    const answers = [
      await platform.http.get('/auth/jwks'),
      await platform.http.get('/me'),
      await platform.http.get('/nowhere'),
      await platform.http.post('/auth/login', '{', { 'content-type': 'application/json' }),
      await operator.get('/me'),
      await operator.get('/operations/log'),
      await platform.http.get('/%ff'),
      await platform.http.get(`/me?a=${'x'.repeat(20_000)}`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 404, 400, 200, 200, 400, 431]);
    for (const { headers } of answers)
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      });
  });

  it('to a body above the limit is a refusal', async () => {
    const large = { ...LOGIN, password: 'x'.repeat(5_000) };
    expect((await platform.http.post('/auth/login', large)).status).toBe(413);
    expect((await platform.http.post('/invitations/accept', { token: 'x'.repeat(5_000), password: 'x' })).status).toBe(413);
  });
});

describe('who asks', () => {
  const attempts = async (trusted: string): Promise<readonly number[]> => {
    const environment = { LOGINS_PER_MINUTE: '1', ...(trusted === '' ? {} : { TRUSTED_PROXIES: trusted }) };
    const platform = await startPlatform([accessControlService], { environment });
    try {
      const statuses = [];
      for (const from of ['192.0.2.1', '192.0.2.2', '192.0.2.1'])
        statuses.push((await platform.http.post('/auth/login', LOGIN, { 'x-forwarded-for': from })).status);
      return statuses;
    } finally {
      await platform.close();
    }
  };

  it('is told by proxies that are trusted, and by nobody else', async () => {
    expect(await attempts('127.0.0.1,::1')).toEqual([401, 401, 429]);
    expect(await attempts('')).toEqual([401, 429, 429]);
  });
});

describe('what anybody may try without a token', () => {
  const TRIES: Readonly<Record<string, object>> = {
    '/auth/login': LOGIN,
    '/auth/refresh': { refreshToken: 'x' },
    '/auth/service-token': { key: 'x' },
    '/auth/oidc/begin': {},
    '/auth/oidc/finish': { transaction: 'x', query: 'x' },
    '/invitations/open': { token: 'x' },
    '/invitations/accept': { token: 'x', password: 'a long enough password' },
  };

  it('is counted by who asks: nobody goes on and on', async () => {
    const platform = await startPlatform([accessControlService], { environment: { LOGINS_PER_MINUTE: '1' } });
    try {
      type Operation = Readonly<{ security?: readonly object[] }>;
      const docs = (await (await fetch(`${platform.url}/api/docs-json`)).json()) as Readonly<{
        paths: Readonly<Record<string, Readonly<{ post?: Operation }>>>;
      }>;
      const open = Object.entries(docs.paths).flatMap(([path, { post }]) => (post && !post.security ? [path] : []));
      expect(open.map((path) => path.replace('/api/v1', '')).toSorted()).toEqual(Object.keys(TRIES).toSorted());
      for (const [path, body] of Object.entries(TRIES)) {
        await platform.http.post(path, body);
        const { status, headers } = await platform.http.post(path, body);
        expect([path, status, Number(headers.get('retry-after')) > 0]).toEqual([path, 429, true]);
      }
    } finally {
      await platform.close();
    }
  });
});
