import { Body, Controller, Delete, Get, Inject, Param, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsString, Length } from 'class-validator';
import { type Command } from '#libs/event-sourcing/command';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { IdPipe } from '#libs/platform/input-pipe';
import { dataSourceId, intervalFields, page, tenantId } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { list, named, object, saying, text } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsDay, Nullable, Optional, PageQuery, paging } from '#libs/platform/validation';
import { type DataSourceId, type TenantId } from '#libs/published/ids';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Holdings, type Interval } from '#libs/time/intervals';
import { type Day, dayOf } from '#libs/time/time';
import { namesOfHolders } from '../linked-account/names-of-holders.ts';
import { sourceOwners } from '../linked-accounts/sources.projection.ts';
import { autoAssignment, type AutoHolder, turnOff, turnOn } from './auto-assignment.ts';
import { autoAssignments } from './auto-assignments.projection.ts';

export class TurnOnInput {
  @Nullable()
  @IsDay()
  @ApiProperty({
    description:
      'First day; null: since the beginning. Left out: since the beginning if it was never on for the source, else today',
  })
  from?: Day | null;

  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @Length(1, 200, { each: true })
  @ApiProperty({
    type: [String],
    maxItems: 100,
    example: ['* SP*'],
    description:
      'Patterns of accounts to leave out: the whole name (the id of an account without one) in any case, `*` stands for anything, ' +
      'blanks beside it are ignored',
  })
  exclude!: string[];
}

export class TurnOffQuery {
  @Optional()
  @IsDay()
  @ApiPropertyOptional({ description: 'First day no longer; left out: today' })
  from?: Day;
}

type AutoAssignmentAnswer = Readonly<{
  tenantId: TenantId;
  dataSourceId: DataSourceId;
  intervals: readonly AutomaticInterval[];
}>;

type AutomaticInterval = Interval & Readonly<{ exclude: readonly string[] }>;

const autoAssignmentSchema = named(
  'AutoAssignment',
  object<AutoAssignmentAnswer>({
    tenantId,
    dataSourceId,
    intervals: list(
      object<AutomaticInterval>({ ...intervalFields, exclude: saying('Patterns of accounts that are left out', list(text)) }),
    ),
  }),
);

@ApiTags('linked accounts')
@Controller('tenants/:tenantId/auto-assignments')
export class AutoAssignmentController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Get()
  @Answers(200, page(autoAssignmentSchema))
  @Requires('tenants:read')
  @ApiOperation({ summary: 'The data sources whose unlinked accounts the tenant takes in or took in' })
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: PageQuery): Promise<Page<AutoAssignmentAnswer>> {
    const page = await this.#readModels.of(autoAssignments).find({ filter: { holders: { has: tenantId } }, ...paging(query) });
    return { ...page, items: page.items.map(({ id, holdings }) => answer(holdings, tenantId, id)) };
  }

  @Put(':dataSourceId')
  @Answers(200, autoAssignmentSchema)
  @Requires('tenants:write')
  @ApiOperation({
    summary: 'Take in the unlinked accounts of a data source',
    description:
      'Those there are and those to come, without end, except the ones that match a pattern; on days with an explicit link that link ' +
      'counts. One customer per data source and day: 422 `auto-assignment-taken` names the other one. Again with other patterns: they ' +
      'hold from `from` on. A data source whose owner is not within your reach, or neither the tenant nor above it, is 422 ' +
      '`data-source-not-available`.',
  })
  async turnOn(
    @Param('tenantId') tenantId: TenantId,
    @Param('dataSourceId', IdPipe) dataSourceId: DataSourceId,
    @Body() { from, exclude }: TurnOnInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<AutoAssignmentAnswer> {
    const { state: before } = await present(this.#store, autoAssignment, dataSourceId);
    const nameOf = await namesOfHolders(this.#readModels, before.holdings);
    const decision = turnOn({ ...(await this.#asked(dataSourceId, caller, command)), from, exclude, nameOf });
    const { state } = await handle(this.#store, autoAssignment, dataSourceId, decision, { command });
    return answer(state.holdings, tenantId, dataSourceId);
  }

  @Delete(':dataSourceId')
  @Answers(200, autoAssignmentSchema)
  @Requires('tenants:write')
  @ApiOperation({ summary: 'Take in no more accounts of a data source', description: 'From a day on; the days before stay.' })
  async turnOff(
    @Param('tenantId') tenantId: TenantId,
    @Param('dataSourceId', IdPipe) dataSourceId: DataSourceId,
    @Query() { from }: TurnOffQuery,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<AutoAssignmentAnswer> {
    const decision = turnOff({ ...(await this.#asked(dataSourceId, caller, command)), from });
    const { state } = await handle(this.#store, autoAssignment, dataSourceId, decision, { command });
    return answer(state.holdings, tenantId, dataSourceId);
  }

  async #asked(dataSourceId: DataSourceId, caller: Caller, command: Command) {
    const { id, path } = tenantOf(caller);
    const source = await this.#readModels.of(sourceOwners).get(dataSourceId);
    return { tenant: { id, path }, source, today: dayOf(command.time), reach: caller.anchor };
  }
}

const answer = (holdings: Holdings<AutoHolder>, tenantId: TenantId, dataSourceId: DataSourceId): AutoAssignmentAnswer => ({
  tenantId,
  dataSourceId,
  intervals: holdings
    .filter(({ holder }) => holder.id === tenantId)
    .map(({ from, to, holder: { exclude } }) => ({ from, to, exclude })),
});
