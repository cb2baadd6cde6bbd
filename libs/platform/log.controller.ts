import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Controller, Get, Inject, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { Transform } from 'class-transformer';
import { type FastifyReply } from 'fastify';
import { type Category, categoryOf, type Position } from '#libs/event-sourcing/event';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { Answers } from './answers.ts';
import { LongRunning } from './long-running.ts';
import { Requires } from './requires.ts';
import { schema } from './schema.ts';
import { type Storage } from './storage.ts';
import { Optional } from './validation.ts';

/** `ExportedLog`. */
export const EXPORTED_LOG = Symbol('exported log');

export type ExportedLog = Pick<Storage, 'stored' | 'store'> & Readonly<{ secrets: ReadonlySet<Category> }>;

const wholeNumber = ({ value }: Readonly<{ value: unknown }>): unknown =>
  typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;

class LogQuery {
  @Optional()
  @Transform(wholeNumber)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  @ApiPropertyOptional({ type: 'integer', description: 'Position of the last event that is known already', default: 0 })
  after?: number;

  @Optional()
  @Transform(wholeNumber)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  @ApiPropertyOptional({ type: 'integer', description: 'Most events of this answer', default: 100_000 })
  limit?: number;
}

const PAGE = 500;
const LIMIT = 100_000;

/** The log as it is stored, for other systems and for a look at it. */
@ApiTags('operations')
@Controller('operations/log')
export class LogController {
  readonly #log: ExportedLog;

  constructor(@Inject(EXPORTED_LOG) log: ExportedLog) {
    this.#log = log;
  }

  @Get()
  @LongRunning()
  @Requires('operations:read', 'platform')
  @Answers(200, schema<StreamableFile>({ type: 'string', description: 'An event as JSON on each line' }), {
    mediaType: 'application/x-ndjson',
    headers: ['X-Log-Head'],
  })
  @ApiOperation({
    summary: 'Events of the log, in order',
    description:
      'A line has `position`, `stream`, `revision`, `type`, `data`, `metadata` and `eventId`, as they were written. Where the data ' +
      'are secret (password hashes) the line has `data: null` and `withheld: true`. Go on `after` the last whole line until an ' +
      'answer is empty.',
  })
  async events(
    @Query() { after = 0, limit = LIMIT }: LogQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const head = await this.#log.store.head();
    void reply.header('x-log-head', String(head));
    return new StreamableFile(Readable.from(this.#lines(after, limit, head), { objectMode: false }), {
      type: 'application/x-ndjson',
    });
  }

  async *#lines(after: Position, limit: number, head: Position): AsyncGenerator<Buffer> {
    let left = limit;
    for (let position = after; left > 0 && position < head;) {
      const stored = await this.#log.stored(position, Math.min(left, PAGE));
      const events = stored.filter((event) => event.position <= head);
      const last = events.at(-1);
      if (!last) return;
      yield Buffer.from(events.map((event) => this.#line(event)).join(''));
      position = last.position;
      left -= events.length;
      await nextTurn();
    }
  }

  #line({ position, stream, revision, type, data, metadata, eventId }: StoredEvent): string {
    const withheld = this.#log.secrets.has(categoryOf(stream));
    const head = JSON.stringify({ position, stream, revision, type }).slice(0, -1);
    const content = withheld ? 'null,"withheld":true' : data;
    return `${head},"data":${content},"metadata":${metadata},"eventId":${JSON.stringify(eventId)}}\n`;
  }
}
