import { Body, Controller, Inject, Optional as Absent, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Position } from '#libs/event-sourcing/event';
import { Answers } from './answers.ts';
import { describeProblems } from './problem-responses.ts';
import { Requires } from './requires.ts';
import { integer, object, saying } from './schema.ts';
import { Optional } from './validation.ts';

/** `Shared['republish'] | undefined`. */
export const REPUBLISHING = Symbol('republishing');

type Republishing = Readonly<{ from: Position }>;

class RepublishInput {
  /** Position of the first event that is published again; without it everything is. */
  @Optional()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  from?: number;
}

/** For a topic that was lost, or a reader that must see everything anew: whoever had the messages passes the repeated ones by. */
@ApiTags('operations')
@Controller('operations')
export class RepublishController {
  readonly #republish: ((from: Position) => Promise<void>) | undefined;

  constructor(@Absent() @Inject(REPUBLISHING) republish: ((from: Position) => Promise<void>) | undefined) {
    this.#republish = republish;
  }

  @Put('republish')
  @Answers(202, object<Republishing>({ from: saying('Position of the first event that is published again', integer) }))
  @Requires('operations:write', 'platform')
  @ApiOperation({
    summary: 'Publish the events of the log again',
    description: 'In order. 422 `nothing-published` where services share one process.',
  })
  @describeProblems(422, 503)
  async republish(@Body() { from = 1 }: RepublishInput): Promise<Republishing> {
    if (!this.#republish)
      throw new DomainError('rejected', 'nothing-published', 'The services share this process: it publishes nothing.');
    await this.#republish(from);
    return { from };
  }
}
