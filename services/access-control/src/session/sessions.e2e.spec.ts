import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { v5 as uuidv5 } from 'uuid';
import { startPlatform, type HttpClient, type TestPlatform } from '#libs/platform/testing/platform';
import { type Instant, systemClock } from '#libs/time/time';
import { accessControlService } from '../access-control.module.ts';
import { addAdministrator } from '../administrator.ts';

type Login = Readonly<{
  accessToken: string;
  refreshToken: string;
  refreshableUntil: string;
  expiresAt: string;
  user: { id: string };
}>;
type Problem = Readonly<{ code: string }>;
type Listed = Readonly<{ items: readonly Readonly<{ id: string; isCurrent: boolean; device: string | null }>[]; total: number }>;

const PASSWORD = 'a long enough password';
const ADA = { email: 'ada@example.com', password: PASSWORD };

describe('sessions', () => {
  let platform: TestPlatform;

  const login = async (device = 'a test'): Promise<Login> => {
    const { status, body } = await platform.http.post<Login>('/auth/login', ADA, { 'user-agent': device });
    expect(status).toBe(200);
    return body;
  };
  const as = ({ accessToken }: Login): HttpClient => platform.http.with({ authorization: `Bearer ${accessToken}` });
  const refresh = async ({ refreshToken }: Login) => platform.http.post<Login & Problem>('/auth/refresh', { refreshToken });
  const refreshed = async (before: Login): Promise<Login> => {
    const { status, body } = await refresh(before);
    expect(status).toBe(200);
    return body;
  };
  const refusal = async (before: Login): Promise<string> => {
    const { status, body } = await refresh(before);
    return `${String(status)} ${body.code}`;
  };
  const answers = async (client: HttpClient): Promise<number> => (await client.get('/me')).status;

  beforeAll(async () => {
    platform = await startPlatform([accessControlService]);
    await addAdministrator(platform.running.platform, ADA.email, PASSWORD);
  });

  afterAll(() => platform.close());
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('get new tokens by their refresh token, and the earlier access token counts until it ends', async () => {
    const first = await login();
    const second = await refreshed(first);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second.user.id).toBe(first.user.id);
    expect(second.refreshableUntil >= first.refreshableUntil).toBe(true);
    expect([await answers(as(first)), await answers(as(second))]).toEqual([200, 200]);
    expect(await answers(as(await refreshed(second)))).toBe(200);
  });

  it('end when a refresh token is used again, with every token that was issued to them', async () => {
    const first = await login();
    const other = await login();
    const second = await refreshed(first);
    expect(await refusal(first)).toBe('401 refresh-token-invalid');
    expect(await refusal(second)).toBe('401 refresh-token-invalid');
    expect([await answers(as(first)), await answers(as(second))]).toEqual([401, 401]);
    expect(await answers(as(other))).toBe(200);
    expect(await answers(as(await refreshed(other)))).toBe(200);
  });

  it('are refreshed once by two that come at the same time', async () => {
    const first = await login();
    const both = await Promise.all([refresh(first), refresh(first)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 401]);
    expect(await answers(as(first))).toBe(401);
  });

  it('are not to be had by what is no refresh token', async () => {
    const { refreshToken, accessToken } = await login();
    const [content = '', seal = ''] = refreshToken.split('.');
    const forged = Buffer.from(content, 'base64url').toString().replace(/,0\]$/, ',1]');
    for (const token of [accessToken, `${Buffer.from(forged).toString('base64url')}.${seal}`, 'x', `${content}.`]) {
      const { status, body } = await platform.http.post<Problem>('/auth/refresh', { refreshToken: token });
      expect([status, body.code]).toEqual([401, 'refresh-token-invalid']);
    }
    expect((await platform.http.post('/auth/refresh', {})).status).toBe(400);
  });

  it('are listed to their owner, and end one by one on the very next request', async () => {
    await as(await login()).post('/auth/logout');
    const phone = await login('A phone');
    const desk = await login('A desk');
    const { body } = await as(desk).get<Listed>('/me/sessions');
    expect(body).toMatchObject({
      items: [
        { device: 'A desk', isCurrent: true, method: 'password' },
        { device: 'A phone', isCurrent: false },
      ],
      total: 2,
      nextCursor: null,
    });
    expect(JSON.stringify(body)).not.toContain(desk.refreshToken);
    const phoneId = String(body.items[1]?.id);
    expect((await as(desk).delete(`/me/sessions/${phoneId}`)).status).toBe(204);
    expect([await answers(as(phone)), await answers(as(desk))]).toEqual([401, 200]);
    expect(await refusal(phone)).toBe('401 refresh-token-invalid');
    expect((await as(desk).get<Listed>('/me/sessions')).body.total).toBe(1);
    expect((await as(desk).delete(`/me/sessions/${phoneId}`)).status).toBe(204);
    const unknown = uuidv5('nobody', phoneId);
    const { status, body: problem } = await as(desk).delete<Problem>(`/me/sessions/${unknown}`);
    expect([status, problem.code]).toEqual([404, 'session-not-found']);
  });

  it('are nobody else’s to end', async () => {
    const mine = await login();
    const { body } = await as(mine).get<Listed>('/me/sessions');
    const other = await platform.asOperator();
    expect((await other.get<Listed>('/me/sessions')).body.total).toBe(0);
    expect((await other.delete(`/me/sessions/${String(body.items[0]?.id)}`)).status).toBe(404);
    expect(await answers(as(mine))).toBe(200);
  });

  it('end everywhere at once, also what is refreshed a moment later', async () => {
    const phone = await login();
    const desk = await login();
    expect((await as(desk).post('/auth/logout')).status).toBe(204);
    expect([await answers(as(phone)), await answers(as(desk))]).toEqual([401, 401]);
    expect([await refusal(phone), await refusal(desk)]).toEqual(['401 refresh-token-invalid', '401 refresh-token-invalid']);
    const again = await login();
    expect(await answers(as(again))).toBe(200);
    expect((await as(again).get<Listed>('/me/sessions')).body.total).toBe(1);
  });

  // The last one: what throttles logins has seen the time to come.
  it('give nothing for any of their refresh tokens once they have lasted, or rested, for too long', async () => {
    const first = await login();
    const second = await refreshed(first);
    const after = new Date(Date.parse(second.refreshableUntil) + 1_000).toISOString() as Instant;
    jest.spyOn(systemClock, 'now').mockReturnValue(after);
    expect([await refusal(second), await refusal(first), await refusal(second)]).toEqual(
      Array(3).fill('401 refresh-token-invalid'),
    );
  });
});

describe('what survives a restart', () => {
  let dataDir: string;
  let platform: TestPlatform;
  const restart = async (): Promise<void> => {
    platform = await startPlatform([accessControlService], { dataDir, environment: { LOGIN_FAILURES: '3' } });
  };

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sessions-'));
    await restart();
    await addAdministrator(platform.running.platform, ADA.email, PASSWORD);
  });

  afterAll(async () => {
    await platform.close();
    await rm(dataDir, { recursive: true });
  });

  it('is a session, and that an address is locked', async () => {
    const { body: session } = await platform.http.post<Login>('/auth/login', ADA);
    const attempt = async (password: string): Promise<number> =>
      (await platform.http.post('/auth/login', { ...ADA, password })).status;
    expect([await attempt('wrong'), await attempt('wrong')]).toEqual([401, 401]);
    await platform.close();
    await restart();
    expect([await attempt('wrong'), await attempt(PASSWORD)]).toEqual([401, 429]);
    await platform.close();
    await restart();
    expect(await attempt(PASSWORD)).toBe(429);
    const { refreshToken } = session;
    expect((await platform.http.post('/auth/refresh', { refreshToken })).status).toBe(200);
  });
});

describe('how often one client may ask', () => {
  it('is limited for logins and refreshes together', async () => {
    const platform = await startPlatform([accessControlService], { environment: { LOGINS_PER_MINUTE: '3' } });
    try {
      const statuses = [];
      for (const email of ['a@example.com', 'b@example.com'])
        statuses.push((await platform.http.post('/auth/login', { email, password: 'x' })).status);
      statuses.push((await platform.http.post('/auth/refresh', { refreshToken: 'x' })).status);
      const { status, body, headers } = await platform.http.post<Problem>('/auth/login', {
        email: 'c@example.com',
        password: 'x',
      });
      expect([...statuses, status]).toEqual([401, 401, 401, 429]);
      expect([body.code, Number(headers.get('retry-after')) > 0]).toEqual(['too-many-attempts', true]);
    } finally {
      await platform.close();
    }
  });
});
