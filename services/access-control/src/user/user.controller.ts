import { Body, Controller, Get, Inject, Param, Post, Query, Res, type StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { memberships } from '#libs/access-policy/memberships.projection';
import { CHILD_TENANT_ROLES, type ChildTenantRole, type Extra, type Role } from '#libs/access-policy/roles';
import { type Columns } from '#libs/csv/csv';
import { type Command } from '#libs/event-sourcing/command';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { CSV_TYPE, csvFile, csvSchema } from '#libs/platform/csv-file';
import { LongRunning } from '#libs/platform/long-running';
import { page } from '#libs/platform/published-schemas';
import { created } from '#libs/platform/reply';
import { InPerson, Requires } from '#libs/platform/requires';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsAddress, IsName, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type TenantId } from '#libs/published/ids';
import { type Page, type Query as ReadQuery, type ReadModels } from '#libs/read-models/read-model';
import { PASSWORD_LENGTH } from '../credentials/password.ts';
import { type TenantUser, tenantUser, tenantUserSchema } from '../membership/tenant-user.ts';
import { refuseUngrantable } from '../role/grantable.ts';
import { IsExtras, IsTenantRole } from '#libs/platform/role-input';
import { addUser } from './add-user.ts';

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

@ApiTags('access')
@Controller('tenants/:tenantId/users')
export class UserController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

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
      'child-tenant role, or by the access model. Nobody gives what they do not have themselves.',
  })
  @Answers(201, tenantUserSchema, { headers: ['Location'] })
  async add(
    @Param('tenantId') tenantId: TenantId,
    @Body() { email, name, password, role, extras = [], childTenantRole }: UserInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantUser> {
    const grant = { role, extras, childTenantRole: childTenantRole ?? null };
    await refuseUngrantable(this.#readModels, caller, tenantOf(caller).path, grant);
    const id = await addUser(this.#store, { email, name, password, tenantId, ...grant }, command);
    created(reply, `/api/v1/tenants/${tenantId}/users`);
    return { id, email, name, ...grant, enabled: true };
  }

  @Get()
  @Requires('users:read')
  @ApiOperation({ summary: 'Who belongs to the tenant' })
  @Answers(200, page(tenantUserSchema))
  list(@Param('tenantId') tenantId: TenantId, @Query() query: PageQuery): Promise<Page<TenantUser>> {
    return this.#page({ filter: { tenantId }, ...paging(query) });
  }

  @Get('export')
  @LongRunning()
  @Requires('users:read')
  @ApiOperation({ summary: 'The same as CSV', description: 'All of them.' })
  @Answers(200, csvSchema, CSV_TYPE)
  export(@Param('tenantId') tenantId: TenantId): StreamableFile {
    return csvFile(`users-${tenantId}`, COLUMNS, (part) => this.#page({ filter: { tenantId }, ...part }));
  }

  async #page(query: ReadQuery): Promise<Page<TenantUser>> {
    const page = await this.#readModels.of(memberships).find(query);
    const items = page.items.map((held) => tenantUser(this.#readModels, held.userId, held));
    return { ...page, items: await Promise.all(items) };
  }
}

const COLUMNS: Columns<TenantUser> = [
  ['email', ({ email }) => email],
  ['name', ({ name }) => name],
  ['role', ({ role }) => role],
  ['extras', ({ extras }) => extras.join(' ')],
  ['childTenantRole', ({ childTenantRole }) => childTenantRole],
  ['enabled', ({ enabled }) => enabled],
  ['userId', ({ id }) => id],
];
