import type * as OpenIdClient from 'openid-client';
import { unrequested } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { Unauthenticated } from '#libs/platform/problem';
import { type Platform } from '#libs/platform/service';
import { type UserId } from '#libs/published/ids';
import { systemClock } from '#libs/time/time';
import { bind, userBoundTo } from '../identity/binding.ts';
import { type Subject } from '../identity/identity.ts';
import { InvitationConfiguration } from '../invitation/invitation-configuration.ts';
import { sealed, unsealed } from '../sealed-token.ts';
import { mayLogIn, userWithAddress } from '../session/password-login.ts';
import { OidcConfiguration } from './oidc-configuration.ts';

/** From the beginning of a login to its end. */
const PATIENCE_MS = 600_000;
const ANSWER_SECONDS = 10;

/** Where to send the browser, and what it has to bring back with what the provider gives it. */
export type Begun = Readonly<{ authorizationUrl: string; transaction: string }>;

/** Who the provider says it is. */
type Stated = Subject & Readonly<{ email: string | null; emailVerified: boolean }>;

/** The library comes with the first provider: most platforms have none. */
type Discovered = Readonly<{ client: typeof OpenIdClient; provider: OpenIdClient.Configuration }>;

type Transaction = Readonly<{ state: string; nonce: string; verifier: string }>;

/**
 * Logging in by an OpenID provider: authorization code with PKCE, found by discovery. What has to be known at the end is sealed and
 * goes with the browser, so any process can finish, and nobody can have another browser finish for them. Whoever comes
 * for the first time is found by the address that the provider has verified; from then on user and subject stay bound to each other,
 * because the address may get another owner there.
 */
export class OidcLogin {
  readonly #platform: Pick<Platform, 'store' | 'readModels' | 'log'>;
  readonly #settings: OidcConfiguration;
  readonly #secret: Buffer;
  readonly #redirectUrl: string;
  #found: Promise<Discovered> | undefined;

  constructor(platform: Pick<Platform, 'store' | 'readModels' | 'log' | 'accessTokens' | 'configuration'>) {
    this.#platform = platform;
    this.#settings = platform.configuration(OidcConfiguration);
    this.#secret = platform.accessTokens.secretFor('oidc logins');
    const { publicUrl } = platform.configuration(InvitationConfiguration);
    this.#redirectUrl =
      this.#settings.oidcRedirectUrl === '' ? `${publicUrl.replace(/\/$/, '')}/login/oidc` : this.#settings.oidcRedirectUrl;
  }

  get isOffered(): boolean {
    return this.#settings.oidcIssuer !== '';
  }

  /** @throws DomainError `rejected` `oidc-not-configured`, `unavailable` `identity-provider-unavailable` */
  async begin(): Promise<Begun> {
    const { client, provider } = await this.#discovered();
    const state = client.randomState();
    const nonce = client.randomNonce();
    const verifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(provider, {
      redirect_uri: this.#redirectUrl,
      scope: 'openid email profile',
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const until = Date.parse(systemClock.now()) + PATIENCE_MS;
    return { authorizationUrl: url.href, transaction: sealed(this.#secret, [state, nonce, verifier, until]) };
  }

  /**
   * @param query what the provider added to the address that it sent the browser back to
   * @throws Unauthenticated when it does not belong to the transaction, the provider refuses it, or nobody here is meant by it;
   * DomainError as `begin`
   */
  async finish(transaction: string, query: string): Promise<UserId> {
    const begun = this.#opened(transaction);
    if (!begun) throw failed();
    const stated = await this.#stated(await this.#discovered(), begun, query);
    const { store } = this.#platform;
    const bound = await userBoundTo(store, stated);
    const userId = bound ?? (await this.#withAddress(stated));
    if (userId === undefined || !(await mayLogIn(this.#platform, { id: userId }))) throw failed();
    const isTheirs = bound !== undefined || (await bind(store, userId, stated, unrequested(userId, systemClock.now())));
    if (!isTheirs) throw failed();
    return userId;
  }

  async #stated({ client, provider }: Discovered, { state, nonce, verifier }: Transaction, query: string): Promise<Stated> {
    const address = new URL(this.#redirectUrl);
    address.search = query;
    try {
      const tokens = await client.authorizationCodeGrant(provider, address, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (!claims) throw failed();
      const { iss, sub } = claims;
      const { email, email_verified: verified } =
        claims['email'] === undefined ? await client.fetchUserInfo(provider, tokens.access_token, sub) : claims;
      return { issuer: iss, subject: sub, email: typeof email === 'string' ? email : null, emailVerified: verified === true };
    } catch (error) {
      throw this.#judged(client, error);
    }
  }

  async #withAddress({ email, emailVerified }: Stated): Promise<UserId | undefined> {
    return email !== null && emailVerified ? (await userWithAddress(this.#platform, email))?.id : undefined;
  }

  #opened(transaction: string): Transaction | undefined {
    const [state, nonce, verifier, until] = unsealed(this.#secret, transaction) ?? [];
    if (typeof state !== 'string' || typeof nonce !== 'string' || typeof verifier !== 'string') return undefined;
    if (typeof until !== 'number' || until < Date.parse(systemClock.now())) return undefined;
    return { state, nonce, verifier };
  }

  /** Once, as soon as somebody needs it; a provider that does not answer is asked again the next time. */
  async #discovered(): Promise<Discovered> {
    const { oidcIssuer, oidcClientId, oidcClientSecret } = this.#settings;
    if (oidcIssuer === '')
      throw new DomainError('rejected', 'oidc-not-configured', 'No identity provider is configured here: log in by password.');
    const discover = async (): Promise<Discovered> => {
      const client = await import('openid-client');
      const issuer = new URL(oidcIssuer);
      const provider = await client.discovery(issuer, oidcClientId, oidcClientSecret, undefined, {
        timeout: ANSWER_SECONDS,
        ...(issuer.protocol === 'http:' ? { execute: [client.allowInsecureRequests] } : {}),
      });
      return { client, provider };
    };
    this.#found ??= discover();
    try {
      return await this.#found;
    } catch (error) {
      this.#found = undefined;
      throw this.#unavailable(error);
    }
  }

  /** What the provider says no to is the caller's doing; that it does not answer is not. */
  #judged(client: Discovered['client'], error: unknown): unknown {
    if (error instanceof Unauthenticated) return error;
    const isRefusal =
      error instanceof client.AuthorizationResponseError ||
      error instanceof client.ResponseBodyError ||
      (error instanceof client.ClientError && error.code !== undefined && REFUSED.has(error.code));
    if (!isRefusal) return this.#unavailable(error);
    this.#platform.log.info(
      { reason: error instanceof Error ? error.message : '' },
      'an identity provider did not confirm a login',
    );
    return failed();
  }

  #unavailable(error: unknown): DomainError {
    this.#platform.log.warn({ err: error }, 'the identity provider does not answer');
    return new DomainError('unavailable', 'identity-provider-unavailable', 'The identity provider does not answer. Try again.');
  }
}

/** Codes of openid-client for an answer that is not what was asked for: its state, its nonce, its signature. */
const REFUSED = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_INVALID_REQUEST',
]);

const failed = (): Unauthenticated =>
  new Unauthenticated('oidc-login-failed', 'The identity provider did not confirm a login of anybody known here.');
