import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type Identity, type IdentityProvider, startIdentityProvider } from '../../../../deploy/local/identity-provider.ts';
import { accessControlService } from '../access-control.module.ts';
import { addAdministrator } from '../administrator.ts';

type Begun = Readonly<{ authorizationUrl: string; transaction: string }>;
type Finished = Readonly<{ code?: string; accessToken: string; refreshToken: string; user: { email: string } }>;

const CLIENT = {
  clientId: 'tributary',
  clientSecret: 'a secret of the client',
  redirectUrl: 'https://tributary.example/login/oidc',
};
const ADA: Identity = { subject: 'ada-there', email: 'ADA@example.com', emailVerified: true, name: 'Ada' };

describe('logging in by an identity provider', () => {
  let provider: IdentityProvider;
  let platform: TestPlatform;

  const begin = async (): Promise<Begun> => {
    const { status, body } = await platform.http.post<Begun>('/auth/oidc/begin');
    expect(status).toBe(200);
    return body;
  };
  const finish = (transaction: string, query: string) =>
    platform.http.post<Finished>('/auth/oidc/finish', { transaction, query });
  const queryOf = (address: string): string => new URL(address).search.slice(1);
  const loginAs = async (who: Identity) => {
    const { authorizationUrl, transaction } = await begin();
    return finish(transaction, queryOf(await provider.visit(authorizationUrl, who)));
  };

  beforeAll(async () => {
    provider = await startIdentityProvider(CLIENT);
    platform = await startPlatform([accessControlService], {
      environment: {
        OIDC_ISSUER: provider.issuer,
        OIDC_CLIENT_ID: CLIENT.clientId,
        OIDC_CLIENT_SECRET: CLIENT.clientSecret,
        PUBLIC_URL: 'https://tributary.example',
      },
    });
    await addAdministrator(platform.running.platform, 'ada@example.com', 'a long enough password');
    await addAdministrator(platform.running.platform, 'bob@example.com', 'a long enough password');
    await addAdministrator(platform.running.platform, 'cora@example.com', 'a long enough password');
  });

  afterAll(async () => {
    await platform.close();
    await provider.close();
  });

  it('opens a session for whoever has the address that the provider verified', async () => {
    expect((await platform.http.get('/auth/methods')).body).toEqual({ password: true, oidc: true });
    const { status, body } = await loginAs(ADA);
    expect([status, body.user?.email]).toEqual([200, 'ada@example.com']);
    const ada = platform.http.with({ authorization: `Bearer ${body.accessToken}` });
    expect((await ada.get('/me/sessions')).body).toMatchObject({ items: [{ method: 'oidc', isCurrent: true }] });
    expect((await platform.http.post('/auth/refresh', { refreshToken: body.refreshToken })).status).toBe(200);
  });

  it('asks for a code with PKCE, a state and a nonce of its own each time', async () => {
    const [one, other] = [new URL((await begin()).authorizationUrl), new URL((await begin()).authorizationUrl)];
    expect(one.searchParams.get('code_challenge_method')).toBe('S256');
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect([name, one.searchParams.get(name)]).not.toEqual([name, other.searchParams.get(name)]);
    expect(one.searchParams.get('redirect_uri')).toBe(CLIENT.redirectUrl);
  });

  it('is refused to somebody else who has the same address there later', async () => {
    expect((await loginAs(ADA)).status).toBe(200);
    const { status, body } = await loginAs({ ...ADA, subject: 'another-there' });
    expect([status, body.code]).toEqual([401, 'oidc-login-failed']);
    expect((await loginAs(ADA)).status).toBe(200);
  });

  it('leads whoever is bound to their own user, whatever address they have there now', async () => {
    expect((await loginAs(ADA)).status).toBe(200);
    for (const now of [{ email: 'cora@example.com' }, { email: 'eve@example.com' }, { emailVerified: false }]) {
      const { status, body } = await loginAs({ ...ADA, ...now });
      expect([now, status, body.user?.email]).toEqual([now, 200, 'ada@example.com']);
    }
    // And leaves the other one to whoever it is, by whatever spelling of a subject.
    const { status, body } = await loginAs({ ...ADA, subject: 'ADA-there', email: 'cora@example.com' });
    expect([status, body.user?.email]).toEqual([200, 'cora@example.com']);
  });

  it('is refused to an address that is not verified, and to one that nobody here has', async () => {
    for (const who of [
      { subject: 'bob-there', email: 'bob@example.com', emailVerified: false, name: 'Bob' },
      { subject: 'eve-there', email: 'eve@example.com', emailVerified: true, name: 'Eve' },
    ]) {
      const { status, body } = await loginAs(who);
      expect([status, body.code]).toEqual([401, 'oidc-login-failed']);
    }
  });

  it('is finished once, by the browser that began it, with what the provider gave', async () => {
    const mine = await begin();
    const others = await begin();
    const query = queryOf(await provider.visit(mine.authorizationUrl, ADA));
    const code = async (...asked: Parameters<typeof finish>): Promise<string> => {
      const { status, body } = await finish(...asked);
      return `${String(status)} ${String(body.code)}`;
    };
    expect(await code(others.transaction, query)).toBe('401 oidc-login-failed');
    expect(await code(`${mine.transaction}x`, query)).toBe('401 oidc-login-failed');
    expect(await code(mine.transaction, query.replace(/code=[^&]*/, 'code=guessed'))).toBe('401 oidc-login-failed');
    expect(await code(mine.transaction, 'error=access_denied')).toBe('401 oidc-login-failed');
    expect(await code(mine.transaction, 'nonsense')).toBe('401 oidc-login-failed');
    expect((await finish(mine.transaction, query)).status).toBe(200);
    expect(await code(mine.transaction, query)).toBe('401 oidc-login-failed');
  });

  it('is said to be impossible for the time being when the provider does not answer', async () => {
    const gone = await startIdentityProvider(CLIENT);
    await gone.close();
    const alone = await startPlatform([accessControlService], { environment: { OIDC_ISSUER: gone.issuer } });
    try {
      const { status, body, headers } = await alone.http.post<Finished>('/auth/oidc/begin');
      expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'identity-provider-unavailable', '1']);
    } finally {
      await alone.close();
    }
  });

  it('is not offered where none is configured', async () => {
    const without = await startPlatform([accessControlService]);
    try {
      expect((await without.http.get('/auth/methods')).body).toEqual({ password: true, oidc: false });
      const { status, body } = await without.http.post<Finished>('/auth/oidc/begin');
      expect([status, body.code]).toEqual([422, 'oidc-not-configured']);
    } finally {
      await without.close();
    }
  });
});
