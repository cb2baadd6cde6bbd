import { Body, Controller, Inject, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsUUID } from 'class-validator';
import { claimOfKey, handleClaiming } from '#libs/event-sourcing/claims';
import { type Command } from '#libs/event-sourcing/command';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { present } from '#libs/event-sourcing/handle';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { dataSourceId, interval, linkedAccountId, tenantId } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { list, named, object, saying } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsDay, IsName, Nullable, Optional } from '#libs/platform/validation';
import { Flag } from '#libs/platform/variants';
import { type DataSourceId, type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Interval } from '#libs/time/intervals';
import { type Day, dayOf } from '#libs/time/time';
import { automaticDays } from '../linked-accounts/accounts-of-a-tenant.ts';
import { sourceOwners } from '../linked-accounts/sources.projection.ts';
import { reaches } from '../reach.ts';
import { type Holder, link, type LinkedAccount, linkedAccount, linkedAccountKey, unlink } from './linked-account.ts';
import { namesOfHolders } from './names-of-holders.ts';

class AccountInput {
  @IsUUID()
  @ApiProperty({ type: String, format: 'uuid' })
  dataSourceId!: DataSourceId;

  @IsName(500)
  @ApiProperty({ description: 'As the usage names it: an AWS usage account, an Azure subscription, a project' })
  accountId!: LinkedAccountId;
}

export class LinkInput extends AccountInput {
  @Nullable()
  @IsDay()
  @ApiProperty({
    description:
      'First day; null: since the beginning. Left out: since the beginning for an account that was never linked, else from today',
  })
  from?: Day | null;

  @Nullable()
  @IsDay()
  @ApiProperty({ description: 'First day no longer; null or left out: without end' })
  to?: Day | null;

  @Optional()
  @Flag()
  @ApiPropertyOptional({ description: 'Take the days that another customer holds', default: false })
  move?: boolean;
}

export class UnlinkInput extends AccountInput {
  @Optional()
  @IsDay()
  @ApiPropertyOptional({ description: 'First day no longer linked; left out: today' })
  from?: Day;
}

/** The days on which the account is or was the tenant's. */
type LinkAnswer = Readonly<{
  tenantId: TenantId;
  dataSourceId: DataSourceId;
  accountId: LinkedAccountId;
  intervals: readonly Interval[];
}>;

const linkSchema = named(
  'Link',
  object<LinkAnswer>({
    tenantId,
    dataSourceId,
    accountId: linkedAccountId,
    intervals: saying('On which the account is or was the tenant’s', list(interval)),
  }),
);

@ApiTags('linked accounts')
@Controller('tenants/:tenantId/linked-accounts')
export class LinkedAccountController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Post()
  @Answers(200, linkSchema)
  @Requires('tenants:write')
  @ApiOperation({
    summary: 'Link an account to a tenant',
    description:
      'The account belongs to the tenant on the days of [from, to), one tenant at a time; to a reseller means for its own use. ' +
      'Another customer’s days are taken only with `move: true` and are refused with 422 `account-already-linked`, which names that ' +
      'customer, otherwise. Days that only an automatic link covers need no move. An account that is not in your data, because it ' +
      'comes from a data source above you and nobody within your reach holds it on all of these days, or because the data source’s ' +
      'owner is not the tenant or above it, is 422 `account-not-available`, whoever holds it.',
  })
  async link(
    @Param('tenantId') tenantId: TenantId,
    @Body() { dataSourceId, accountId, from, to, move = false }: LinkInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<LinkAnswer> {
    const key = linkedAccountKey(dataSourceId, accountId);
    const reach = caller.anchor;
    const source = await this.#readModels.of(sourceOwners).get(dataSourceId);
    const automatic =
      source && !reaches(reach, source.path) ? await automaticDays(this.#readModels, dataSourceId, accountId) : [];
    const { state: before } = await present(this.#store, linkedAccount, key);
    const nameOf = await namesOfHolders(this.#readModels, before.holdings);
    const today = dayOf(command.time);
    const asked = { tenant: holderOf(caller), source, accountId, from, to, move, today, reach, automatic, nameOf };
    const claims = claimOfKey('tenants', 'link-key', command);
    const { state } = await handleClaiming(this.#store, linkedAccount, key, link(asked), { command, claims });
    return answer(state, tenantId, dataSourceId, accountId);
  }

  @Post('unlink')
  @Answers(200, linkSchema)
  @Requires('tenants:write')
  @ApiOperation({
    summary: 'Unlink an account from a tenant',
    description:
      'From a day on it is no longer the tenant’s; the days before stay. Only whoever reaches the owner of the data source may hand an ' +
      'account back (else 422 `account-from-upstream`); others link it to another of their tenants. An account that was never linked ' +
      'to the tenant is 422 `account-not-linked`.',
  })
  async unlink(
    @Param('tenantId') tenantId: TenantId,
    @Body() { dataSourceId, accountId, from }: UnlinkInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<LinkAnswer> {
    const source = await this.#readModels.of(sourceOwners).get(dataSourceId);
    const today = dayOf(command.time);
    const decision = unlink({ tenant: holderOf(caller), source, accountId, from, today, reach: caller.anchor });
    const claims = claimOfKey('tenants', 'unlink-key', command);
    const key = linkedAccountKey(dataSourceId, accountId);
    const { state } = await handleClaiming(this.#store, linkedAccount, key, decision, { command, claims });
    return answer(state, tenantId, dataSourceId, accountId);
  }
}

const holderOf = (caller: Caller): Holder => {
  const { id, path } = tenantOf(caller);
  return { id, path };
};

const answer = (
  { holdings }: LinkedAccount,
  tenantId: TenantId,
  dataSourceId: DataSourceId,
  accountId: LinkedAccountId,
): LinkAnswer => {
  const own = holdings.filter(({ holder }) => holder.id === tenantId);
  return { tenantId, dataSourceId, accountId, intervals: own.map(({ from, to }) => ({ from, to })) };
};
