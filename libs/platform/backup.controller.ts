import { Controller, Delete, Get, Headers, HttpException, Inject, Param, Post, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import { pageOf } from '#libs/read-models/cursor';
import { type Page } from '#libs/read-models/read-model';
import { type Command } from '#libs/event-sourcing/command';
import { Answers, AnswersNothing } from './answers.ts';
import { type Archive, type Backup, type BackupProgress, Backups } from './backups.ts';
import { CommandOf } from './caller.ts';
import { LongRunning } from './long-running.ts';
import { describeProblems } from './problem-responses.ts';
import { instant, page } from './published-schemas.ts';
import { Requires } from './requires.ts';
import { choice, count, integer, list, named, nullable, object, saying, schema, text } from './schema.ts';
import { PageQuery, paging } from './validation.ts';

const sha256 = schema<string>({ type: 'string', pattern: '^[0-9a-f]{64}$' });
const number = schema<number>({ type: 'number' });
const progress = object<BackupProgress>({
  step: saying('Log copied; files compared; archive written', choice('copying', 'checking', 'packing')),
  unit: choice('pages', 'bytes'),
  done: count,
  total: saying('Of this step', count),
  perSecond: nullable(number),
  secondsLeft: saying('Of this step', nullable(number)),
});
const archive = object<Archive>({
  bytes: count,
  sha256: saying('Of the whole file', sha256),
  logId: text,
  position: saying('Of the last event in it', integer),
  files: count,
  missing: saying('Files that the log refers to and that were not there', list(text)),
});
const backup = named(
  'Backup',
  object<Backup>({
    id: schema<string>({ type: 'string', format: 'uuid' }),
    status: choice('running', 'finished', 'failed'),
    startedAt: instant,
    endedAt: nullable(instant),
    progress: saying('While it runs', nullable(progress)),
    archive: nullable(archive),
    error: saying('Why it failed', nullable(text)),
  }),
);
const binary = schema<StreamableFile>({ type: 'string', format: 'binary' });

/** Backups are taken while the platform works. They hold what tenants have and password hashes: they are for whoever runs the platform. */
@ApiTags('operations')
@Controller('operations/backups')
export class BackupController {
  readonly #backups: Backups;

  constructor(@Inject(Backups) backups: Backups) {
    this.#backups = backups;
  }

  @Post()
  @Requires('operations:write', 'platform')
  @Answers(202, backup, { headers: ['Location'] })
  @describeProblems(409, 507)
  @ApiOperation({
    summary: 'Take a backup',
    description:
      'It goes on beside the requests; its status tells how far it is. The log is copied as of one moment, with the files that this ' +
      'copy refers to. A second one at the same time is 409 `backup-running`.',
  })
  async begin(@CommandOf() { id }: Command, @Res({ passthrough: true }) reply: FastifyReply): Promise<Backup> {
    const begun = await this.#backups.begin(uuidv5('backup', id));
    void reply.header('location', `/api/v1/operations/backups/${begun.id}`);
    return begun;
  }

  @Get()
  @Requires('operations:read', 'platform')
  @Answers(200, page(backup))
  @ApiOperation({ summary: 'Backups kept here, the latest first' })
  async list(@Query() query: PageQuery): Promise<Page<Backup>> {
    const backups = await this.#backups.list();
    const last = backups.length;
    const places = new Map(backups.map(({ id }, index) => [id, String(index).padStart(String(last).length, '0')]));
    return pageOf(backups, ({ id }) => places.get(id) ?? '', paging(query));
  }

  @Get(':backupId')
  @Requires('operations:read', 'platform')
  @Answers(200, backup)
  @describeProblems(404)
  @ApiOperation({ summary: 'How far a backup is, or what it holds' })
  get(@Param('backupId') id: string): Promise<Backup> {
    return this.#backups.get(id);
  }

  @Get(':backupId/content')
  @LongRunning()
  @Requires('operations:write', 'platform')
  @Answers(200, binary, { mediaType: 'application/x-tar' })
  @describeProblems(404, 409, 416)
  @ApiOperation({
    summary: 'Download the archive',
    description: '`Range: bytes=N-` goes on after the byte N and is answered 206. Compare the whole with `archive.sha256`.',
  })
  async content(
    @Param('backupId') id: string,
    @Headers('range') range: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const { file, bytes } = await this.#backups.archive(id);
    const part = partIn(range, bytes);
    void reply.header('accept-ranges', 'bytes');
    if (part === 'unsatisfiable') {
      void reply.header('content-range', `bytes */${String(bytes)}`);
      throw new HttpException(`The archive has ${String(bytes)} bytes: there are none from there on.`, 416);
    }
    const { start, end } = part ?? { start: 0, end: bytes - 1 };
    if (part) void reply.status(206).header('content-range', `bytes ${String(start)}-${String(end)}/${String(bytes)}`);
    return new StreamableFile(this.#backups.content(file, start, end), {
      type: 'application/x-tar',
      disposition: `attachment; filename="tributary-${id}.tar"`,
      length: end - start + 1,
    });
  }

  @Delete(':backupId')
  @AnswersNothing()
  @Requires('operations:write', 'platform')
  @describeProblems(404)
  @ApiOperation({ summary: 'Remove a backup; one that is being taken ends' })
  remove(@Param('backupId') id: string): Promise<void> {
    return this.#backups.remove(id);
  }
}

/** One range of bytes; anything else that a `Range` may say is answered with the whole. */
const partIn = (
  range: string | undefined,
  bytes: number,
): Readonly<{ start: number; end: number }> | 'unsatisfiable' | undefined => {
  const [, from, to = ''] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(range ?? '') ?? [];
  if (from === undefined) return undefined;
  const start = Number(from);
  const end = to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  return start > end ? 'unsatisfiable' : { start, end };
};
