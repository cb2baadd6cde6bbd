import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Category, categoryOf, type Recorded } from '#libs/event-sourcing/event';
import { type Running, start } from '#libs/platform/bootstrap';
import { createLog } from '#libs/platform/logging';
import { HttpClient } from '#libs/platform/testing/platform';
import { isPublic, PUBLIC_CATEGORIES } from '#libs/wire/events';
import { encode } from '#libs/wire/wire-message';
import { addAdministrator } from '#services/access-control/src/administrator';
import { type IdentityProvider, startIdentityProvider } from '../../../deploy/local/identity-provider.ts';
import { SERVICES } from './services.ts';

type Login = Readonly<{ accessToken: string; refreshToken: string }>;
type Id = Readonly<{ id: string }>;

const PASSWORDS = {
  administrator: 'password of the administrator',
  invited: 'password of the invited one',
  added: 'password of the added one',
  wrong: 'a password that is wrong',
};
const CLIENT = {
  clientId: 'tributary',
  clientSecret: 'what the client keeps to itself',
  redirectUrl: 'http://127.0.0.1/login/oidc',
};
const LOGS_AND_MAIL = /^(mail|keys)\//;

describe('after people and systems have logged in, invited, failed and left', () => {
  let dataDir: string;
  let running: Running;
  let identityProvider: IdentityProvider;
  /** Whatever nobody but its owner may have, by what it is. */
  const secrets = new Map<string, string>(Object.entries(PASSWORDS));
  const lines: string[] = [];
  let events: readonly Recorded[];
  let exported: string;
  let downloads: string;

  /** The names of the secrets that a text holds, also where they are quoted as in JSON or encoded as in an address. */
  const heldBy = (text: string): readonly string[] =>
    [...secrets]
      .filter(([, secret]) =>
        [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)].some((form) => text.includes(form)),
      )
      .map(([name]) => name);

  const eventsOf = async (categories: readonly Category[]): Promise<readonly Recorded[]> => {
    const { store } = running.platform;
    const found: Recorded[] = [];
    for await (const event of store.subscribe(categories, 'start', new AbortController().signal)) {
      if (event === 'caught-up') return found;
      found.push(event);
    }
    return found;
  };

  const done = async <Body>(answer: Promise<Readonly<{ status: number; body: Body }>>): Promise<Body> => {
    const { status, body } = await answer;
    if (status >= 300) throw new Error(`${String(status)} ${JSON.stringify(body)}`);
    return body;
  };

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'secrets-'));
    identityProvider = await startIdentityProvider(CLIENT);
    secrets.set('client secret', CLIENT.clientSecret);
    running = await start(SERVICES, {
      environment: {
        DATA_DIR: dataDir,
        PORT: '0',
        OIDC_ISSUER: identityProvider.issuer,
        OIDC_CLIENT_SECRET: CLIENT.clientSecret,
        OIDC_REDIRECT_URL: CLIENT.redirectUrl,
      },
      log: createLog('trace', { write: (line) => void lines.push(line) }),
    });
    await addAdministrator(running.platform, 'root@example.com', PASSWORDS.administrator);
    const http = new HttpClient(running.url);
    const keep = (name: string, { accessToken, refreshToken }: Login): HttpClient => {
      secrets.set(`access token ${name}`, accessToken).set(`refresh token ${name}`, refreshToken);
      return http.with({ authorization: `Bearer ${accessToken}` });
    };
    const login = async (name: string, email: string, password: string): Promise<HttpClient> =>
      keep(name, await done(http.post<Login>('/auth/login', { email, password })));

    const operator = await login('of the administrator', 'root@example.com', PASSWORDS.administrator);
    await http.post('/auth/login', { email: 'root@example.com', password: PASSWORDS.wrong });
    await http.send('POST', '/auth/login', `{"password":"${PASSWORDS.wrong}"`, { 'content-type': 'application/json' });
    await http.post(`/auth/login?password=${encodeURIComponent(PASSWORDS.wrong)}`, { password: PASSWORDS.wrong });

    const root = { tier: 'reseller', name: 'Root', currency: 'EUR' };
    const { id: tenantId } = await done(operator.post<Id>('/tenants', root));
    const added = { email: 'added@example.com', name: 'Added', password: PASSWORDS.added, role: 'admin' };
    await done(operator.post(`/tenants/${tenantId}/users`, added));
    await done(
      operator.post(`/tenants/${tenantId}/invitations`, { email: 'invited@example.com', role: 'admin', name: 'Invited' }),
    );
    await running.settled();
    const [letter = ''] = await readdir(join(dataDir, 'mail'));
    const written = (await readFile(join(dataDir, 'mail', letter), 'utf8')).replaceAll('=\r\n', '').replaceAll('=3D', '=');
    const token = /#token=([\w.-]+)/.exec(written)?.[1] ?? '';
    secrets.set('invitation token', token);
    await http.post('/invitations/accept', { token: `${token}x`, password: PASSWORDS.invited });
    await done(http.post('/invitations/accept', { token, password: PASSWORDS.invited }));

    const invited = await login('of the invited one', 'invited@example.com', PASSWORDS.invited);
    const again = await done(
      http.post<Login>('/auth/refresh', { refreshToken: secrets.get('refresh token of the invited one') }),
    );
    keep('after the refresh', again);
    await http.post('/auth/refresh', { refreshToken: secrets.get('refresh token of the invited one') });
    await invited.get('/me');

    const begun = await done(http.post<{ authorizationUrl: string; transaction: string }>('/auth/oidc/begin'));
    const identity = { subject: 'added', email: 'added@example.com', emailVerified: true, name: 'Added' };
    const query = new URL(await identityProvider.visit(begun.authorizationUrl, identity)).searchParams;
    secrets.set('transaction', begun.transaction).set('authorization code', query.get('code') ?? '');
    await http.post('/auth/oidc/finish', { transaction: begun.transaction, query: 'code=wrong' });
    keep(
      'by oidc',
      await done(http.post<Login>('/auth/oidc/finish', { transaction: begun.transaction, query: query.toString() })),
    );

    const accounts = `/tenants/${tenantId}/service-accounts`;
    const account = await done(operator.post<Id>(accounts, { name: 'ERP', permissions: ['bills:read', 'financials:read'] }));
    const { key } = await done(operator.post<{ key: string }>(`${accounts}/${account.id}/keys`, {}));
    secrets.set('service account key', key);
    const { accessToken } = await done(http.post<Login>('/auth/service-token', { key }));
    secrets.set('access token of the service account', accessToken);
    await http.post('/auth/service-token', { key: `${key}x` });

    const jwk = JSON.parse(await readFile(join(dataDir, 'keys', 'access-tokens.jwk.json'), 'utf8')) as { d: string };
    secrets.set('private key', jwk.d);
    await running.settled();
    events = await eventsOf(PUBLIC_CATEGORIES);
    exported = await done(operator.get<string>('/operations/log?limit=1000000'));
    const paths = ['/users/export', '/users', '/invitations', '/activity/export', '/service-accounts'];
    const pages = await Promise.all(paths.map((path) => done(operator.get(`/tenants/${tenantId}${path}`))));
    downloads = [
      JSON.stringify(pages),
      await done(http.get<string>('/metrics')),
      JSON.stringify(await done(http.get('/api/docs-json'))),
    ].join();
    await operator.post('/auth/logout');
  }, 60_000);

  afterAll(async () => {
    await running.stop();
    await identityProvider.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('there is something to find', async () => {
    expect([...secrets.values()].filter((secret) => secret.length < 12)).toEqual([]);
    expect(secrets.size).toBeGreaterThan(15);
    const [letter = ''] = await readdir(join(dataDir, 'mail'));
    const written = await readFile(join(dataDir, 'mail', letter), 'utf8');
    expect(heldBy(written.replaceAll('=\r\n', '').replaceAll('=3D', '='))).toEqual(['invitation token']);
    expect(lines.filter((line) => line.includes('/api/v1/auth/login')).length).toBeGreaterThan(3);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['InvitationAccepted', 'UserRegistered']));
    expect(downloads).toContain('invited@example.com');
  });

  it('tokens say who, and count for a quarter of an hour', () => {
    const tokens = [...secrets].filter(([name]) => name.startsWith('access token'));
    expect(tokens.length).toBeGreaterThan(4);
    for (const [name, token] of tokens) {
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, number>;
      expect([name, Number(claims['exp']) - Number(claims['iat']) <= 15 * 60]).toEqual([name, true]);
      const known = ['aud', 'auth_time', 'exp', 'iat', 'iss', 'jti', 'keyNumber', 'sid', 'sub'];
      expect([name, Object.keys(claims).filter((claim) => !known.includes(claim))]).toEqual([name, []]);
    }
  });

  it('passwords are kept as argon2id only', async () => {
    const kept = await eventsOf(['access-control.credentials' as Category]);
    expect(kept.length).toBeGreaterThan(2);
    for (const { data } of kept) expect(data).toMatchObject({ hash: expect.stringMatching(/^\$argon2id\$/) });
    expect(heldBy(JSON.stringify(kept))).toEqual([]);
  });

  it('no secret is in the log lines, whatever their level', () => {
    expect(heldBy(lines.join(''))).toEqual([]);
    expect(lines.join('')).not.toContain('$argon2');
  });

  it('none is in a public event, nor in what is published of it', () => {
    expect(heldBy(JSON.stringify(events))).toEqual([]);
    const published = events
      .filter(({ stream }) => isPublic(categoryOf(stream)))
      .map((event) => encode(event, 'a log'))
      .map(({ key, headers, value }) => [key, JSON.stringify(headers), value.toString('latin1')].join());
    expect(published.length).toBeGreaterThan(10);
    expect(heldBy(published.join())).toEqual([]);
    expect(published.join()).not.toContain('$argon2');
  });

  it('none is in the export of the log, and no hash of a password either', () => {
    expect(exported).toContain('PasswordSet');
    expect(heldBy(exported)).toEqual([]);
    expect(exported).not.toContain('$argon2');
  });

  it('none is in what can be downloaded', () => {
    expect(heldBy(downloads)).toEqual([]);
    expect(downloads).not.toContain('$argon2');
  });

  it('none is on the disk, but for the letter and the key that it is about', async () => {
    const files = await readdir(dataDir, { recursive: true, withFileTypes: true });
    const found: string[] = [];
    for (const file of files.filter((one) => one.isFile())) {
      const path = join(file.parentPath, file.name);
      const name = path.slice(dataDir.length + 1);
      if (!LOGS_AND_MAIL.test(name))
        found.push(...heldBy((await readFile(path)).toString('latin1')).map((held) => `${held} in ${name}`));
    }
    expect(files.some(({ name }) => name === 'tributary.db')).toBe(true);
    expect(found).toEqual([]);
  });
});
