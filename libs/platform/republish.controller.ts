import { Body, Controller, Inject, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { type Position } from '#libs/event-sourcing/event';
import { Answers } from './answers.ts';
import { describeProblems } from './problem-responses.ts';
import { Requires } from './requires.ts';
import { integer, object, saying } from './schema.ts';
import { Optional } from './validation.ts';

/** `Shared['republish']`. */
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

/**
 * Where services are processes of their own: for a topic that was lost, or a reader that must see everything anew. Whoever had the
 * messages passes the repeated ones by.
 */
@ApiTags('operations')
@Controller('operations')
export class RepublishController {
  readonly #republish: (from: Position) => Promise<void>;

  constructor(@Inject(REPUBLISHING) republish: (from: Position) => Promise<void>) {
    this.#republish = republish;
  }

  @Put('republish')
  @Answers(202, object<Republishing>({ from: saying('Position of the first event that is published again', integer) }))
  @Requires('operations:write', 'platform')
  @ApiOperation({
    summary: 'Publish the events of the log again',
  })
  @describeProblems(503)
  async republish(@Body() { from = 1 }: RepublishInput): Promise<Republishing> {
    await this.#republish(from);
    return { from };
  }
}
