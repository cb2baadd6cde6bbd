import { Body, Controller, Get, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import { type Membership } from '#libs/access-policy/policy';
import { memberships } from '#libs/access-policy/memberships.projection';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { normalised } from '#libs/event-sourcing/claims';
import { type Command } from '#libs/event-sourcing/command';
import { handle, present } from '#libs/event-sourcing/handle';
import { type IssuedToken } from '#libs/platform/access-tokens';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf } from '#libs/platform/caller';
import { SecurityConfiguration } from '#libs/platform/configuration';
import { TooManyAttempts, Unauthenticated } from '#libs/platform/problem';
import { describeProblems } from '#libs/platform/problem-responses';
import { role, tenantId, userId } from '#libs/platform/published-schemas';
import { AnyUser, Public } from '#libs/platform/requires';
import { type Platform } from '#libs/platform/service';
import { choice, list, named, nullable, object, oneOf, saying, schema, text } from '#libs/platform/schema';
import { PLATFORM } from '#libs/platform/tokens';
import { type UserId } from '#libs/published/ids';
import { systemClock } from '#libs/time/time';
import { credentials } from '../credentials/credentials.ts';
import { PASSWORD_LENGTH, PasswordCheck } from '../credentials/password.ts';
import { revokeTokens, userAccessOf } from '../user-access/user-access.ts';
import { userList, type UserRow } from '../user-list/user-list.projection.ts';
import { LoginThrottle } from './login-throttle.ts';

class LoginInput {
  @IsString()
  @MinLength(1)
  @MaxLength(320)
  email!: string;

  @IsString()
  @MinLength(1)
  @MaxLength(PASSWORD_LENGTH.max)
  password!: string;
}

/** Somebody as they see themselves. */
type Profile = Readonly<{
  id: UserId;
  email: string;
  name: string;
  memberships: readonly NamedMembership[];
}>;

type NamedMembership = Readonly<Pick<Membership, 'tenantId' | 'role'> & { tenantName: string | null }>;
type LoginAnswer = IssuedToken & Readonly<{ user: Profile }>;
type JsonWebKeys = Readonly<{ keys: readonly object[] }>;

const profile = named(
  'Profile',
  object<Profile>({
    id: userId,
    email: text,
    name: text,
    memberships: list(
      object<NamedMembership>({
        tenantId: saying('`platform` for whoever runs it', oneOf(tenantId, choice('platform'))),
        role,
        tenantName: saying('Null for the platform', nullable(text)),
      }),
    ),
  }),
);

const loginAnswer = object<LoginAnswer>({
  accessToken: text,
  expiresAt: schema({ type: 'string', format: 'date-time' }),
  user: profile,
});

const jsonWebKeys = object<JsonWebKeys>({
  keys: list(
    schema<object>({
      type: 'object',
      properties: Object.fromEntries(['kty', 'crv', 'x', 'kid', 'use', 'alg'].map((name) => [name, { type: 'string' }])),
      required: ['kty', 'crv', 'x', 'kid', 'use', 'alg'],
    }),
  ),
});

@ApiTags('access')
@Controller()
export class SessionController {
  readonly #platform: Platform;
  readonly #passwords: PasswordCheck;
  readonly #throttle: LoginThrottle;

  constructor(@Inject(PLATFORM) platform: Platform) {
    const { loginFailures, loginLockMinutes } = platform.configuration(SecurityConfiguration);
    this.#platform = platform;
    this.#passwords = new PasswordCheck(platform.newId());
    this.#throttle = new LoginThrottle(loginFailures, loginLockMinutes);
  }

  @Post('auth/login')
  @Public('whoever logs in has no token yet')
  @ApiOperation({
    summary: 'Log in',
    description: 'The access token goes into `Authorization: Bearer …`. Failures in a row lock the address for a while.',
  })
  @Answers(200, loginAnswer)
  @describeProblems(401, 429)
  async login(@Body() { email, password }: LoginInput): Promise<LoginAnswer> {
    const address = normalised(email);
    const wait = this.#throttle.begin(address, Date.parse(systemClock.now()));
    if (wait > 0) throw new TooManyAttempts('Too many logins have failed for this e-mail address. Try again later.', wait);
    const person = await this.#verified(address, password).catch((error: unknown) => {
      if (!(error instanceof Unauthenticated)) this.#throttle.undecided(address);
      throw error;
    });
    this.#throttle.succeeded(address);
    return { ...(await this.#platform.accessTokens.issue(person.id)), user: await this.#profileOf(person.id) };
  }

  @Post('auth/logout')
  @AnswersNothing()
  @AnyUser()
  @ApiOperation({ summary: 'Log out everywhere', description: 'No token issued to the caller so far counts any longer.' })
  async logout(@CallerOf() { userId }: Caller, @CommandOf() command: Command): Promise<void> {
    await handle(this.#platform.store, userAccessOf, userId, revokeTokens(userId, systemClock.now()), { command });
  }

  @Get('auth/jwks')
  @Public('the keys are public')
  @ApiOperation({ summary: 'The public keys of access tokens, RFC 7517' })
  @Answers(200, jsonWebKeys)
  jwks(): JsonWebKeys {
    return this.#platform.accessTokens.jwks();
  }

  @Get('me')
  @AnyUser()
  @ApiOperation({ summary: 'Who am I, and what may I do where?' })
  @Answers(200, profile)
  me(@CallerOf() { userId }: Caller): Promise<Profile> {
    return this.#profileOf(userId);
  }

  /** Whose address and password these are. @throws Unauthenticated */
  async #verified(address: string, password: string): Promise<UserRow> {
    const person = await this.#personWith(address);
    const { passwordHash } = person
      ? (await present(this.#platform.store, credentials, person.id)).state
      : { passwordHash: null };
    const matches = await this.#passwords.matches(password, passwordHash);
    if (!person || !matches || !(await this.#mayLogIn(person.id))) {
      throw new Unauthenticated('login-failed', 'E-mail address and password do not match.');
    }
    return person;
  }

  async #personWith(emailKey: string): Promise<UserRow | undefined> {
    const { items } = await this.#platform.readModels.of(userList).find({ filter: { emailKey }, limit: 1 });
    return items[0];
  }

  async #mayLogIn(userId: UserId): Promise<boolean> {
    return (await present(this.#platform.store, userAccessOf, userId)).state.open;
  }

  async #profileOf(userId: UserId): Promise<Profile> {
    const { readModels } = this.#platform;
    const person = await readModels.of(userList).get(userId);
    const held = await readModels.of(memberships).all({ userId, enabled: true });
    const named = held.map(async ({ tenantId, role }) => ({
      tenantId,
      role,
      tenantName: tenantId === 'platform' ? null : ((await readModels.of(tenantTree).get(tenantId))?.name ?? null),
    }));
    return { id: userId, email: person?.email ?? '', name: person?.name ?? '', memberships: await Promise.all(named) };
  }
}
