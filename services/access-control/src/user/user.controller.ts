import { Body, Controller, Get, Inject, Param, Post, Query, Res, type StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags, IntersectionType } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { CHILD_TENANT_ROLES, type ChildTenantRole, type Extra, type Role } from '#libs/access-policy/roles';
import { type Columns } from '#libs/csv/csv';
import { type Command } from '#libs/event-sourcing/command';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { CSV_TYPE, csvFile, csvSchema } from '#libs/platform/csv-file';
import { LongRunning } from '#libs/platform/long-running';
import { describeProblems } from '#libs/platform/problem-responses';
import { page } from '#libs/platform/published-schemas';
import { created } from '#libs/platform/reply';
import { InPerson, Requires } from '#libs/platform/requires';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsAddress, IsName, Optional, PageQuery, paging, QueryBoolean } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type TenantId } from '#libs/published/ids';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { systemClock } from '#libs/time/time';
import { PASSWORD_LENGTH } from '../credentials/password.ts';
import { type TenantUser, tenantUserSchema } from '../membership/tenant-user.ts';
import { refuseUngrantable } from '../role/grantable.ts';
import { RequestRate } from '../session/request-rate.ts';
import { IsExtras, IsTenantRole } from '#libs/platform/role-input';
import { addUser } from './add-user.ts';
import { openUsers, SORTABLE } from './tenant-users.ts';

class UserInput {
  @IsAddress()
  email!: string;

  @IsName()
  name!: string;

  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  password!: string;

  @IsTenantRole()
  role!: Exclude<Role, 'operator'>;

  @Optional()
  @IsExtras()
  extras?: Extra[];

  @Optional()
  @OneOf(...CHILD_TENANT_ROLES)
  childTenantRole?: ChildTenantRole;
}

class UserFilter {
  @Optional()
  @IsName()
  @ApiPropertyOptional({ description: 'Part of the name or of the e-mail address, in any case, with or without diacritics' })
  search?: string;

  @Optional()
  @IsTenantRole()
  @ApiPropertyOptional()
  role?: Exclude<Role, 'operator'>;

  @Optional()
  @QueryBoolean()
  @ApiPropertyOptional({ description: 'Only those whose role counts, or only those who are disabled' })
  enabled?: boolean;

  @Optional()
  @IsString()
  @MaxLength(200)
  @ApiPropertyOptional({ description: 'Fields by comma, `-` before one for descending: `-name`' })
  sort?: string;
}

class UserQuery extends IntersectionType(PageQuery, UserFilter) {}

class UserExportQuery extends UserFilter {}

/** So many mistakes the people of a tenant may make; each try counts until it is found to be none. */
const TAKEN_AN_HOUR = 20;

const BY_NAME = [{ by: 'name', direction: 'ascending' }] as const;

@ApiTags('access')
@Controller('tenants/:tenantId/users')
export class UserController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;
  /** Of addresses that are taken: whose they are is for nobody to find out by trying. */
  readonly #taken = new RequestRate(TAKEN_AN_HOUR, systemClock, 3_600_000);
  /** When the last of each tenant's adds under way is over. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Post()
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Add a user',
    description:
      'An Admin reaches the tenant and everything below it, Sales look at it; others reach what is below by a link, by their ' +
      'child-tenant role, or by the access model. Nobody gives what they do not have themselves. Whoever has a user already, of ' +
      `whatever tenant, is 409 \`email-taken\`, and after ${String(TAKEN_AN_HOUR)} of these by one tenant within an hour everything is 429: ` +
      'rather invite people, which works for either and tells nobody which.',
  })
  @Answers(201, tenantUserSchema, { headers: ['Location'] })
  @describeProblems(429)
  async add(
    @Param('tenantId') tenantId: TenantId,
    @Body() { email, name, password, role, extras = [], childTenantRole }: UserInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantUser> {
    const grant = { role, extras, childTenantRole: childTenantRole ?? null };
    await refuseUngrantable(this.#readModels, caller, tenantOf(caller).path, grant);
    const adding = () => addUser(this.#store, { email, name, password, tenantId, ...grant }, command);
    const id = await this.#countingTaken(caller, adding);
    created(reply, `/api/v1/tenants/${tenantId}/users/${id}`);
    return { id, email, name, ...grant, enabled: true };
  }

  @Get()
  @Requires('users:read')
  @ApiOperation({ summary: 'Who belongs to the tenant', description: 'Sorted by name; also by email.' })
  @Answers(200, page(tenantUserSchema))
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: UserQuery): Promise<Page<TenantUser>> {
    const { sort, ...asked } = paging(query, SORTABLE, BY_NAME);
    return (await openUsers(this.#readModels, tenantId, query, sort))(asked);
  }

  @Get('export')
  @LongRunning()
  @Requires('users:read')
  @ApiOperation({ summary: 'The same as CSV', description: 'All of those that match, in the same order.' })
  @Answers(200, csvSchema, CSV_TYPE)
  async export(@Param('tenantId') tenantId: TenantId, @Query() query: UserExportQuery): Promise<StreamableFile> {
    const { sort } = paging(query, SORTABLE, BY_NAME);
    const pages = await openUsers(this.#readModels, tenantId, query, sort);
    return csvFile(`users-${tenantId}`, COLUMNS, (part) => Promise.resolve(pages(part)));
  }

  /**
   * A tenant's one after the other, so that of many tries at once only so many find something out and no good one is refused. Operators
   * know everybody anyway.
   */
  async #countingTaken<Result>({ anchor }: Caller, adding: () => Promise<Result>): Promise<Result> {
    if (anchor === 'platform') return adding();
    const tenant = String(anchor);
    const turn = (this.#turns.get(tenant) ?? Promise.resolve()).then(() => this.#counted(tenant, adding));
    const over = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(tenant, over);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(tenant) === over) this.#turns.delete(tenant);
    }
  }

  async #counted<Result>(tenant: string, adding: () => Promise<Result>): Promise<Result> {
    this.#taken.count(
      tenant,
      'Too many addresses that were to be added here are somebody’s already. Invite them, or try again later.',
    );
    try {
      const result = await adding();
      this.#taken.giveBack(tenant);
      return result;
    } catch (error) {
      if (!isTaken(error)) this.#taken.giveBack(tenant);
      throw error;
    }
  }
}

const isTaken = (error: unknown): boolean => error instanceof DomainError && error.code === 'email-taken';

const COLUMNS: Columns<TenantUser> = [
  ['email', ({ email }) => email],
  ['name', ({ name }) => name],
  ['role', ({ role }) => role],
  ['extras', ({ extras }) => extras.join(' ')],
  ['childTenantRole', ({ childTenantRole }) => childTenantRole],
  ['enabled', ({ enabled }) => enabled],
  ['userId', ({ id }) => id],
];
