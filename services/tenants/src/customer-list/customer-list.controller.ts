import { Controller, Get, Inject, Param, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { decide } from '#libs/access-policy/policy';
import { allowedWithin, among, areasOf } from '#libs/access-policy/reach';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, tenantOf } from '#libs/platform/caller';
import { page } from '#libs/platform/published-schemas';
import { withETag } from '#libs/platform/reply';
import { Requires } from '#libs/platform/requires';
import { choice, count, named, nullable, object, optional, saying } from '#libs/platform/schema';
import { CLOCK, READ_MODELS } from '#libs/platform/tokens';
import { IsName, Optional, PageQuery, paging, QueryBoolean } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type TenantId } from '#libs/published/ids';
import { type Tier } from '#libs/published/tenants';
import { alphabeticalPart } from '#libs/read-models/alphabetical';
import { type Filter, type Page, type Query as ReadQuery, type ReadModels } from '#libs/read-models/read-model';
import { type Clock, dayOf } from '#libs/time/time';
import { type AsItStood } from '../customer-tree/as-it-stood.ts';
import { concatenated, type Pages } from '../concatenated-pages.ts';
import { linkedAccounts } from '../linked-accounts/linked-accounts.projection.ts';
import { type TenantAnswer, tenantAnswer, tenantFields } from '../tenant/tenant.controller.ts';
import {
  type ContractCounts,
  customerList,
  type CustomerRow,
  listOfInvitedUnder,
  listUnder,
} from './customer-list.projection.ts';

class TenantQuery extends PageQuery {
  @Optional()
  @IsName()
  @ApiPropertyOptional({ description: 'Part of the name, in any case, with or without diacritics' })
  name?: string;

  @Optional()
  @OneOf('distributor', 'reseller', 'endCustomer')
  tier?: Tier;

  @Optional()
  @IsName(100)
  @ApiPropertyOptional({ description: 'Part of the customer code, in any case, with or without diacritics' })
  customerCode?: string;
}

export class ReachQuery extends TenantQuery {}

export class CustomerQuery extends TenantQuery {
  @Optional()
  @OneOf('children', 'subtree')
  @ApiPropertyOptional({ description: 'Direct customers only, or everybody below', default: 'children' })
  scope?: 'children' | 'subtree';

  @Optional()
  @QueryBoolean()
  @ApiPropertyOptional({
    description: 'Instead of those that are listed the direct customers who were invited and have not set up their account yet',
    default: false,
  })
  pending?: boolean;
}

/** `linkedAccounts`: those explicitly linked to the tenant today or from a later day on. */
type CustomerAnswer = TenantAnswer & Readonly<{ linkedAccounts: number; contracts: ContractCounts | null; quarantined?: true }>;

export const contractCounts = object<ContractCounts>({
  draft: count,
  scheduled: count,
  active: count,
  expired: count,
  cancelled: count,
  superseded: count,
});

export const quarantined = optional(
  saying('Something that happened to it cannot be read: it stands as it was before, until that is put right', choice(true)),
);

const customerSchema = named(
  'Customer',
  object<CustomerAnswer>({
    ...tenantFields,
    linkedAccounts: saying('Explicitly linked today or from a later day on', count),
    contracts: saying('How many have each status; null for whoever may not see contracts there', nullable(contractCounts)),
    quarantined,
  }),
);

const SORTABLE = {
  name: 'nameOrder',
  customerCode: 'customerCodeOrder',
  tier: 'tier',
  currency: 'currency',
  registeredAt: 'registeredAt',
};
const LIST =
  'Sorted by name; also by customerCode, tier, currency, registeredAt. `linkedAccounts` counts explicit links of today and later.';

@ApiTags('tenants')
@Controller('tenants')
export class CustomerListController {
  readonly #readModels: ReadModels;
  readonly #clock: Clock;

  constructor(@Inject(READ_MODELS) readModels: ReadModels, @Inject(CLOCK) clock: Clock) {
    this.#readModels = readModels;
    this.#clock = clock;
  }

  @Get()
  @Requires('tenants:read', 'reach')
  @ApiOperation({ summary: 'All tenants within reach', description: LIST })
  @Answers(200, page(customerSchema))
  async withinReach(@Query() query: ReachQuery, @CallerOf() caller: Caller): Promise<Page<CustomerAnswer>> {
    const { sort, ...asked } = paging(query, SORTABLE, BY_NAME);
    const areas = await areasOf(this.#readModels, caller.standing, 'tenants:read');
    const trees = areas.map(({ top, allowed }): Pages<CustomerAnswer> => (part) => {
      const whole: Filter = top === 'platform' ? { listed: true } : { within: { has: top } };
      return this.#page({ ...whole, ...among(allowed, 'id') }, query, { sort, ...part }, caller);
    });
    return concatenated(trees)(asked);
  }

  @Get(':tenantId')
  @Requires('tenants:read')
  @ApiOperation({ summary: 'One tenant' })
  @Answers(200, customerSchema, { headers: ['ETag'] })
  async one(
    @Param('tenantId') tenantId: TenantId,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CustomerAnswer> {
    const row = await this.#readModels.of(customerList).get(tenantId);
    if (!row) throw new DomainError('not-found', 'tenant-not-found', 'There is no such tenant within your reach.');
    const answer = await this.#answering([row], caller);
    withETag(reply, row.revision);
    return answer(row);
  }

  @Get(':tenantId/customers')
  @Requires('tenants:read')
  @ApiOperation({ summary: 'Customers of a tenant', description: LIST })
  @Answers(200, page(customerSchema))
  async customers(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: CustomerQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<CustomerAnswer>> {
    const { scope = 'children', pending = false } = query;
    const allowed = await allowedWithin(this.#readModels, caller.standing, 'tenants:read', tenantOf(caller));
    const whom: Filter = allowed === 'all' ? { id: { not: tenantId } } : { id: { in: allowed.filter((id) => id !== tenantId) } };
    const below: Filter = pending
      ? { list: listOfInvitedUnder(tenantId) }
      : scope === 'subtree'
        ? { within: { has: tenantId } }
        : { list: listUnder(tenantId) };
    const filter = allowed === 'all' && scope === 'children' ? below : { ...below, ...whom };
    return this.#page(filter, query, paging(query, SORTABLE, BY_NAME), caller);
  }

  async #page(
    whom: Filter,
    { name, tier, customerCode }: TenantQuery,
    part: Pick<ReadQuery, 'limit' | 'cursor' | 'sort'>,
    caller: Caller,
  ): Promise<Page<CustomerAnswer>> {
    const filter: Filter = {
      ...whom,
      ...(name === undefined ? {} : { nameOrder: { contains: alphabeticalPart(name) } }),
      ...(tier === undefined ? {} : { tier }),
      ...(customerCode === undefined ? {} : { customerCodeOrder: { contains: alphabeticalPart(customerCode) } }),
    };
    const page = await this.#readModels.of(customerList).find({ filter, ...part });
    const answer = await this.#answering(page.items, caller);
    return { ...page, items: page.items.map(answer) };
  }

  async #answering(rows: readonly CustomerRow[], caller: Caller): Promise<(row: AsItStood<CustomerRow>) => CustomerAnswer> {
    const filter = { tenantId: { in: rows.map(({ id }) => id) }, until: { gt: dayOf(this.#clock.now()) } };
    const counted = await this.#readModels.of(linkedAccounts).aggregate({ filter, groupBy: ['tenantId'] });
    const counts = new Map(counted.map(({ group: [tenantId], count }) => [tenantId, count]));
    return (row) => ({
      ...tenantAnswer(row, caller),
      linkedAccounts: counts.get(row.id) ?? 0,
      contracts: decide(caller.standing, 'contracts:read', row.path) === 'allowed' ? row.contracts : null,
      ...(row.quarantined && { quarantined: true }),
    });
  }
}

const BY_NAME = [{ by: 'name', direction: 'ascending' }] as const;
