import { Body, Controller, Get, Inject, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import { type FastifyRequest } from 'fastify';
import { Answers } from '#libs/platform/answers';
import { describeProblems } from '#libs/platform/problem-responses';
import { Public } from '#libs/platform/requires';
import { flag, object, saying, text } from '#libs/platform/schema';
import { READ_MODELS } from '#libs/platform/tokens';
import { type ReadModels } from '#libs/read-models/read-model';
import { deviceOf, type LoginAnswer, loginAnswer } from '../session/login-answer.ts';
import { RequestRate } from '../session/request-rate.ts';
import { profileOf } from '../session/profile.ts';
import { Sessions } from '../session/sessions.ts';
import { type Begun, OidcLogin } from './oidc-login.ts';

class FinishInput {
  @IsString()
  @MinLength(1)
  @MaxLength(2_000)
  transaction!: string;

  /** What stands behind the `?` of the address that the provider sent the browser back to. */
  @IsString()
  @MinLength(1)
  @MaxLength(8_000)
  query!: string;
}

type Methods = Readonly<{ password: boolean; oidc: boolean }>;

@ApiTags('access')
@Controller('auth')
export class OidcController {
  readonly #oidc: OidcLogin;
  readonly #sessions: Sessions;
  readonly #readModels: ReadModels;
  readonly #rate: RequestRate;

  constructor(oidc: OidcLogin, sessions: Sessions, rate: RequestRate, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#oidc = oidc;
    this.#sessions = sessions;
    this.#readModels = readModels;
    this.#rate = rate;
  }

  @Get('methods')
  @Public('whoever logs in has no token yet')
  @ApiOperation({ summary: 'How can one log in here?' })
  @Answers(200, object<Methods>({ password: flag, oidc: saying('By an OpenID provider', flag) }))
  methods(): Methods {
    return { password: true, oidc: this.#oidc.isOffered };
  }

  @Post('oidc/begin')
  @Public('whoever logs in has no token yet')
  @ApiOperation({
    summary: 'Begin a login by the identity provider',
    description:
      'Keep the transaction in the browser and send it to the address. It comes back to the page that is configured (OIDC_REDIRECT_URL), ' +
      'which finishes the login within ten minutes.',
  })
  @Answers(200, object<Begun>({ authorizationUrl: text, transaction: text }))
  @describeProblems(422, 429, 503)
  async begin(@Req() request: FastifyRequest): Promise<Begun> {
    this.#rate.count(request.ip);
    return this.#oidc.begin();
  }

  @Post('oidc/finish')
  @Public('whoever logs in has no token yet')
  @ApiOperation({
    summary: 'Finish a login by the identity provider',
    description:
      'Opens a session for the user who is bound to the provider’s subject, whatever address it has there now. One that comes for the ' +
      'first time is bound to the user with the e-mail address that the provider has verified, unless that user is bound to another.',
  })
  @Answers(200, loginAnswer)
  @describeProblems(401, 422, 429, 503)
  async finish(@Body() { transaction, query }: FinishInput, @Req() request: FastifyRequest): Promise<LoginAnswer> {
    this.#rate.count(request.ip);
    const userId = await this.#oidc.finish(transaction, query);
    const issued = await this.#sessions.open(userId, 'oidc', deviceOf(request));
    return { ...issued, user: await profileOf(this.#readModels, userId) };
  }
}
