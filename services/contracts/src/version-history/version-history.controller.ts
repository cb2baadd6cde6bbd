import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf } from '#libs/platform/caller';
import { contractId, contractStatus, day, instant, page } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { anything, choice, integer, list, named, nullable, object, optional, saying, text } from '#libs/platform/schema';
import { READ_MODELS } from '#libs/platform/tokens';
import { Optional, QueryInteger } from '#libs/platform/validation';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Day, type Instant } from '#libs/time/time';
import { termsSchema } from '../contract/terms-schema.ts';
import { type VisibleTerms, visibleTerms } from '../contract/visible-terms.ts';
import { compareTerms, type Difference } from './comparison.ts';
import { contractOf } from './contract-of.ts';
import { type ContractHistory, type SavedVersion, type StatusChange } from './version-history.projection.ts';

class ComparisonQuery {
  @Optional()
  @QueryInteger(1, 999_999_999)
  left?: number;

  @Optional()
  @QueryInteger(1, 999_999_999)
  right?: number;
}

type VersionSummary = Readonly<{
  version: number;
  effectiveFrom: Day;
  savedAt: Instant;
  reason: SavedVersion['reason'];
  name: string;
  start: Day;
  end: Day | null;
}>;
type VersionDetails = Omit<SavedVersion, 'terms'> & Readonly<{ terms: VisibleTerms }>;
type Comparison = Readonly<{ left: VersionDetails; right: VersionDetails; differences: readonly Difference[] }>;

const ofVersion = {
  version: saying('From 1', integer),
  effectiveFrom: day,
  savedAt: instant,
  reason: choice('drafted', 'saved', 'renewed'),
};
const versionSummary = named(
  'VersionSummary',
  object<VersionSummary>({ ...ofVersion, name: text, start: day, end: nullable(day) }),
);
const versionSchema = named('ContractVersion', object<VersionDetails>({ ...ofVersion, terms: termsSchema }));
const statusChange = named(
  'StatusChange',
  object<StatusChange>({
    from: contractStatus,
    to: contractStatus,
    effectiveFrom: day,
    reason: text,
    changedAt: instant,
    supersededBy: optional(contractId),
  }),
);
const comparisonSchema = named(
  'Comparison',
  object<Comparison>({
    left: versionSchema,
    right: versionSchema,
    differences: list(
      object<Difference>({
        path: saying('Rules by their id, conditions by their letter: `priceBooks[b1].rules[r2].pricing.percentage`', text),
        within: saying('Names of the rules, from the outside in', list(text)),
        change: choice('added', 'removed', 'changed'),
        left: saying('What stood there; null: nothing', anything),
        right: saying('What stands there; null: nothing', anything),
      }),
    ),
  }),
);

@ApiTags('contracts')
@Controller('tenants/:tenantId/contracts/:contractId')
export class VersionHistoryController {
  readonly #readModels: ReadModels;

  constructor(@Inject(READ_MODELS) readModels: ReadModels) {
    this.#readModels = readModels;
  }

  @Get('versions')
  @Answers(200, page(versionSummary))
  @Requires('contracts:read')
  @ApiOperation({ summary: 'All versions of a contract, the newest first' })
  async versions(
    @Param('tenantId') tenantId: TenantId,
    @Param('contractId') contractId: ContractId,
  ): Promise<Page<VersionSummary>> {
    const { versions } = await contractOf(this.#readModels, tenantId, contractId);
    const items = versions.toReversed().map(({ terms: { name, start, end }, version, effectiveFrom, savedAt, reason }) => {
      return { version, effectiveFrom, savedAt, reason, name, start, end };
    });
    return { items, nextCursor: null, total: items.length };
  }

  @Get('versions/:version')
  @Answers(200, versionSchema)
  @Requires('contracts:read')
  @ApiOperation({ summary: 'One version with its terms' })
  async version(
    @Param('tenantId') tenantId: TenantId,
    @Param('contractId') contractId: ContractId,
    @Param('version') version: string,
    @CallerOf() caller: Caller,
  ): Promise<VersionDetails> {
    return versionOf(await contractOf(this.#readModels, tenantId, contractId), version, caller);
  }

  @Get('status-changes')
  @Answers(200, page(statusChange))
  @Requires('contracts:read')
  @ApiOperation({ summary: 'How the status changed, with reasons, the oldest first' })
  async statusChanges(
    @Param('tenantId') tenantId: TenantId,
    @Param('contractId') contractId: ContractId,
  ): Promise<Page<StatusChange>> {
    const { statusChanges: items } = await contractOf(this.#readModels, tenantId, contractId);
    return { items, nextCursor: null, total: items.length };
  }

  @Get('comparison')
  @Answers(200, comparisonSchema)
  @Requires('contracts:read')
  @ApiOperation({
    summary: 'Two versions side by side, and where they differ',
    description: 'The two newest unless told otherwise. Rules are matched by their ids.',
  })
  async comparison(
    @Param('tenantId') tenantId: TenantId,
    @Param('contractId') contractId: ContractId,
    @Query() query: ComparisonQuery,
    @CallerOf() caller: Caller,
  ): Promise<Comparison> {
    const contract = await contractOf(this.#readModels, tenantId, contractId);
    const newest = contract.versions.length;
    const right = versionOf(contract, String(query.right ?? newest), caller);
    const left = versionOf(contract, String(query.left ?? Math.max(1, newest - 1)), caller);
    return { left, right, differences: compareTerms(left.terms, right.terms) };
  }
}

const versionOf = ({ versions, path }: ContractHistory, number: string, caller: Caller): VersionDetails => {
  const found = versions.find(({ version }) => String(version) === number);
  if (!found) throw new DomainError('not-found', 'contract-version-not-found', `The contract has no version ${number}.`);
  const { version, effectiveFrom, savedAt, reason, terms } = found;
  return { version, effectiveFrom, savedAt, reason, terms: visibleTerms(terms, path, caller.anchor) };
};
