import { Body, Controller, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import { type FastifyRequest } from 'fastify';
import { Answers } from '#libs/platform/answers';
import { type Repeatable, RepeatableOf } from '#libs/platform/caller';
import { describeProblems } from '#libs/platform/problem-responses';
import { instant, role, tenantId, userId } from '#libs/platform/published-schemas';
import { Public } from '#libs/platform/requires';
import { flag, named, nullable, object, saying, text } from '#libs/platform/schema';
import { IsName, Optional } from '#libs/platform/validation';
import { PASSWORD_LENGTH } from '../credentials/password.ts';
import { RequestRate } from '../session/request-rate.ts';
import { Acceptance, type Accepted, type Opened } from './acceptance.ts';

class LetterInput {
  @IsString()
  @MinLength(1)
  @MaxLength(2_000)
  token!: string;
}

class AcceptanceInput extends LetterInput {
  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  password!: string;

  @Optional()
  @IsName()
  name?: string;
}

const opened = named(
  'OpenedInvitation',
  object<Opened>({
    email: text,
    name: nullable(text),
    tenantId,
    tenantName: text,
    role,
    expiresAt: instant,
    hasUser: saying('Whoever has a user already accepts with its password', flag),
  }),
);

const accepted = named('AcceptedInvitation', object<Accepted>({ userId, email: text, tenantId, tenantName: text, role }));

@ApiTags('access')
@Controller('invitations')
export class AcceptanceController {
  readonly #acceptance: Acceptance;
  readonly #rate: RequestRate;

  constructor(acceptance: Acceptance, rate: RequestRate) {
    this.#acceptance = acceptance;
    this.#rate = rate;
  }

  @Post('open')
  @Public('whoever has a letter has no user yet')
  @ApiOperation({
    summary: 'What does the link of this letter lead to?',
    description: 'The token is what follows `token=` in it.',
  })
  @Answers(200, opened)
  @describeProblems(422, 429, 503)
  async open(@Body() { token }: LetterInput, @Req() request: FastifyRequest): Promise<Opened> {
    this.#rate.count(request.ip);
    return this.#acceptance.open(token);
  }

  @Post('accept')
  @Public('whoever has a letter has no user yet')
  @ApiOperation({
    summary: 'Accept an invitation',
    description:
      'A new user chooses a password; somebody who has a user says its password. The name is needed when the invitation holds none. ' +
      'Of several who accept at once with different passwords one is answered 200; the others are 422 `invitation-accepted`, or 409 ' +
      '`invitation-being-accepted` as long as that one is on its way. One for a role that was removed is 422 ' +
      '`invitation-role-removed`.',
  })
  @Answers(200, accepted)
  @describeProblems(401, 409, 422, 429, 503)
  async accept(
    @Body() { token, password, name }: AcceptanceInput,
    @RepeatableOf() repeatable: Repeatable,
    @Req() request: FastifyRequest,
  ): Promise<Accepted> {
    this.#rate.count(request.ip);
    return this.#acceptance.accept(token, password, name ?? null, repeatable);
  }
}
