import { Body, Controller, Delete, Get, Inject, Param, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { setTimeout as timeout } from 'node:timers/promises';
import { type Logger } from 'pino';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Bus, type ConsumerStatus, type Failure, type Parked } from '#libs/messaging/bus';
import { pageOf } from '#libs/read-models/cursor';
import { type Page } from '#libs/read-models/read-model';
import {
  type ProjectionStatus,
  type Progress,
  type Quarantined,
  type ReadModelUpkeep,
  type Retried,
} from '#libs/read-models/upkeep';
import { Answers, AnswersNothing } from './answers.ts';
import { type Caller, CallerOf } from './caller.ts';
import { describeProblems } from './problem-responses.ts';
import { page } from './published-schemas.ts';
import { Requires } from './requires.ts';
import { anything, choice, count, flag, integer, nullable, object, saying, schema, text } from './schema.ts';
import { IsName, Optional, PageQuery, paging } from './validation.ts';

/** `Upkeep`. */
export const UPKEEP = Symbol('upkeep');

export type Upkeep = Readonly<{
  readModels: ReadModelUpkeep;
  bus: Bus;
  log: Logger;
  /** What works with read models looks again: rows of theirs have changed without an event. */
  wake: () => void;
}>;

class RetryQuarantinedInput {
  @Optional()
  @IsName(200)
  readModel?: string;
}

class RetryParkedInput {
  @Optional()
  @IsName(500)
  target?: string;
}

class ParkedQuery extends PageQuery {
  @Optional()
  @IsName(200)
  reaction?: string;
}

/** Where processes share the read models, the store has to be asked whether another one replays already. */
const REFUSED_WITHIN_MS = 100;

type ParkedMessage = Omit<Parked, 'bytes'> & Readonly<{ event: unknown }>;
type RetriedParked = Readonly<{ handled: number; remaining: number }>;

const position = saying('Place in the log', integer);
const progress = object<Progress>({
  done: saying('Events of the log passed', count),
  total: saying('and in it', count),
  eventsPerSecond: nullable(schema<number>({ type: 'number' })),
  secondsLeft: nullable(schema<number>({ type: 'number' })),
});
const readModel = object<ProjectionStatus>({
  projection: text,
  version: integer,
  state: choice('building', 'behind', 'serving'),
  generation: nullable(integer),
  position,
  lag: saying('Log positions not folded yet', count),
  quarantined: saying('Parts that wait for a fix, and streams that had to be stopped', count),
  error: saying('Why it is behind, or what ended the last replay', nullable(text)),
  progress: saying('Of the generation being built', nullable(progress)),
});
const stream = schema<Quarantined['stream']>({ type: 'string', example: 'tenants.tenant-…' });
const quarantined = object<Quarantined>({
  projection: text,
  document: saying('Null: the whole stream had to be stopped', nullable(text)),
  part: nullable(text),
  stream,
  revision: integer,
  error: text,
});
const failure = object<Failure>({
  event: nullable(object<NonNullable<Failure['event']>>({ stream, revision: integer, position })),
  message: text,
  attempts: count,
});
const reaction = object<ConsumerStatus>({
  consumer: text,
  state: choice('running', 'retrying', 'stopped', 'ended'),
  position,
  lag: saying('Log positions not handled yet', count),
  parked: count,
  failure: nullable(failure),
});
const parkedMessage = object<ParkedMessage>({
  consumer: text,
  target: text,
  eventId: text,
  position,
  stream,
  revision: integer,
  reason: text,
  behind: saying('It only waits for an earlier one of its target', flag),
  parkedAt: schema<Parked['parkedAt']>({ type: 'string', format: 'date-time' }),
  event: saying('The message as it was delivered', anything),
});

/** What an operator does about read models and reactions that do not get on. Nothing here changes what is true, so all of it may be repeated. */
@ApiTags('operations')
@Controller('operations')
export class UpkeepController {
  readonly #readModels: ReadModelUpkeep;
  readonly #bus: Bus;
  readonly #log: Logger;
  readonly #wake: () => void;

  constructor(@Inject(UPKEEP) { readModels, bus, log, wake }: Upkeep) {
    this.#readModels = readModels;
    this.#bus = bus;
    this.#log = log;
    this.#wake = wake;
  }

  @Get('read-models')
  @Requires('operations:read', 'platform')
  @ApiOperation({ summary: 'How far each read model is', description: '`progress` while it is being replayed.' })
  @Answers(200, page(readModel))
  async readModels(@Query() query: PageQuery): Promise<Page<ProjectionStatus>> {
    return paged(await this.#readModels.status(), ({ projection }) => projection, query);
  }

  @Put('read-models/:name/replay')
  @Requires('operations:write', 'platform')
  @ApiOperation({
    summary: 'Build a read model anew from the log',
    description:
      'The present one answers until the new one takes its place; `GET /operations/read-models` shows the progress. A second ' +
      'replay of the same read model is 409 `replay-running`.',
  })
  @Answers(202, readModel)
  @describeProblems(404, 409)
  async replay(@Param('name') name: string, @CallerOf() { userId }: Caller): Promise<ProjectionStatus> {
    const log = this.#log.child({ readModel: name });
    const replay = this.#readModels.replay(name);
    // What is refused is refused at once; what begins is told by the status from here on, its early end included.
    const refused = replay.catch((error: unknown) => {
      if (error instanceof DomainError) throw error;
    });
    await Promise.race([refused, timeout(REFUSED_WITHIN_MS)]);
    log.info({ userId }, 'replay asked for');
    replay.then(
      () => {
        log.info('replayed');
      },
      (error: unknown) => {
        log.warn({ err: error }, 'replay ended early');
      },
    );
    const status = (await this.#readModels.status()).find(({ projection }) => projection === name);
    if (!status) throw new Error(`${name} is replayed without a status`);
    return status;
  }

  @Delete('read-models/:name/replay')
  @AnswersNothing()
  @Requires('operations:write', 'platform')
  @ApiOperation({ summary: 'Give a replay up', description: 'The present read model goes on answering.' })
  @describeProblems(404, 409)
  async cancelReplay(@Param('name') name: string, @CallerOf() { userId }: Caller): Promise<void> {
    this.#log.info({ userId, readModel: name }, 'end of a replay asked for');
    await this.#readModels.cancelReplay(name);
  }

  @Get('quarantine')
  @Requires('operations:read', 'platform')
  @ApiOperation({
    summary: 'Events that a read model could not fold',
    description: 'Rows that need them answer 503 until a retry.',
  })
  @Answers(200, page(quarantined))
  async quarantine(@Query() query: PageQuery): Promise<Page<Quarantined>> {
    const keyOf = (of: Quarantined): string => JSON.stringify([of.projection, of.document, of.part, of.stream]);
    return paged(await this.#readModels.quarantined(), keyOf, query);
  }

  @Put('quarantine/retry')
  @Requires('operations:write', 'platform')
  @ApiOperation({ summary: 'Fold again what waits in quarantine', description: 'Of one read model or of all.' })
  @Answers(200, object<Retried>({ retried: count, remaining: count }))
  @describeProblems(404, 503)
  async retryQuarantined(@Body() { readModel: name }: RetryQuarantinedInput, @CallerOf() { userId }: Caller): Promise<Retried> {
    this.#log.info({ userId, readModel: name }, 'retry of the quarantine asked for');
    const retried = await this.#readModels.retry(name);
    this.#wake();
    return retried;
  }

  @Get('reactions')
  @Requires('operations:read', 'platform')
  @ApiOperation({ summary: 'How far each reaction is, and why one does not get on' })
  @Answers(200, page(reaction))
  async reactions(@Query() query: PageQuery): Promise<Page<ConsumerStatus>> {
    return paged(await this.#bus.status(), ({ consumer }) => consumer, query);
  }

  @Get('parked')
  @Requires('operations:read', 'platform')
  @ApiOperation({ summary: 'Messages that reactions have set aside', description: 'In the order of the log.' })
  @Answers(200, page(parkedMessage))
  async parked(@Query() query: ParkedQuery): Promise<Page<ParkedMessage>> {
    const found = paged(await this.#bus.parked(query.reaction), inLogOrder, query);
    return { ...found, items: found.items.map(({ bytes, ...message }) => ({ ...message, event: JSON.parse(bytes) as unknown })) };
  }

  @Put('reactions/:name/retry')
  @Requires('operations:write', 'platform')
  @ApiOperation({
    summary: 'Deliver parked messages again, in order',
    description: 'Of one target or of all. A target whose message fails again stays parked from there on.',
  })
  @Answers(200, object<RetriedParked>({ handled: count, remaining: count }))
  @describeProblems(404, 409)
  retryParked(
    @Param('name') name: string,
    @Body() { target }: RetryParkedInput,
    @CallerOf() { userId }: Caller,
  ): Promise<RetriedParked> {
    this.#log.info({ userId, reaction: name, target }, 'retry of parked messages asked for');
    return this.#bus.retryParked(name, target);
  }

  @Delete('reactions/:name/parked/:eventId')
  @AnswersNothing()
  @Requires('operations:write', 'platform')
  @ApiOperation({ summary: 'Give a parked message up for good', description: 'Those behind it wait for a retry.' })
  @describeProblems(404)
  async drop(@Param('name') name: string, @Param('eventId') eventId: string, @CallerOf() { userId }: Caller): Promise<void> {
    await this.#bus.dropParked(name, eventId);
    this.#log.warn({ userId, reaction: name, eventId }, 'parked message dropped');
  }
}

const LONGEST_POSITION = String(Number.MAX_SAFE_INTEGER).length;
const inLogOrder = ({ position: at, consumer, eventId }: Parked): string =>
  `${String(at).padStart(LONGEST_POSITION, '0')} ${consumer} ${eventId}`;

const paged = <Item>(items: readonly Item[], keyOf: (item: Item) => string, query: PageQuery): Page<Item> =>
  pageOf(
    items.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    keyOf,
    paging(query),
  );
