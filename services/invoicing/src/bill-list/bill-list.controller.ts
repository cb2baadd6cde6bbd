import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { among, listedWithin } from '#libs/access-policy/reach';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, tenantOf } from '#libs/platform/caller';
import { page as pageOf } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { named, object } from '#libs/platform/schema';
import { READ_MODELS } from '#libs/platform/tokens';
import { IsMonth, IsName, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type TenantId } from '#libs/published/ids';
import { type Tier } from '#libs/published/tenants';
import { alphabeticalPart } from '#libs/read-models/alphabetical';
import { type Filter, type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Month } from '#libs/time/time';
import { billFields, revisedAt, revision, unpricedSchema } from '../bill/bill-schemas.ts';
import { type ViewedParts, viewedParts } from '../bill/bill-view.ts';
import { type RatingState, ratingStates } from '../month-rating/due-months.ts';
import { monthRatingId } from '../month-rating/month-rating.ts';
import { billList, type BillRow } from './bill-list.projection.ts';
import { type UnpricedItem, unpricedUsage } from './unpriced-usage.ts';

export class BillQuery extends PageQuery {
  @Optional()
  @OneOf('own', 'children', 'subtree')
  @ApiPropertyOptional({
    description: 'Whose: the tenant’s own (default), its direct children’s, or all of its subtree',
    default: 'own',
  })
  scope?: 'own' | 'children' | 'subtree';

  @Optional()
  @IsMonth()
  month?: Month;

  @Optional()
  @OneOf('distributor', 'reseller', 'endCustomer')
  tier?: Tier;

  @Optional()
  @IsName()
  @ApiPropertyOptional({ description: 'Part of the tenant’s name, in any case, with or without diacritics' })
  name?: string;
}

export class UnpricedQuery extends PageQuery {
  @Optional()
  @IsMonth()
  month?: Month;
}

/** A bill as lists show it: without its lines and without the accounts that have no price. */
type BillItem = ViewedParts &
  Pick<BillRow, 'tenantId' | 'name' | 'tier' | 'month' | 'revision' | 'revisedAt' | 'proforma' | 'reason' | 'imports'> &
  Readonly<{ state: RatingState }>;

const billItem = named('BillItem', object<BillItem>({ ...billFields, revision, revisedAt }));

@ApiTags('bills')
@Controller('tenants/:tenantId')
export class BillListController {
  readonly #readModels: ReadModels;

  constructor(@Inject(READ_MODELS) readModels: ReadModels) {
    this.#readModels = readModels;
  }

  @Get('bills')
  @Answers(200, pageOf(billItem))
  @Requires('bills:read')
  @ApiOperation({
    summary: 'Bills of a tenant, its children or its subtree',
    description:
      'What each month comes to, newest first; also sorted by month, name, tier. `state` is `applying` while a change of usage, ' +
      'links or contracts is not in the figures yet. A customer who was invited and has not set up the account yet stands on no list ' +
      'of the tenants above.',
  })
  async list(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: BillQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<BillItem>> {
    const { scope = 'own', month, tier, name } = query;
    const reached = scope === 'own' ? {} : await this.#reached(caller);
    const filter: Filter = {
      ...reached,
      ...(scope === 'own' ? { tenantId } : scope === 'children' ? { parentId: tenantId } : { path: { has: tenantId } }),
      ...(month === undefined ? {} : { month }),
      ...(tier === undefined ? {} : { tier }),
      ...(name === undefined ? {} : { nameOrder: { contains: alphabeticalPart(name) } }),
    };
    // Before the bills: where they say that a month is current, all of its bills are there already.
    const states = await this.#states(tenantOf(caller).rootId, month);
    const page = await this.#readModels.of(billList).find({
      filter,
      ...paging(query, { month: 'month', name: 'nameOrder', tier: 'tier' }, [
        { by: 'month', direction: 'descending' },
        { by: 'name', direction: 'ascending' },
      ]),
    });
    return {
      ...page,
      items: page.items.map((row) => itemOf(row, caller, states.get(monthRatingId(row.rootId, row.month)) ?? 'applying')),
    };
  }

  @Get('unassigned')
  @Answers(200, pageOf(unpricedSchema))
  @Requires('bills:read')
  @ApiOperation({
    summary: 'Usage of accounts that belong to nobody',
    description: 'Of the data sources owned in the subtree, by account, with source amounts: shown, resold to nobody.',
  })
  async unassigned(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: UnpricedQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<UnpricedItem>> {
    return this.#unpriced('unassigned', tenantId, caller, query);
  }

  @Get('unbilled')
  @Answers(200, pageOf(unpricedSchema))
  @Requires('bills:read')
  @ApiOperation({
    summary: 'Usage that no contract covers',
    description: 'Of the tenants of the subtree, by account, with source amounts and the reason: shown and never priced.',
  })
  async unbilled(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: UnpricedQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<UnpricedItem>> {
    return this.#unpriced('unbilled', tenantId, caller, query);
  }

  async #unpriced(
    kind: 'unassigned' | 'unbilled',
    tenantId: TenantId,
    caller: Caller,
    query: UnpricedQuery,
  ): Promise<Page<UnpricedItem>> {
    const month = query.month === undefined ? {} : { month: query.month };
    const of = { ...(await this.#reached(caller)), path: { has: tenantId }, ...month };
    return unpricedUsage(this.#readModels, kind, of, paging(query));
  }

  /** Of the tenants below only those whose bills the caller may see, and who are listed at all. */
  async #reached(caller: Caller): Promise<Filter> {
    return among(await listedWithin(this.#readModels, caller.standing, 'bills:read', tenantOf(caller)));
  }

  async #states(rootId: TenantId, month: Month | undefined): Promise<ReadonlyMap<string, RatingState>> {
    const states = await ratingStates(this.#readModels, { rootId, ...(month === undefined ? {} : { month }) });
    return new Map(states.map((judged) => [monthRatingId(rootId, judged.month), judged.state]));
  }
}

const itemOf = (row: BillRow, { anchor }: Caller, state: RatingState): BillItem => {
  const { tenantId, name, tier, month, revision, revisedAt, proforma, reason, imports } = row;
  return { tenantId, name, tier, month, revision, revisedAt, state, proforma, reason, imports, ...viewedParts(row, anchor) };
};
