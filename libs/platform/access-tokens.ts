import { hash, hkdfSync, randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { createDurably, writeDurably } from '#libs/durable-files';
import { type Revision } from '#libs/event-sourcing/event';
import { type ImpersonationId, type SessionId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { errorCode } from './error-code.ts';

const ISSUER = 'tributary';
const ALGORITHM = 'EdDSA';
/** Verified tokens remembered, at most; the oldest goes first. */
const REMEMBERED = 10_000;

/** What a valid token says. Instants are wall-clock milliseconds: a token's life has nothing to do with business time. */
export type VerifiedToken = Readonly<{
  userId: UserId;
  tokenId: string;
  /** The login that it stems from; null where nobody logged in for it. */
  sessionId: SessionId | null;
  /** When the user showed who they are: a token that is issued anew to the same session keeps it. */
  authenticatedAt: number;
  /** How the user comes to act, where it is not simply by having logged in. */
  acting: ActingClaims | null;
  issuedAt: number;
  expiresAt: number;
}>;

/** As whose user somebody acts; `origSince`: by the membership that began at this revision. */
export type Origin = Readonly<{ origTenant: TenantId | 'platform'; origSince: Revision }>;

type Place = Origin & Readonly<{ tenantId: TenantId }>;

/** What somebody acts by. */
export type ActingClaims =
  | (Place & Readonly<{ kind: 'switch' }>)
  | (Place &
      Readonly<{
        kind: 'impersonation';
        impersonationId: ImpersonationId;
        actorId: UserId;
        reason: string;
        /** The user's membership of the tenant, by the revision at which it began. */
        since: Revision;
      }>)
  /** `number` of the key that was shown for it. */
  | Readonly<{ kind: 'service-account'; number: number }>;

/** What a token says beside whose it is. */
export type TokenClaims = Readonly<{
  sessionId?: SessionId | undefined;
  /** Now, unless told. */
  authenticatedAt?: Instant;
  acting?: ActingClaims;
  /** Until when it counts, where that is not for the life of a token. */
  until?: Instant;
}>;

export type IssuedToken = Readonly<{ accessToken: string; expiresAt: string }>;

/**
 * Short-lived EdDSA tokens that name the user and nothing else: what the user may do is looked up on every request, so that a
 * revoked membership counts at once. The key pair lies in the data directory (mode 0600) and is made when missing.
 */
export class AccessTokens {
  readonly #privateKey: CryptoKey;
  readonly #publicKey: CryptoKey;
  readonly #secret: string;
  readonly #keyId: string;
  readonly #publicJwk: JWK;
  readonly #lifetimeMs: number;
  readonly #verified = new Map<string, VerifiedToken>();

  private constructor(
    [privateKey, publicKey]: readonly [CryptoKey, CryptoKey],
    secret: string,
    publicJwk: JWK & { kid: string },
    lifetimeMs: number,
  ) {
    this.#privateKey = privateKey;
    this.#publicKey = publicKey;
    this.#secret = secret;
    this.#publicJwk = publicJwk;
    this.#keyId = publicJwk.kid;
    this.#lifetimeMs = lifetimeMs;
  }

  /** @param lifetimeMinutes of the tokens that it issues */
  static async open(dataDir: string, lifetimeMinutes: number): Promise<AccessTokens> {
    const jwk = await keptKey(join(dataDir, 'keys'));
    const { d: secret, ...publicPart } = jwk;
    const privateKey = await importJWK(jwk, ALGORITHM);
    const publicKey = await importJWK(publicPart, ALGORITHM);
    if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array || secret === undefined)
      throw new Error('the token key is not a key pair');
    const kid = hash('sha256', String(jwk.x), 'base64url').slice(0, 16);
    const publicJwk = { ...publicPart, kid, use: 'sig', alg: ALGORITHM };
    return new AccessTokens([privateKey, publicKey], secret, publicJwk, lifetimeMinutes * 60_000);
  }

  async issue(
    userId: UserId,
    { sessionId, authenticatedAt, acting, until }: TokenClaims = {},
    now: Date = new Date(),
  ): Promise<IssuedToken> {
    // With its milliseconds: a login right after a revocation within the same second must count.
    const issuedAt = now.getTime() / 1_000;
    const expiresAt =
      until === undefined ? Math.floor(issuedAt) + this.#lifetimeMs / 1_000 : Math.floor(Date.parse(until) / 1_000);
    const claims = {
      ...(sessionId === undefined ? {} : { sid: sessionId }),
      ...(authenticatedAt === undefined ? {} : { auth_time: Date.parse(authenticatedAt) / 1_000 }),
      ...(acting && claimsOf(acting)),
    };
    const accessToken = await new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, kid: this.#keyId, typ: 'at+jwt' })
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setSubject(userId)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(this.#privateKey);
    return { accessToken, expiresAt: new Date(expiresAt * 1_000).toISOString() };
  }

  /** Undefined for anything but a token of ours that is still valid: the reason is nobody's business. */
  async verify(token: string, now: Date = new Date()): Promise<VerifiedToken | undefined> {
    const key = hash('sha256', token, 'base64');
    const known = this.#verified.get(key);
    if (known) {
      if (known.expiresAt > now.getTime()) return known;
      this.#verified.delete(key);
      return undefined;
    }
    try {
      const { payload } = await jwtVerify(token, this.#publicKey, {
        issuer: ISSUER,
        audience: ISSUER,
        algorithms: [ALGORITHM],
        typ: 'at+jwt',
        requiredClaims: ['sub', 'iat', 'exp', 'jti'],
        currentDate: now,
      });
      const { sub = '', jti = '', iat = 0, exp = 0, sid, auth_time: authenticated } = payload;
      const verified = {
        userId: sub as UserId,
        tokenId: jti,
        sessionId: typeof sid === 'string' ? (sid as SessionId) : null,
        authenticatedAt: Math.round((typeof authenticated === 'number' ? authenticated : iat) * 1_000),
        acting: actingIn(payload),
        issuedAt: Math.round(iat * 1_000),
        expiresAt: exp * 1_000,
      };
      this.#remember(key, verified);
      return verified;
    } catch {
      return undefined;
    }
  }

  /** How long a token that is issued now counts at most. */
  get lifetimeMs(): number {
    return this.#lifetimeMs;
  }

  /** 32 bytes that only processes with this data directory know, others for each purpose. */
  secretFor(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#secret, '', `tributary ${purpose}`, 32));
  }

  /** The public keys, RFC 7517. */
  jwks(): Readonly<{ keys: readonly JWK[] }> {
    return { keys: [this.#publicJwk] };
  }

  #remember(key: string, verified: VerifiedToken): void {
    const oldest = this.#verified.size >= REMEMBERED ? this.#verified.keys().next().value : undefined;
    if (oldest !== undefined) this.#verified.delete(oldest);
    this.#verified.set(key, verified);
  }
}

/** As the JWT has them: `act` after RFC 8693. */
const claimsOf = (acting: ActingClaims): JWTPayload => {
  if (acting.kind === 'service-account') return { keyNumber: acting.number };
  const { tenantId: tenant, origTenant, origSince } = acting;
  if (acting.kind === 'switch') return { tenant, origTenant, origSince };
  const { impersonationId: impersonation, actorId, reason, since } = acting;
  return { act: { sub: actorId }, impersonation, tenant, origTenant, origSince, reason, since };
};

/** What only we can have written, since the signature holds. */
const actingIn = (payload: JWTPayload): ActingClaims | null => {
  const { act, impersonation, tenant, origTenant, origSince, reason, since, keyNumber } = payload;
  if (typeof keyNumber === 'number') return { kind: 'service-account', number: keyNumber };
  if (typeof tenant !== 'string' || typeof origTenant !== 'string') return null;
  if (typeof origSince !== 'number') throw new Error('a context that does not say by which membership');
  const place = { tenantId: tenant as TenantId, origTenant: origTenant as TenantId | 'platform', origSince };
  if (typeof act !== 'object' || act === null) return { kind: 'switch', ...place };
  const actorId: unknown = Reflect.get(act, 'sub');
  const isWhole = typeof actorId === 'string' && typeof impersonation === 'string' && typeof reason === 'string';
  if (!isWhole || typeof since !== 'number') throw new Error('an impersonation that does not say of whom and by whom');
  return {
    kind: 'impersonation',
    impersonationId: impersonation as ImpersonationId,
    actorId: actorId as UserId,
    ...place,
    reason,
    since,
  };
};

const keptKey = async (folder: string): Promise<JWK> => {
  const file = join(folder, 'access-tokens.jwk.json');
  try {
    return JSON.parse(await readFile(file, 'utf8')) as JWK;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  const { privateKey } = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await createDurably(file, secret(jwk), randomUUID(), 0o600);
    return jwk;
  } catch (error) {
    // Another process that starts at the same time made one: all must sign with the same.
    if (errorCode(error) === 'EEXIST') return keptKey(folder);
    throw error;
  }
};

const secret = (content: unknown): string => `${JSON.stringify(content, null, 2)}\n`;

/** Whole or not at all, readable by the owner only. */
export const writeSecret = (file: string, content: unknown): Promise<void> =>
  writeDurably(file, secret(content), randomUUID(), 0o600);
