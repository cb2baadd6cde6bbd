import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsUUID } from 'class-validator';
import { type FastifyRequest } from 'fastify';
import { type Logger } from 'pino';
import { v5 as uuidv5 } from 'uuid';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { pageOf } from '#libs/read-models/cursor';
import { type Page } from '#libs/read-models/read-model';
import { StorageFull } from '#libs/sqlite/storage-error';
import { Answers, AnswersNothing } from './answers.ts';
import { Backups } from './backups.ts';
import { type Caller, CallerOf, CommandOf } from './caller.ts';
import { errorCode } from './error-code.ts';
import { LongRunning } from './long-running.ts';
import { onlyFile } from './only-file.ts';
import { describeProblems } from './problem-responses.ts';
import { instant, page } from './published-schemas.ts';
import { Requires } from './requires.ts';
import { type Restore, type StagedRestore } from './restore.ts';
import { count, integer, named, object, saying, schema, text } from './schema.ts';
import { PageQuery, paging } from './validation.ts';

/** `Restores`. */
export const RESTORES = Symbol('restores');

/** `restore` is undefined where the log does not lie in the data directory. */
export type Restores = Readonly<{ restore: Restore | undefined; folder: string; log: Logger }>;

class RestoreInput {
  @IsUUID()
  backupId!: string;
}

const staged = named(
  'StagedRestore',
  object<StagedRestore>({
    id: schema<string>({ type: 'string', format: 'uuid' }),
    stagedAt: instant,
    takenAt: saying('When the backup was taken', instant),
    logId: text,
    position: saying('Of the last event in it', integer),
    files: count,
  }),
);

const APPLIED =
  'Every file is verified; nothing changes before the next start, which moves the present data aside and serves the backup.';

/** A restore replaces everything, so a running platform only prepares it. */
@ApiTags('operations')
@Controller('operations/restores')
export class RestoreController {
  readonly #backups: Backups;
  readonly #restores: Restores;

  constructor(@Inject(Backups) backups: Backups, @Inject(RESTORES) restores: Restores) {
    this.#backups = backups;
    this.#restores = restores;
  }

  @Post()
  @LongRunning()
  @Requires('operations:write', 'platform')
  @Answers(202, staged)
  @describeProblems(404, 409, 422, 507)
  @ApiOperation({ summary: 'Stage a kept backup to be restored at the next start', description: APPLIED })
  async stage(
    @Body() { backupId }: RestoreInput,
    @CommandOf() { id }: Command,
    @CallerOf() { userId }: Caller,
  ): Promise<StagedRestore> {
    const { file } = await this.#backups.archive(backupId);
    return this.#stage(file, id, userId);
  }

  @Post('upload')
  @LongRunning()
  @Requires('operations:write', 'platform')
  @Answers(202, staged)
  @describeProblems(409, 413, 422, 507)
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: { type: 'object', properties: { archive: { type: 'string', format: 'binary' } }, required: ['archive'] },
  })
  @ApiOperation({ summary: 'Upload a backup and stage it to be restored at the next start', description: APPLIED })
  async upload(
    @Req() incoming: FastifyRequest,
    @CommandOf() { id }: Command,
    @CallerOf() { userId }: Caller,
  ): Promise<StagedRestore> {
    const { folder } = this.#restores;
    const file = join(folder, `${id}.upload.tar.part`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const arrived = await onlyFile(incoming, 'archive', async (part) => {
        await pipeline(part.file, createWriteStream(file, { mode: 0o600 }));
        return file;
      });
      return await this.#stage(arrived, id, userId);
    } finally {
      await rm(file, { force: true });
    }
  }

  @Get()
  @Requires('operations:read', 'platform')
  @Answers(200, page(staged))
  @ApiOperation({ summary: 'What will be restored at the next start: one backup, or none' })
  async list(@Query() query: PageQuery): Promise<Page<StagedRestore>> {
    const found = await this.#restores.restore?.staged();
    return pageOf(found ? [found] : [], ({ id }) => id, paging(query));
  }

  @Delete(':restoreId')
  @AnswersNothing()
  @Requires('operations:write', 'platform')
  @describeProblems(404)
  @ApiOperation({ summary: 'Withdraw a staged restore' })
  async withdraw(@Param('restoreId') id: string, @CallerOf() { userId }: Caller): Promise<void> {
    const { restore, log } = this.#restores;
    if (!restore) throw new DomainError('not-found', 'restore-not-found', 'There is no such restore.');
    await restore.withdraw(id);
    log.warn({ userId, restoreId: id }, 'restore withdrawn');
  }

  async #stage(file: string, commandId: string, userId: string): Promise<StagedRestore> {
    const { restore, log, folder } = this.#restores;
    if (!restore)
      throw new DomainError(
        'rejected',
        'restore-not-possible',
        'The log is not kept in the data directory (EVENT_STORE_URL), so no start can put another one in its place.',
      );
    try {
      const found = await restore.stage(file, uuidv5('restore', commandId));
      log.warn({ userId, ...found }, 'restore staged: the next start moves the present data aside and serves this backup');
      return found;
    } catch (error) {
      throw errorCode(error) === 'ENOSPC' ? new StorageFull(folder, { cause: error }) : error;
    }
  }
}
