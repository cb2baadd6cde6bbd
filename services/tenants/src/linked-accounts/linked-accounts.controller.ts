import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsUUID } from 'class-validator';
import { allowedWithin } from '#libs/access-policy/reach';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, tenantOf } from '#libs/platform/caller';
import { dataSourceId, interval, linkedAccountId, managementAccountId, page, tenantId } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { flag, list, named, nullable, object, saying, text } from '#libs/platform/schema';
import { CLOCK, READ_MODELS } from '#libs/platform/tokens';
import { IsName, Optional, PageQuery, paging, QueryBoolean } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type DataSourceId, type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Clock, dayOf } from '#libs/time/time';
import { type AccountOfTenant, accountsOfTenant, type Scope } from './accounts-of-a-tenant.ts';

export class LinkedAccountQuery extends PageQuery {
  @Optional()
  @OneOf('own', 'children', 'subtree')
  @ApiPropertyOptional({ description: 'The tenant’s, its direct customers’, or everybody’s from it downwards', default: 'own' })
  scope?: Scope;

  @Optional()
  @IsUUID()
  @ApiPropertyOptional({ type: String, format: 'uuid', description: 'Accounts of this data source only' })
  dataSourceId?: DataSourceId;

  @Optional()
  @IsName(500)
  @ApiPropertyOptional({ description: 'This account only: to whom is it assigned?' })
  accountId?: LinkedAccountId;

  @Optional()
  @QueryBoolean()
  @ApiPropertyOptional({ description: 'Leave out links that have ended', default: false })
  current?: boolean;
}

const accountSchema = named(
  'LinkedAccount',
  object<AccountOfTenant>({
    tenantId,
    dataSourceId,
    managementAccountId,
    accountId: linkedAccountId,
    accountName: saying('As the newest usage has it', nullable(text)),
    automatic: flag,
    excludedBy: saying('The pattern that keeps the account out: the tenant does not have it', nullable(text)),
    intervals: list(interval),
  }),
);

@ApiTags('linked accounts')
@Controller('tenants/:tenantId/linked-accounts')
export class LinkedAccountsController {
  readonly #readModels: ReadModels;
  readonly #clock: Clock;

  constructor(@Inject(READ_MODELS) readModels: ReadModels, @Inject(CLOCK) clock: Clock) {
    this.#readModels = readModels;
    this.#clock = clock;
  }

  @Get()
  @Answers(200, page(accountSchema))
  @Requires('tenants:read')
  @ApiOperation({
    summary: 'Accounts of a tenant',
    description:
      'Explicit links first, by data source and account, then the accounts that an automatic link takes in on days without an ' +
      'explicit one (`automatic: true`), as far as the imported usage has shown them. `excludedBy` is the pattern that keeps such an ' +
      'account out: the tenant does not have it. `intervals` are the days [from, to), null for unbounded.',
  })
  async list(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: LinkedAccountQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<AccountOfTenant>> {
    const { scope = 'own', dataSourceId, accountId, current = false } = query;
    const after = current ? dayOf(this.#clock.now()) : undefined;
    const allowed = await allowedWithin(this.#readModels, caller.standing, 'tenants:read', tenantOf(caller));
    const pages = await accountsOfTenant(this.#readModels, { tenantId, scope, allowed, dataSourceId, accountId, after });
    return pages(paging(query));
  }
}
