import { randomUUID } from 'node:crypto';
import { type Command, unrequested } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { handle, present } from '#libs/event-sourcing/handle';
import { type IssuedToken } from '#libs/platform/access-tokens';
import { Unauthenticated } from '#libs/platform/problem';
import { type Platform } from '#libs/platform/service';
import { type LoginMethod } from '#libs/published/access-control';
import { type SessionId, type UserId } from '#libs/published/ids';
import { type Instant, systemClock } from '#libs/time/time';
import { type UsersAbout } from '../activity/users-about.ts';
import { sealed, unsealed } from '../sealed-token.ts';
import { revokeSessionTokens, revokeTokens, userAccessOf } from '../user-access/user-access.ts';
import { tellLogin, tellLogout } from '../visit/visits.ts';
import { SessionConfiguration } from './session-configuration.ts';
import { end, endAll, lastsUntil, open, refresh, type Session, sessionsId, sessionsOf, yearOf } from './session.ts';

const DAY_MS = 86_400_000;
/** What a token that is issued while its session ends may live longer than that. */
const MARGIN_MS = 60_000;

/** What a login or a refresh gives to the client. */
export type IssuedSession = IssuedToken & Readonly<{ refreshToken: string; refreshableUntil: Instant }>;

export type OpenSession = Session & Readonly<{ id: SessionId; refreshableUntil: Instant }>;

/**
 * Logins that last. A refresh token names its session and its generation under our seal; what is kept is which generation counts, so
 * nothing that is kept can be used as a token. All instants are of the wall clock.
 */
export class Sessions {
  readonly #platform: Pick<Platform, 'store' | 'readModels' | 'accessTokens' | 'clock'>;
  readonly #users: UsersAbout;
  readonly #secret: Buffer;
  readonly #sessionMs: number;
  readonly #idleMs: number;

  constructor(platform: Pick<Platform, 'store' | 'readModels' | 'accessTokens' | 'configuration' | 'clock'>, users: UsersAbout) {
    const { sessionDays, sessionIdleDays } = platform.configuration(SessionConfiguration);
    this.#platform = platform;
    this.#users = users;
    this.#secret = platform.accessTokens.secretFor('refresh tokens');
    this.#sessionMs = sessionDays * DAY_MS;
    this.#idleMs = sessionIdleDays * DAY_MS;
  }

  /** For a user who has just shown who they are. */
  async open(userId: UserId, method: LoginMethod, device: string | null): Promise<IssuedSession> {
    const openedAt = systemClock.now();
    const endsAt = new Date(Date.parse(openedAt) + this.#sessionMs).toISOString() as Instant;
    const sessionId = randomUUID() as SessionId;
    const opening = { userId, sessionId, method, device, openedAt, endsAt };
    const id = sessionsId(userId, yearOf(openedAt));
    const command = unrequested(userId, openedAt);
    const businessCommand = { ...command, time: this.#platform.clock.now() };
    // At once, so that they share a turn.
    const [{ state }] = await Promise.all([
      handle(this.#platform.store, sessionsOf, id, open(opening), { command }),
      tellLogin(this.#platform, userId, method, businessCommand),
    ]);
    const session = state.get(sessionId);
    if (!session) throw new Error('a session is not there that was opened');
    await this.#users.noteLogin(userId, businessCommand);
    return this.#issued(userId, sessionId, session);
  }

  /**
   * New tokens for the session, once per refresh token. One that was used before ends its session, and what was issued to it.
   * @throws Unauthenticated
   */
  async refresh(token: string): Promise<IssuedSession & Readonly<{ userId: UserId }>> {
    const named = this.#named(token);
    if (!named) throw notRefreshable();
    const { userId, year, sessionId, generation } = named;
    const now = systemClock.now();
    const id = sessionsId(userId, year);
    const command = unrequested(userId, now);
    const decision = refresh(userId, sessionId, generation, now, this.#idleMs);
    const { state, events } = await handle(this.#platform.store, sessionsOf, id, decision, { command });
    const session = state.get(sessionId);
    if (!session || events.length === 0) {
      if (events.length > 0) await this.#revoke(userId, sessionId, now, command);
      throw notRefreshable();
    }
    const access = (await present(this.#platform.store, userAccessOf, userId)).state;
    const revoked = access.issuedSince !== null && session.openedAt < access.issuedSince;
    if (!access.open || revoked || access.ended.has(sessionId)) throw notRefreshable();
    await this.#users.noteLogin(userId, { ...command, time: this.#platform.clock.now() });
    return { ...(await this.#issued(userId, sessionId, session)), userId };
  }

  /** Those that can be refreshed, the newest first. */
  async of(userId: UserId): Promise<readonly OpenSession[]> {
    const now = systemClock.now();
    const { issuedSince } = (await present(this.#platform.store, userAccessOf, userId)).state;
    const all = await Promise.all(this.#streamsOf(userId, now).map((id) => present(this.#platform.store, sessionsOf, id)));
    return all
      .flatMap(({ state }) => [...state])
      .map(([id, session]) => ({ ...session, id, refreshableUntil: lastsUntil(session, this.#idleMs) }))
      .filter(({ refreshableUntil, openedAt }) => refreshableUntil > now && (issuedSince === null || openedAt >= issuedSince))
      .toSorted((a, b) => (a.openedAt > b.openedAt ? -1 : 1));
  }

  /** @throws DomainError `not-found` `session-not-found` */
  async end(userId: UserId, sessionId: SessionId, command: Command): Promise<void> {
    const now = systemClock.now();
    const { store } = this.#platform;
    const found = (await this.of(userId)).find(({ id }) => id === sessionId);
    const { ended } = (await present(store, userAccessOf, userId)).state;
    if (!found && !ended.has(sessionId)) throw new DomainError('not-found', 'session-not-found', 'You have no such session.');
    // What can be refreshed no more has its tokens revoked after that: none is issued in between.
    const ending = found && sessionsId(userId, yearOf(found.openedAt));
    const { events } = ending
      ? await handle(store, sessionsOf, ending, end(userId, sessionId, now), { command })
      : { events: [] };
    await Promise.all([
      this.#revoke(userId, sessionId, now, command),
      events.length > 0 && tellLogout(this.#platform, userId, false, command),
    ]);
  }

  /** No token counts any longer that was issued so far, and no session can be refreshed. */
  async endAll(userId: UserId, command: Command): Promise<void> {
    const now = systemClock.now();
    const { store } = this.#platform;
    await handle(store, userAccessOf, userId, revokeTokens(userId, now), { command });
    await Promise.all([
      ...this.#streamsOf(userId, now).map((id) => handle(store, sessionsOf, id, endAll(userId, now), { command })),
      tellLogout(this.#platform, userId, true, command),
    ]);
  }

  /** A session lasts half a year at most, so it began this year or the last. */
  #streamsOf(userId: UserId, now: Instant): readonly string[] {
    const year = Number(yearOf(now));
    return [year, year - 1].map((of) => sessionsId(userId, String(of)));
  }

  async #revoke(userId: UserId, sessionId: SessionId, now: Instant, command: Command): Promise<void> {
    const until = new Date(Date.parse(now) + this.#platform.accessTokens.lifetimeMs + MARGIN_MS).toISOString() as Instant;
    await handle(this.#platform.store, userAccessOf, userId, revokeSessionTokens(userId, sessionId, now, until), { command });
  }

  async #issued(userId: UserId, sessionId: SessionId, session: Session): Promise<IssuedSession> {
    const { openedAt, generation } = session;
    const issued = await this.#platform.accessTokens.issue(userId, { sessionId, authenticatedAt: openedAt });
    const refreshToken = sealed(this.#secret, [userId, yearOf(openedAt), sessionId, generation]);
    return { ...issued, refreshToken, refreshableUntil: lastsUntil(session, this.#idleMs) };
  }

  #named(token: string): Readonly<{ userId: UserId; year: string; sessionId: SessionId; generation: number }> | undefined {
    const [userId, year, sessionId, generation] = unsealed(this.#secret, token) ?? [];
    if (typeof userId !== 'string' || typeof year !== 'string' || typeof sessionId !== 'string') return undefined;
    if (typeof generation !== 'number') return undefined;
    return { userId: userId as UserId, year, sessionId: sessionId as SessionId, generation };
  }
}

const notRefreshable = (): Unauthenticated =>
  new Unauthenticated('refresh-token-invalid', 'The refresh token is not valid, or no longer. Log in again.');
