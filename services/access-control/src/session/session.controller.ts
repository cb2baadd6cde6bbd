import { Body, Controller, Delete, Get, Inject, Param, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import { type FastifyRequest } from 'fastify';
import { type Command } from '#libs/event-sourcing/command';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf } from '#libs/platform/caller';
import { describeProblems } from '#libs/platform/problem-responses';
import { instant, page } from '#libs/platform/published-schemas';
import { AnyUser, InPerson, Public } from '#libs/platform/requires';
import { type Platform } from '#libs/platform/service';
import { choice, flag, list, named, nullable, object, saying, schema, text } from '#libs/platform/schema';
import { PLATFORM } from '#libs/platform/tokens';
import { type SessionId } from '#libs/published/ids';
import { type LoginMethod } from '#libs/published/access-control';
import { type Page } from '#libs/read-models/read-model';
import { type Instant } from '#libs/time/time';
import { PASSWORD_LENGTH } from '../credentials/password.ts';
import { deviceOf, type LoginAnswer, loginAnswer } from './login-answer.ts';
import { PasswordLogin } from './password-login.ts';
import { type Profile, profile, profileOf } from './profile.ts';
import { RequestRate } from './request-rate.ts';
import { Sessions } from './sessions.ts';

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

class RefreshInput {
  @IsString()
  @MinLength(1)
  @MaxLength(2_000)
  refreshToken!: string;
}

type ListedSession = Readonly<{
  id: SessionId;
  method: LoginMethod;
  device: string | null;
  openedAt: Instant;
  usedAt: Instant;
  refreshableUntil: Instant;
  isCurrent: boolean;
}>;
type JsonWebKeys = Readonly<{ keys: readonly object[] }>;

const listedSession = named(
  'Session',
  object<ListedSession>({
    id: schema<SessionId>({ type: 'string', format: 'uuid' }),
    method: choice('password', 'oidc'),
    device: saying('What the client called itself', nullable(text)),
    openedAt: instant,
    usedAt: saying('When it was refreshed last', instant),
    refreshableUntil: instant,
    isCurrent: saying('The one that this request belongs to', flag),
  }),
);

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
  readonly #passwords: PasswordLogin;
  readonly #sessions: Sessions;
  readonly #rate: RequestRate;

  constructor(@Inject(PLATFORM) platform: Platform, passwords: PasswordLogin, sessions: Sessions, rate: RequestRate) {
    this.#platform = platform;
    this.#passwords = passwords;
    this.#sessions = sessions;
    this.#rate = rate;
  }

  @Post('auth/login')
  @Public('whoever logs in has no token yet')
  @ApiOperation({
    summary: 'Log in',
    description:
      'Opens a session. The access token goes into `Authorization: Bearer …`; the refresh token gets the next ones. Failures in a row ' +
      'lock the address for a while; the activity logs of the tenants whose user has it tell of the lock.',
  })
  @Answers(200, loginAnswer)
  @describeProblems(401, 429, 503)
  async login(@Body() { email, password }: LoginInput, @Req() request: FastifyRequest): Promise<LoginAnswer> {
    this.#rate.count(request.ip);
    const { id } = await this.#passwords.verify(email, password);
    const issued = await this.#sessions.open(id, 'password', deviceOf(request));
    return { ...issued, user: await profileOf(this.#platform.readModels, id) };
  }

  @Post('auth/refresh')
  @Public('the refresh token is what it needs')
  @ApiOperation({
    summary: 'Get new tokens for a session',
    description:
      'Each refresh token counts once. One that comes again was stolen, or stolen from whoever used it first: the session ends, and ' +
      'every token that was issued to it.',
  })
  @Answers(200, loginAnswer)
  @describeProblems(401, 429, 503)
  async refresh(@Body() { refreshToken }: RefreshInput, @Req() request: FastifyRequest): Promise<LoginAnswer> {
    this.#rate.count(request.ip);
    const { userId, ...issued } = await this.#sessions.refresh(refreshToken);
    return { ...issued, user: await profileOf(this.#platform.readModels, userId) };
  }

  @Post('auth/logout')
  @AnswersNothing()
  @AnyUser()
  @InPerson()
  @ApiOperation({
    summary: 'Log out everywhere',
    description:
      'No token issued to the caller so far counts any longer, and no session of theirs can be refreshed. The activity logs of their ' +
      'tenants tell of it.',
  })
  async logout(@CallerOf() { userId }: Caller, @CommandOf() command: Command): Promise<void> {
    await this.#sessions.endAll(userId, command);
  }

  @Get('me/sessions')
  @AnyUser()
  @InPerson()
  @ApiOperation({ summary: 'Where am I logged in?', description: 'The newest first; those that have ended are not listed.' })
  @Answers(200, page(listedSession))
  async list(@CallerOf() { userId, sessionId }: Caller): Promise<Page<ListedSession>> {
    const items = (await this.#sessions.of(userId)).map(({ endsAt: _ends, generation: _generation, ...session }) => ({
      ...session,
      isCurrent: session.id === sessionId,
    }));
    return { items, nextCursor: null, total: items.length };
  }

  @Delete('me/sessions/:sessionId')
  @AnswersNothing()
  @AnyUser()
  @InPerson()
  @ApiOperation({
    summary: 'Log out of one session',
    description: 'None of its tokens counts any longer. The activity logs of the caller’s tenants tell of it.',
  })
  @describeProblems(404)
  async end(
    @Param('sessionId') sessionId: SessionId,
    @CallerOf() { userId }: Caller,
    @CommandOf() command: Command,
  ): Promise<void> {
    await this.#sessions.end(userId, sessionId, command);
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
    return profileOf(this.#platform.readModels, userId);
  }
}
