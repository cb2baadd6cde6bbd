import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SessionId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { AccessTokens } from './access-tokens.ts';

const USER = '0b1c2d3e-0000-4000-8000-000000000001' as UserId;
const SESSION = '0b1c2d3e-0000-4000-8000-000000000002' as SessionId;
const NOON = new Date('2026-01-31T12:00:00.250Z');
const minutesLater = (minutes: number): Date => new Date(NOON.getTime() + minutes * 60_000);

describe('access tokens', () => {
  let folder: string;
  let tokens: AccessTokens;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tokens-'));
    tokens = await AccessTokens.open(folder, 15);
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('name their user until they end', async () => {
    const { accessToken, expiresAt } = await tokens.issue(USER, {}, NOON);
    expect(expiresAt).toBe('2026-01-31T12:15:00.000Z');
    expect(await tokens.verify(accessToken, minutesLater(14))).toMatchObject({ userId: USER, issuedAt: NOON.getTime() });
    expect(await tokens.verify(accessToken, minutesLater(16))).toBeUndefined();
  });

  it('name the session that they stem from, if any, and when its user showed who they are', async () => {
    const { accessToken } = await tokens.issue(USER, { sessionId: SESSION }, NOON);
    expect(await tokens.verify(accessToken, NOON)).toMatchObject({ userId: USER, sessionId: SESSION });
    const authenticatedAt = '2026-01-31T09:00:00.125Z' as Instant;
    const { accessToken: anew } = await tokens.issue(USER, { sessionId: SESSION, authenticatedAt }, NOON);
    expect(await tokens.verify(anew, NOON)).toMatchObject({
      issuedAt: NOON.getTime(),
      authenticatedAt: Date.parse(authenticatedAt),
    });
    const { accessToken: without } = await tokens.issue(USER, {}, NOON);
    expect(await tokens.verify(without, NOON)).toMatchObject({ userId: USER, sessionId: null, authenticatedAt: NOON.getTime() });
  });

  it('end also when they were never looked at before', async () => {
    const { accessToken } = await tokens.issue(USER, {}, NOON);
    expect(await tokens.verify(accessToken, minutesLater(16))).toBeUndefined();
  });

  it('of another data directory do not count', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'tokens-'));
    const { accessToken } = await (await AccessTokens.open(elsewhere, 15)).issue(USER, {}, NOON);
    await rm(elsewhere, { recursive: true });
    expect(await tokens.verify(accessToken, NOON)).toBeUndefined();
  });

  it('survive a restart', async () => {
    const { accessToken } = await tokens.issue(USER, {}, NOON);
    const reopened = await AccessTokens.open(folder, 15);
    expect(await reopened.verify(accessToken, NOON)).toMatchObject({ userId: USER });
    expect(reopened.jwks()).toEqual(tokens.jwks());
  });

  it('that say they need no signature are refused', async () => {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { iss: 'tributary', aud: 'tributary', sub: USER, jti: 'x', iat: 0, exp: 9_999_999_999 };
    expect(await tokens.verify(`${part({ alg: 'none', typ: 'at+jwt' })}.${part(claims)}.`, NOON)).toBeUndefined();
  });

  it('are signed by a key that only its owner can read', async () => {
    const file = join(folder, 'keys', 'access-tokens.jwk.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toHaveProperty('d');
    expect(JSON.stringify(tokens.jwks())).not.toContain('"d"');
  });

  it('come with secrets, others for each purpose and each data directory, the same after a restart', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'tokens-'));
    const secrets = [
      tokens.secretFor('letters'),
      tokens.secretFor('sessions'),
      (await AccessTokens.open(elsewhere, 15)).secretFor('letters'),
    ].map((secret) => secret.toString('hex'));
    await rm(elsewhere, { recursive: true });
    expect(new Set(secrets).size).toBe(3);
    expect(secrets.every((secret) => secret.length === 64)).toBe(true);
    expect((await AccessTokens.open(folder, 15)).secretFor('letters').toString('hex')).toBe(secrets[0]);
  });
});
