import { Body, Controller, Get, Inject, Param, PayloadTooLargeException, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsInt, IsString, MaxLength, Min } from 'class-validator';
import { type FastifyReply, type FastifyRequest } from 'fastify';
// Gives requests their `parts()`.
import type {} from '@fastify/multipart';
import { v5 as uuidv5 } from 'uuid';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { streamName } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle } from '#libs/event-sourcing/handle';
import { notedWrites } from '#libs/event-sourcing/writes';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { IngestionConfiguration } from '#libs/platform/configuration';
import { errorCode } from '#libs/platform/error-code';
import { InputPipe } from '#libs/platform/input-pipe';
import { LongRunning } from '#libs/platform/long-running';
import { describeProblems } from '#libs/platform/problem-responses';
import {
  amount,
  currency,
  dataSourceId,
  importId,
  instant,
  managementAccountId,
  month,
  page,
  tenantId,
} from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { choice, count, flag, integer, list, named, nullable, object, saying, text } from '#libs/platform/schema';
import { type Platform } from '#libs/platform/service';
import { PLATFORM } from '#libs/platform/tokens';
import { IsDecimalText, IsMonth, IsName, NestedList, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type ImportId, type TenantId } from '#libs/published/ids';
import {
  type ImportFormat,
  type ImportProblem,
  type ImportedFile,
  type RequestedImport,
  type Rounding,
} from '#libs/published/ingestion';
import { project } from '#libs/read-models/fold';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { StorageFull } from '#libs/sqlite/storage-error';
import { asked, cancel, importing, notThere, request } from './import.ts';
import { servingOf } from '../usage-month/serving.ts';
import { importOf, ImportService, type Progressed } from './import-service.ts';
import { type ImportRow, imports } from './imports.projection.ts';
import { allowedFiles, Upload, withNamedParts } from './intake.ts';

class ExpectedTotalInput {
  @IsName(200)
  managementAccountId!: string;

  @IsMonth()
  month!: string;

  @Optional()
  @IsInt()
  @Min(0)
  @ApiProperty({ type: Number })
  rows?: number;

  @Optional()
  @IsDecimalText({ digits: 20, decimals: 18 })
  billedCost?: string;
}

class DeliveryInput {
  @Optional()
  @OneOf('auto', 'focus', 'aws-cur')
  format?: ImportFormat | 'auto';

  @Optional()
  @NestedList(() => ExpectedTotalInput)
  @ApiProperty({ description: 'What slices must add up to; a difference fails the import' })
  expected?: ExpectedTotalInput[];
}

export class ImportInput extends DeliveryInput {
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1_000)
  @IsString({ each: true })
  @MaxLength(4_096, { each: true })
  @ApiProperty({ type: [String], description: 'Files in the folders of IMPORT_FOLDERS, absolute or relative to one of them' })
  paths!: string[];
}

type ImportAnswer = Omit<ImportRow, 'path' | 'order' | 'status' | 'files' | 'slices'> &
  Readonly<{
    status: ImportRow['status'] | 'running';
    progress: Progressed | null;
    files: readonly FileAnswer[];
    slices: readonly SliceAnswer[];
  }>;

type FileAnswer = Pick<ImportedFile, 'name' | 'bytes'>;
type SliceAnswer = Omit<ImportRow['slices'][number], 'files' | 'accounts' | 'contentHash'> & Readonly<{ alreadyThere: boolean }>;

const importSchema = named(
  'Import',
  object<ImportAnswer>({
    id: importId,
    tenantId,
    status: choice('requested', 'running', 'finished', 'failed', 'cancelled'),
    format: saying('As requested, `auto` until it is found out', text),
    files: list(object<FileAnswer>({ name: text, bytes: count })),
    requestedAt: instant,
    endedAt: nullable(instant),
    rows: saying('Null until it has finished', nullable(count)),
    progress: saying(
      'While it runs',
      nullable(object<Progressed>({ bytes: count, totalBytes: count, rows: count, rowsPerSecond: count })),
    ),
    dataSourceIds: saying('Of which the delivery was found to be', list(dataSourceId)),
    slices: saying(
      'What it came to, by data source and month',
      list(
        object<SliceAnswer>({
          dataSourceId,
          managementAccountId,
          month,
          rows: count,
          billedCost: list(object<SliceAnswer['billedCost'][number]>({ currency, amount })),
          alreadyThere: saying('The same content had been imported before, so this import changed nothing', flag),
        }),
      ),
    ),
    problems: saying(
      'The first of `problemCount`',
      list(
        object<ImportProblem>({
          file: nullable(text),
          row: saying('The header is row 1', nullable(integer)),
          column: nullable(text),
          value: nullable(text),
          message: text,
        }),
      ),
    ),
    problemCount: count,
    unknownColumns: list(text),
    roundings: saying(
      'Columns with more decimals than are kept, and what rounding added to their sum',
      list(object<Rounding>({ file: text, column: text, rows: count, added: amount })),
    ),
  }),
);

const MIB = 1_048_576;

@ApiTags('ingestion')
@Controller('tenants/:tenantId/imports')
export class ImportController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;
  readonly #newId: () => string;
  readonly #limits: IngestionConfiguration;
  readonly #service: ImportService;
  readonly #checks = new InputPipe();

  constructor(
    @Inject(PLATFORM) { store, readModels, newId, configuration }: Platform,
    @Inject(ImportService) service: ImportService,
  ) {
    this.#store = store;
    this.#readModels = readModels;
    this.#newId = newId;
    this.#limits = configuration(IngestionConfiguration);
    this.#service = service;
  }

  @Post()
  @Answers(202, importSchema, { headers: ['Location'] })
  @Requires('usage:write')
  @ApiOperation({
    summary: 'Import files of an allowed folder',
    description:
      'FOCUS 1.0 to 1.2 or AWS Cost and Usage Reports (legacy and CUR 2.0), as CSV, plain or gzip, or Parquet, all of one format; ' +
      'what a file is, its content says. The path of a manifest brings the parts that it names along: unless every one of them is ' +
      'there, the import fails and names it. A delivery replaces each month of a management account that it holds as a whole; the ' +
      'same content again changes nothing. A path outside the allowed folders, through a symbolic link or with `..` is 400 ' +
      '`path-not-allowed`. The import runs by itself, also after a restart; ask for its details.',
  })
  async importFiles(
    @Param('tenantId') _tenantId: TenantId,
    @Body() { paths, ...input }: ImportInput,
    @CommandOf() command: Command,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportAnswer> {
    const { importFolders } = this.#limits;
    const files = await withNamedParts(await allowedFiles(paths, importFolders), importFolders);
    return this.#accepted(await this.#request(files, input, command, caller), reply);
  }

  @Post('upload')
  @Answers(202, importSchema, { headers: ['Location'] })
  @LongRunning()
  @Requires('usage:write')
  @describeProblems(413, 507)
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: {
      type: 'object',
      properties: {
        format: { type: 'string', enum: ['auto', 'focus', 'aws-cur'] },
        expected: { type: 'string', description: 'JSON: a list of { managementAccountId, month, rows?, billedCost? }' },
        files: { type: 'array', minItems: 1, items: { type: 'string', format: 'binary' } },
      },
      required: ['files'],
    },
  })
  @ApiOperation({
    summary: 'Upload files and import them',
    description:
      'As by path; a manifest is uploaded together with its parts. Files go to the disk as they arrive. One larger than the limit, or ' +
      'too many of them, are 413.',
  })
  async upload(
    @Param('tenantId') _tenantId: TenantId,
    @Req() incoming: FastifyRequest,
    @CommandOf() command: Command,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportAnswer> {
    const upload = new Upload(this.#service.deliveries, importIdOf(command), this.#newId());
    const requested = await this.#take(incoming, upload, command, caller).catch(async (error: unknown) => {
      await upload.discard();
      throw this.#worded(error);
    });
    // A repeated upload is answered with the first one, whose files are there already.
    if (requested.files[0]?.path !== upload.files[0]?.path) await upload.discard();
    return this.#accepted(requested, reply);
  }

  @Get()
  @Answers(200, page(importSchema))
  @Requires('usage:read')
  @ApiOperation({ summary: 'Imports of a tenant, the latest first' })
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: PageQuery): Promise<Page<ImportAnswer>> {
    const found = await this.#readModels.of(imports).find({
      filter: { tenantId },
      ...paging(query, ['requestedAt', 'status'], [{ by: 'order', direction: 'descending' }]),
    });
    return { ...found, items: found.items.map((row) => this.#answer(row)) };
  }

  @Get(':importId')
  @Answers(200, importSchema)
  @Requires('usage:read')
  @ApiOperation({
    summary: 'One import',
    description:
      'With its progress while it runs; problems name file, row (the header is row 1), column and value, the first 20. Where services ' +
      'are processes of their own, a finished one comes with the Consistency-Token of what it has imported.',
  })
  async details(@Param('tenantId') tenantId: TenantId, @Param('importId') id: ImportId): Promise<ImportAnswer> {
    const row = await this.#row(tenantId, id);
    const answer = this.#answer(row);
    const writes = notedWrites();
    if (!writes || row.status !== 'finished') return answer;
    const serving = await servingOf(this.#store, row);
    // What follows from its end is under way still.
    if (!serving) return { ...answer, status: 'running' };
    writes.push(...serving);
    return answer;
  }

  @Post(':importId/cancel')
  @Answers(200, importSchema)
  @Requires('usage:write')
  @ApiOperation({
    summary: 'Cancel an import',
    description: 'Nothing of it is imported. One that has ended is 422 `import-already-ended`.',
  })
  async cancel(
    @Param('tenantId') tenantId: TenantId,
    @Param('importId') id: ImportId,
    @CommandOf() command: Command,
  ): Promise<ImportAnswer> {
    await this.#row(tenantId, id);
    await handle(this.#store, importing, id, cancel(command.time), { command });
    await this.#service.cancelled(id);
    return this.#answer(await this.#told(id));
  }

  async #request(
    files: readonly ImportedFile[],
    { format = 'auto', expected = [] }: DeliveryInput,
    command: Command,
    caller: Caller,
  ): Promise<RequestedImport> {
    const importId = importIdOf(command);
    const { path, id: tenantId } = tenantOf(caller);
    const totals = expected.map(({ managementAccountId, month, rows, billedCost }) => ({
      managementAccountId,
      month,
      ...(rows === undefined ? {} : { rows }),
      ...(billedCost === undefined ? {} : { billedCost }),
    }));
    const wanted = { importId, tenantId, path, format, files, expected: totals, requestedAt: command.time };
    const { state } = await handle(this.#store, importing, importId, request(wanted), { command });
    return asked(state).requested;
  }

  async #accepted({ tenantId, importId }: RequestedImport, reply: FastifyReply): Promise<ImportAnswer> {
    this.#service.worker.wake();
    void reply.header('location', `/api/v1/tenants/${tenantId}/imports/${importId}`);
    return this.#answer(await this.#told(importId));
  }

  async #take(incoming: FastifyRequest, upload: Upload, command: Command, caller: Caller): Promise<RequestedImport> {
    const input = await this.#checked(await this.#receive(incoming, upload));
    if (upload.files.length === 0) throw invalid('files', 'must hold at least one file');
    await upload.settle();
    const bodyHash = upload.digest([input.format, input.expected]);
    return this.#request(upload.files, input, { ...command, bodyHash }, caller);
  }

  async #row(tenantId: TenantId, id: ImportId): Promise<ImportRow> {
    const row = await this.#readModels.of(imports).get(id);
    if (row?.tenantId !== tenantId) throw notThere();
    return row;
  }

  /** As its own stream tells it: where read models follow later, a command is answered before they have heard of it. */
  async #told(id: ImportId): Promise<ImportRow> {
    const { events } = await this.#store.read(streamName(importing.category, id));
    const { documents } = project(imports, events, { documents: new Map(), heads: new Map() });
    const row = documents[0]?.row ?? null;
    if (row === null) throw notThere();
    return JSON.parse(row) as ImportRow;
  }

  #answer({ path: _path, order: _order, files, slices, status, ...row }: ImportRow): ImportAnswer {
    const running = status === 'requested' && this.#service.worker.isRunning(row.id);
    return {
      ...row,
      status: running ? 'running' : status,
      progress: this.#service.progressOf(row.id) ?? null,
      files: files.map(({ name, bytes }) => ({ name, bytes })),
      slices: slices.map(({ files: written, accounts: _accounts, contentHash: _hash, ...slice }) => ({
        ...slice,
        alreadyThere: written.every((file) => importOf(file.path) !== row.id),
      })),
    };
  }

  /** Files go to the disk; answers the fields beside them. */
  async #receive(incoming: FastifyRequest, upload: Upload): Promise<Readonly<Record<string, unknown>>> {
    if (!incoming.isMultipart()) throw invalid('', 'the body must be multipart/form-data');
    const fields: Record<string, unknown> = {};
    for await (const part of incoming.parts()) {
      if (part.type === 'file') await upload.take({ name: part.filename, content: part.file });
      else if (Object.hasOwn(fields, part.fieldname)) throw invalid(part.fieldname, 'is there twice');
      else fields[part.fieldname] = part.fieldname === 'expected' ? totalsIn(part.value) : part.value;
    }
    return fields;
  }

  async #checked(fields: Readonly<Record<string, unknown>>): Promise<DeliveryInput> {
    const checked: unknown = await this.#checks.transform(fields, { type: 'body', metatype: DeliveryInput });
    if (checked instanceof DeliveryInput) return checked;
    throw new Error('the checked fields are none');
  }

  /** Says the limit, which the parser's own sentences do not. */
  #worded(error: unknown): unknown {
    const { uploadLimitMb, uploadFiles } = this.#limits;
    switch (errorCode(error)) {
      case 'FST_REQ_FILE_TOO_LARGE':
        return new PayloadTooLargeException(
          `A file of an upload may have ${String(uploadLimitMb)} MiB (${String(uploadLimitMb * MIB)} bytes) at most.`,
        );
      case 'FST_FILES_LIMIT':
        return new PayloadTooLargeException(`An upload may have ${String(uploadFiles)} files at most.`);
      case 'ENOSPC':
        return new StorageFull('the upload', { cause: error });
      default:
        return error;
    }
  }
}

const importIdOf = (command: Command): ImportId => uuidv5('import', command.id) as ImportId;

const invalid = (path: string, message: string): DomainError =>
  new DomainError(
    'invalid',
    'invalid-input',
    path === '' ? `The request is not valid: ${message}.` : `The request is not valid: ${path}: ${message}.`,
    [{ path, message }],
  );

const totalsIn = (value: unknown): unknown => {
  try {
    return JSON.parse(String(value));
  } catch {
    throw invalid('expected', 'must be JSON text');
  }
};
