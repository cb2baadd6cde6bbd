import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { allowedWithin, among } from '#libs/access-policy/reach';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, tenantOf } from '#libs/platform/caller';
import {
  contractId,
  contractStatus,
  contractTier,
  day,
  instant,
  page as pageOf,
  tenantId,
} from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { choice, integer, named, nullable, object, saying, text } from '#libs/platform/schema';
import { READ_MODELS } from '#libs/platform/tokens';
import { IsName, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type ContractTier } from '#libs/published/contracts';
import { type TenantId } from '#libs/published/ids';
import { alphabeticalPart } from '#libs/read-models/alphabetical';
import { type Filter, type Page, type ReadModels } from '#libs/read-models/read-model';
import { STATUSES } from '../contract/contract.ts';
import { contractList, type ContractListRow } from './contract-list.projection.ts';

const STATUS = `(${STATUSES.join('|')})`;

class ContractQuery extends PageQuery {
  @Optional()
  @OneOf('own', 'children', 'subtree')
  @ApiPropertyOptional({
    description: 'Whose: the tenant’s own (default), its direct children’s, or all of its subtree',
    default: 'own',
  })
  scope?: 'own' | 'children' | 'subtree';

  @Optional()
  @Matches(new RegExp(`^${STATUS}(,${STATUS})*$`), { message: '$property must be statuses by comma' })
  @ApiPropertyOptional({ description: 'One status or several by comma', example: 'active,scheduled' })
  status?: string;

  @Optional()
  @IsName()
  @ApiPropertyOptional({ description: 'Part of the name, in any case, with or without diacritics' })
  name?: string;

  @Optional()
  @OneOf('T1', 'T2', 'T3')
  tier?: ContractTier;
}

/** Without the tenants above, of whom the reader may know nothing. */
type ContractSummary = Omit<ContractListRow, 'path' | 'parentId' | 'nameOrder'>;

const summarySchema = named(
  'ContractSummary',
  object<ContractSummary>({
    id: contractId,
    tenantId,
    tier: contractTier,
    name: text,
    version: saying('The current one', integer),
    versionDate: instant,
    status: contractStatus,
    statusFrom: saying('First day on which the status rules; null for a draft that was never anything else', nullable(day)),
    start: day,
    end: saying('Inclusive; null: without end', nullable(day)),
    renewalPolicy: choice('auto-renewal', 'manual-renewal', 'fixed-term'),
  }),
);

const SORTABLE = {
  name: 'nameOrder',
  version: 'version',
  versionDate: 'versionDate',
  status: 'status',
  start: 'start',
  end: 'end',
};

@ApiTags('contracts')
@Controller('tenants/:tenantId/contracts')
export class ContractListController {
  readonly #readModels: ReadModels;

  constructor(@Inject(READ_MODELS) readModels: ReadModels) {
    this.#readModels = readModels;
  }

  @Get()
  @Answers(200, pageOf(summarySchema))
  @Requires('contracts:read')
  @ApiOperation({
    summary: 'Contracts of a tenant, its children or its subtree',
    description:
      'Sorted by name; also by version, versionDate, status, start, end. Whether a recent change is still being applied to bills ' +
      '(data freshness): `state` in `GET /api/v1/tenants/{tenantId}/bills`, `applying` until the bills reflect it.',
  })
  async list(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: ContractQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<ContractSummary>> {
    const { scope = 'own', status, name, tier } = query;
    const reached =
      scope === 'own' ? {} : among(await allowedWithin(this.#readModels, caller.standing, 'contracts:read', tenantOf(caller)));
    const filter: Filter = {
      ...reached,
      ...(scope === 'own' ? { tenantId } : scope === 'children' ? { parentId: tenantId } : { path: { has: tenantId } }),
      ...(status === undefined ? {} : { status: { in: status.split(',') } }),
      ...(name === undefined ? {} : { nameOrder: { contains: alphabeticalPart(name) } }),
      ...(tier === undefined ? {} : { tier }),
    };
    const page = paging(query, SORTABLE, [{ by: 'name', direction: 'ascending' }]);
    const found = await this.#readModels.of(contractList).find({ filter, ...page });
    return { ...found, items: found.items.map(({ path: _path, parentId: _parentId, nameOrder: _order, ...summary }) => summary) };
  }
}
