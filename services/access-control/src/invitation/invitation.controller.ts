import { hash } from 'node:crypto';
import { Body, Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { type ChildTenantRole, type Extra, type Role } from '#libs/access-policy/roles';
import { readCsv } from '#libs/csv/csv';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf } from '#libs/platform/caller';
import { errorCode } from '#libs/platform/error-code';
import { onlyFile } from '#libs/platform/only-file';
import { describeProblems } from '#libs/platform/problem-responses';
import { childTenantRole, coded, extra, instant, page, role, tenantId, userId } from '#libs/platform/published-schemas';
import { created } from '#libs/platform/reply';
import { InPerson, Requires } from '#libs/platform/requires';
import { choice, count, list, named, nullable, object, saying, schema, text } from '#libs/platform/schema';
import { READ_MODELS } from '#libs/platform/tokens';
import { IsAddress, IsName, NestedList, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type InvitationId, type TenantId, type UserId } from '#libs/published/ids';
import { pageAsOf } from '#libs/read-models/cursor';
import { type Filter, type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Instant, systemClock } from '#libs/time/time';
import { invitationList, type InvitationRow } from '../invitation-list/invitation-list.projection.ts';
import { Invitations, type Outcome } from './invitations.ts';
import { LONGEST_EMAIL, MOST_ROWS, type Row } from './invited-rows.ts';

const ROLE_TEXT = '`admin`, `regular`, `readOnly`, `support`, `sales` or `custom:<id>`';
const LONGEST_CELL = 1_000;

class InvitationInput {
  @IsAddress(LONGEST_EMAIL)
  email!: string;

  @Optional()
  @IsName()
  name?: string;

  @Optional()
  @IsName()
  jobFunction?: string;

  @IsString()
  @MaxLength(LONGEST_CELL)
  role!: string;

  @Optional()
  @OneOf('admin', 'sales', 'none')
  childTenantRole?: ChildTenantRole;

  @Optional()
  @IsString()
  @MaxLength(LONGEST_CELL)
  extras?: string;
}

/** Its texts are judged row by row, so that the good ones can be sent. */
class InvitationRowInput {
  @IsString()
  @MaxLength(LONGEST_CELL)
  email!: string;

  @Optional()
  @IsString()
  @MaxLength(LONGEST_CELL)
  name?: string;

  @Optional()
  @IsString()
  @MaxLength(LONGEST_CELL)
  jobFunction?: string;

  @IsString()
  @MaxLength(LONGEST_CELL)
  role!: string;

  @Optional()
  @IsString()
  @MaxLength(LONGEST_CELL)
  childTenantRole?: string;

  @Optional()
  @IsString()
  @MaxLength(LONGEST_CELL)
  extras?: string;
}

type OnFaults = 'none' | 'others';

class InvitationsInput {
  @NestedList(() => InvitationRowInput, MOST_ROWS)
  invitations!: InvitationRowInput[];

  /** What to do when something is wrong with a row. */
  @OneOf('none', 'others')
  onFaults!: OnFaults;
}

class UploadQuery {
  @OneOf('none', 'others')
  onFaults!: OnFaults;
}

const STATUSES = ['pending', 'accepted', 'expired', 'revoked'] as const;
type Status = (typeof STATUSES)[number];

class InvitationQuery extends PageQuery {
  @Optional()
  @OneOf(...STATUSES)
  status?: Status;
}

type Invitation = Readonly<{
  id: InvitationId;
  tenantId: TenantId;
  email: string;
  name: string | null;
  jobFunction: string | null;
  role: Role;
  extras: readonly Extra[];
  childTenantRole: ChildTenantRole | null;
  status: Status;
  letters: number;
  invitedBy: string;
  firstSentAt: Instant;
  sentAt: Instant;
  expiresAt: Instant;
  acceptedAt: Instant | null;
  userId: UserId | null;
}>;

const invitationId = schema<InvitationId>({ type: 'string', format: 'uuid' });

const invitationSchema = named(
  'Invitation',
  object<Invitation>({
    id: saying('Of this address and this tenant, however often it is invited', invitationId),
    tenantId,
    email: text,
    name: nullable(text),
    jobFunction: nullable(text),
    role,
    extras: list(extra),
    childTenantRole: nullable(childTenantRole),
    status: choice(...STATUSES),
    letters: saying('How many were sent; only the last one’s link counts', count),
    invitedBy: saying('Who sent the last letter', text),
    firstSentAt: instant,
    sentAt: instant,
    expiresAt: instant,
    acceptedAt: nullable(instant),
    userId: saying('Who accepted', nullable(userId)),
  }),
);

type RowOutcome = Readonly<{
  place: string;
  email: string;
  invitationId: InvitationId | null;
  faults: readonly Readonly<{ code: string; message: string }>[];
}>;
type Outcomes = Readonly<{ sent: number; refused: number; rows: readonly RowOutcome[] }>;

const outcomesSchema = named(
  'InvitationOutcomes',
  object<Outcomes>({
    sent: count,
    refused: count,
    rows: list(
      object<RowOutcome>({
        place: saying('`invitations[0]` of the body, or `lines[2]` of the file', text),
        email: text,
        invitationId: saying('Null: not invited, for the faults', nullable(invitationId)),
        faults: list(coded),
      }),
    ),
  }),
);

const FIELDS = { needed: ['email', 'role'], optional: ['name', 'jobfunction', 'childtenantrole', 'extras'], most: MOST_ROWS };
const LARGEST_FILE = 1_048_576;

@ApiTags('access')
@Controller('tenants/:tenantId/invitations')
export class InvitationController {
  readonly #invitations: Invitations;
  readonly #readModels: ReadModels;

  constructor(invitations: Invitations, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#invitations = invitations;
    this.#readModels = readModels;
  }

  @Post()
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Invite somebody',
    description:
      `A letter with a link goes to the address; whoever opens it becomes a user of the tenant. \`role\`: ${ROLE_TEXT}; \`extras\` by ` +
      'comma, for an Admin. 422 `invitations-refused` for somebody who is a user of the tenant, or invited, already, and for more than you ' +
      'may do yourself.',
  })
  @Answers(201, invitationSchema, { headers: ['Location'] })
  @describeProblems(429)
  async invite(
    @Param('tenantId') tenantId: TenantId,
    @Body() { email, name, jobFunction, role, childTenantRole, extras }: InvitationInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Invitation> {
    const row = rowOf('', { email, name, jobFunction, role, childTenantRole, extras });
    const [outcome] = await this.#invitations.invite(caller, [row], 'none', command);
    if (!outcome?.invitation) throw new Error('somebody was neither invited nor refused');
    created(reply, `/api/v1/tenants/${tenantId}/invitations/${outcome.invitation.id}`);
    return decided(outcome.invitation);
  }

  @Post('bulk')
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Invite many',
    description:
      `Each row’s faults are named. \`onFaults: "others"\` invites those without any, \`"none"\` nobody (422, each fault by its place). At ` +
      `most ${String(MOST_ROWS)} rows; \`role\`: ${ROLE_TEXT}.`,
  })
  @Answers(200, outcomesSchema)
  @describeProblems(429)
  async inviteMany(
    @Body() { invitations, onFaults }: InvitationsInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<Outcomes> {
    const rows = invitations.map(({ email, name, jobFunction, role, childTenantRole, extras }, index) =>
      rowOf(`invitations[${String(index)}]`, { email, name, jobFunction, role, childTenantRole, extras }),
    );
    return outcomesOf(await this.#invitations.invite(caller, rows, onFaults, command));
  }

  @Post('upload')
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: { type: 'object', properties: { file: { type: 'string', format: 'binary' } }, required: ['file'] },
  })
  @ApiOperation({
    summary: 'Invite many by a CSV file',
    description:
      'One file, in UTF-8. The first line has the headings `email`, `role`, and if you like `name`, `jobFunction`, `childTenantRole`, ' +
      '`extras`. A row is named by the line that it begins on; one with too few or too many cells has the fault ' +
      '`wrong-number-of-cells`, empty ones at its end aside. Otherwise as for typed ones; a file that cannot be read at all is 400 ' +
      '`invalid-csv`.',
  })
  @Answers(200, outcomesSchema)
  @describeProblems(413, 429)
  async upload(
    @Query() { onFaults }: UploadQuery,
    @Req() request: FastifyRequest,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<Outcomes> {
    const file = await uploaded(request);
    const rows = readCsv(file, FIELDS).map(({ line, cells, fault }) => {
      const { jobfunction: jobFunction, childtenantrole: childTenantRole, ...others } = cells;
      return { ...rowOf(`lines[${String(line)}]`, { ...others, jobFunction, childTenantRole }), misfit: fault };
    });
    const own = { ...command, bodyHash: hash('sha256', Buffer.concat([Buffer.from(`${onFaults} `), file])) };
    return outcomesOf(await this.#invitations.invite(caller, rows, onFaults, own));
  }

  @Get()
  @Requires('users:read')
  @ApiOperation({ summary: 'Who was invited, and what became of it' })
  @Answers(200, page(invitationSchema))
  list(@Param('tenantId') tenantId: TenantId, @Query() query: InvitationQuery): Promise<Page<Invitation>> {
    const { cursor, ...asked } = paging(query, { email: 'emailOrder', sentAt: 'sentAt', expiresAt: 'expiresAt' }, [
      { by: 'sentAt', direction: 'descending' },
    ]);
    return pageAsOf(cursor, systemClock.now(), async (asOf, within) => {
      const filter = { tenantId, ...filterOf(query.status, asOf) };
      const found = await this.#readModels.of(invitationList).find({ filter, ...asked, ...within });
      return { ...found, items: found.items.map((row) => shown(row, asOf)) };
    });
  }

  @Get(':invitationId')
  @Requires('users:read')
  @ApiOperation({ summary: 'One invitation' })
  @Answers(200, invitationSchema)
  async get(@Param('tenantId') tenantId: TenantId, @Param('invitationId') invitationId: InvitationId): Promise<Invitation> {
    return shown(await this.#invitations.get(tenantId, invitationId), systemClock.now());
  }

  @Post(':invitationId/resend')
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Send an invitation again',
    description: 'With a new link and a new end, also when it has expired. The link of the letter before counts no longer.',
  })
  @Answers(200, invitationSchema)
  @describeProblems(429)
  async resend(
    @Param('invitationId') invitationId: InvitationId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<Invitation> {
    return decided(await this.#invitations.resend(caller, invitationId, command));
  }

  @Post(':invitationId/revoke')
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({ summary: 'Withdraw an invitation', description: 'Its link counts no longer.' })
  @Answers(200, invitationSchema)
  async revoke(
    @Param('invitationId') invitationId: InvitationId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<Invitation> {
    return decided(await this.#invitations.revoke(caller, invitationId, command));
  }
}

const rowOf = (place: string, given: Readonly<Record<string, string | undefined>>): Row => ({
  place,
  email: given['email'] ?? '',
  name: given['name'] ?? '',
  jobFunction: given['jobFunction'] ?? '',
  role: given['role'] ?? '',
  extras: given['extras'] ?? '',
  childTenantRole: given['childTenantRole'] ?? '',
  misfit: null,
});

const outcomesOf = (outcomes: readonly Outcome[]): Outcomes => {
  const rows = outcomes.map(({ row: { place, email }, invitation, faults }) => ({
    place,
    email,
    invitationId: invitation?.id ?? null,
    faults: faults.map(({ code, path, message }) => ({ code, message: `${path}: ${message}` })),
  }));
  const sent = rows.filter((row) => row.invitationId !== null).length;
  return { sent, refused: rows.length - sent, rows };
};

const statusOf = ({ decision, expiresAt }: InvitationRow, now: Instant): Status =>
  decision ?? (expiresAt > now ? 'pending' : 'expired');

/** As a command left it, whatever the time is by now: what it sent was pending. */
const decided = (row: InvitationRow): Invitation => shown(row, row.sentAt);

const shown = (row: InvitationRow, now: Instant): Invitation => {
  const { decision: _decision, emailOrder: _order, path: _path, round, ...rest } = row;
  return { ...rest, letters: round, status: statusOf(row, now) };
};

const filterOf = (status: Status | undefined, now: Instant): Filter => {
  switch (status) {
    case undefined:
      return {};
    case 'pending':
      return { decision: null, expiresAt: { gt: now } };
    case 'expired':
      return { decision: null, expiresAt: { lte: now } };
    case 'accepted':
    case 'revoked':
      return { decision: status };
  }
};

const uploaded = async (request: FastifyRequest): Promise<Buffer> => {
  try {
    return await onlyFile(request, 'file', (file) => file.toBuffer(), { fileSize: LARGEST_FILE });
  } catch (error) {
    if (errorCode(error) !== 'FST_REQ_FILE_TOO_LARGE') throw error;
    const message = 'has more than 1 MiB';
    throw new DomainError('invalid', 'invalid-input', `The request is not valid: file: ${message}.`, [{ path: 'file', message }]);
  }
};
