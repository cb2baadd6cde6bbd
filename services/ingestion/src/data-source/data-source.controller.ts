import { Body, Controller, Get, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsInt, Matches, Max, Min } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import { handleClaiming } from '#libs/event-sourcing/claims';
import { type Command } from '#libs/event-sourcing/command';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, IfMatch, tenantOf } from '#libs/platform/caller';
import { dataSourceId, instant, managementAccountId, page, tenantId } from '#libs/platform/published-schemas';
import { created, withETag } from '#libs/platform/reply';
import { Requires } from '#libs/platform/requires';
import { integer, list, named, nullable, object, saying, text } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsName, Nullable, Optional, PageQuery, paging } from '#libs/platform/validation';
import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Instant } from '#libs/time/time';
import {
  asRule,
  change,
  claimOfAccount,
  dataSource,
  notThere,
  register,
  registered,
  type RegisteredSource,
  type Settings,
} from './data-source.ts';
import { dataSources } from './data-sources.projection.ts';

const HOURS_OF_A_YEAR = 8_760;

class SettingsInput {
  @Nullable()
  @IsInt()
  @Min(1)
  @Max(HOURS_OF_A_YEAR)
  @ApiProperty({ type: Number, description: 'Hours between deliveries that the source promises; null: files come by hand' })
  scheduleHours?: number | null;

  @Optional()
  @IsArray()
  @ArrayMaxSize(100)
  @Matches(/^\S(.{0,198}\S)?$/u, { each: true, message: 'each must be 1 to 200 characters, without blanks around it' })
  @ApiProperty({
    type: [String],
    description: 'Publishers that count as the provider itself, by how their names begin; all others are marketplace',
  })
  ownPublishers?: string[];
}

export class DataSourceInput extends SettingsInput {
  @IsName(200)
  @ApiProperty({ description: 'FOCUS `BillingAccountId`, an AWS payer account', example: '123412340534' })
  managementAccountId!: string;

  @IsName(200)
  name!: string;
}

export class DataSourceChange extends SettingsInput {
  @Optional()
  @IsName(200)
  name?: string;
}

type DataSourceAnswer = Settings &
  Readonly<{ id: DataSourceId; tenantId: TenantId; managementAccountId: ManagementAccountId; registeredAt: Instant }>;

const dataSourceSchema = named(
  'DataSource',
  object<DataSourceAnswer>({
    id: dataSourceId,
    tenantId: saying('The owner', tenantId),
    managementAccountId,
    name: text,
    scheduleHours: saying('Hours between deliveries that the source promises; null: files come by hand', nullable(integer)),
    ownPublishers: saying('Count as the provider itself, by how their names begin', list(text)),
    registeredAt: instant,
  }),
);

const answer = (source: RegisteredSource): DataSourceAnswer => {
  const { id, tenantId, managementAccountId, name, scheduleHours, ownPublishers, registeredAt } = source;
  return { id, tenantId, managementAccountId, name, scheduleHours, ownPublishers, registeredAt };
};

const SORTABLE = { name: 'nameOrder', managementAccountId: 'managementAccountId', registeredAt: 'registeredAt' };

@ApiTags('ingestion')
@Controller('tenants/:tenantId/data-sources')
export class DataSourceController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Post()
  @Answers(201, dataSourceSchema, { headers: ['ETag', 'Location'] })
  @Requires('usage:write')
  @ApiOperation({
    summary: "Register a management account's files",
    description: 'A tree has at most one data source per management account: another one is 422 `management-account-taken`.',
  })
  async register(
    @Param('tenantId') tenantId: TenantId,
    @Body() { managementAccountId, name, scheduleHours = null, ownPublishers = [] }: DataSourceInput,
    @CommandOf() command: Command,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DataSourceAnswer> {
    const owner = tenantOf(caller);
    const id = uuidv5('data-source', command.id) as DataSourceId;
    const account = managementAccountId as ManagementAccountId;
    const settings = { name, scheduleHours, ownPublishers };
    const { state } = await handleClaiming(this.#store, dataSource, id, register(id, owner, account, settings, command.time), {
      command,
      claims: [claimOfAccount(owner.path, account)],
    }).catch((error: unknown) => {
      throw asRule(error);
    });
    const source = registered(state);
    created(reply, `/api/v1/tenants/${tenantId}/data-sources/${id}`, source.revision);
    return answer(source);
  }

  @Get()
  @Answers(200, page(dataSourceSchema))
  @Requires('usage:read')
  @ApiOperation({ summary: 'Data sources of a tenant' })
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: PageQuery): Promise<Page<DataSourceAnswer>> {
    const found = await this.#readModels.of(dataSources).find({
      filter: { tenantId },
      ...paging(query, SORTABLE, [{ by: 'name', direction: 'ascending' }]),
    });
    return { ...found, items: found.items.map(answer) };
  }

  @Get(':dataSourceId')
  @Answers(200, dataSourceSchema, { headers: ['ETag'] })
  @Requires('usage:read')
  @ApiOperation({ summary: 'One data source' })
  async details(
    @Param('tenantId') tenantId: TenantId,
    @Param('dataSourceId') id: DataSourceId,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DataSourceAnswer> {
    const source = await this.#readModels.of(dataSources).get(id);
    if (source?.tenantId !== tenantId) throw notThere();
    withETag(reply, source.revision);
    return answer(source);
  }

  @Patch(':dataSourceId')
  @Answers(200, dataSourceSchema, { headers: ['ETag'] })
  @Requires('usage:write')
  @ApiOperation({
    summary: 'Change a data source',
    description: 'Fields that are left out stay. What its own publishers are takes effect with the next import.',
  })
  async change(
    @Param('tenantId') tenantId: TenantId,
    @Param('dataSourceId') id: DataSourceId,
    @Body() { name, scheduleHours, ownPublishers }: DataSourceChange,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DataSourceAnswer> {
    const { state: before } = await present(this.#store, dataSource, id);
    if (before?.tenantId !== tenantId) throw notThere();
    const changed = {
      ...(name === undefined ? {} : { name }),
      ...(scheduleHours === undefined ? {} : { scheduleHours }),
      ...(ownPublishers === undefined ? {} : { ownPublishers }),
    };
    const { state } = await handle(this.#store, dataSource, id, change(changed), {
      command,
      expected: { revision: ifMatch, of: (fresh) => fresh?.revision },
    });
    const source = registered(state);
    withETag(reply, source.revision);
    return answer(source);
  }
}
