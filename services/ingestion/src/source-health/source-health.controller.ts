import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { allowedWithin, includes } from '#libs/access-policy/reach';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, tenantOf } from '#libs/platform/caller';
import { dataSourceId, instant, managementAccountId, page, tenantId } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { choice, count, list, named, nullable, object, saying, text } from '#libs/platform/schema';
import { type Platform } from '#libs/platform/service';
import { CLOCK, PLATFORM, READ_MODELS } from '#libs/platform/tokens';
import { PageQuery, paging } from '#libs/platform/validation';
import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { pageOf } from '#libs/read-models/cursor';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { type Clock, type Instant } from '#libs/time/time';
import { type Reason, rollUp } from './health.ts';
import { SourceHealthConfiguration } from './source-health-configuration.ts';
import { type SourceOfTenant, sourcesOfTenant } from './sources-of-a-tenant.ts';

type SourceAnswer = Readonly<{
  dataSourceId: DataSourceId;
  managementAccountId: ManagementAccountId;
  /** Null, as are `name` and `lastImportAt`, for a source of a tenant above the viewer. */
  ownerId: TenantId | null;
  name: string | null;
  status: HealthStatus;
  reasons: readonly Reason[];
  lastImportAt: Instant | null;
  unassignedAccounts: number;
}>;

type HealthAnswer = Readonly<{
  status: HealthStatus;
  /** How many sources have each status, over all pages. */
  counts: Readonly<Record<HealthStatus, number>>;
  sources: Page<SourceAnswer>;
}>;

const status = choice('Success', 'Warning', 'Failed', 'Not available');

const sourceSchema = named(
  'SourceHealth',
  object<SourceAnswer>({
    dataSourceId,
    managementAccountId,
    ownerId: saying('Null, as are `name` and `lastImportAt`, for a source of a tenant above the viewer', nullable(tenantId)),
    name: nullable(text),
    status,
    reasons: list(
      object<Reason>({
        code: choice(
          'nothing-delivered',
          'import-failed',
          'unrecognised-import-failed',
          'late',
          'unknown-columns',
          'restated-closed-month',
          'unassigned-accounts',
        ),
        message: text,
      }),
    ),
    lastImportAt: nullable(instant),
    unassignedAccounts: count,
  }),
);

const healthSchema = object<HealthAnswer>({
  status,
  counts: saying(
    'How many sources have each status, over all pages',
    object<HealthAnswer['counts']>({ Success: count, Warning: count, Failed: count, 'Not available': count }),
  ),
  sources: page(sourceSchema),
});

@ApiTags('ingestion')
@Controller('tenants/:tenantId/source-health')
export class SourceHealthController {
  readonly #readModels: ReadModels;
  readonly #clock: Clock;
  readonly #limits: SourceHealthConfiguration;

  constructor(
    @Inject(READ_MODELS) readModels: ReadModels,
    @Inject(CLOCK) clock: Clock,
    @Inject(PLATFORM) { configuration }: Platform,
  ) {
    this.#readModels = readModels;
    this.#clock = clock;
    this.#limits = configuration(SourceHealthConfiguration);
  }

  @Get()
  @Answers(200, healthSchema)
  @Requires('usage:read')
  @ApiOperation({
    summary: 'Health of the source data of a tenant and everybody below it',
    description:
      'The worst status of any source: Failed, Warning, Success, Not available (which never masks another). `sources` are those owned ' +
      'by the tenant or below it and those of tenants above that serve accounts linked to them, by management account. A source of a ' +
      'tenant above the viewer shows its status, and reasons only where they concern accounts of the tenant.',
  })
  async get(@Param('tenantId') tenantId: TenantId, @Query() query: PageQuery, @CallerOf() caller: Caller): Promise<HealthAnswer> {
    const allowed = await allowedWithin(this.#readModels, caller.standing, 'usage:read', tenantOf(caller));
    const every = await sourcesOfTenant(this.#readModels, tenantId, this.#limits, this.#clock.now());
    // Of the tenants below only those that the caller reaches.
    const sources = every.filter(({ ownerId, ownerPath }) => !ownerPath.includes(tenantId) || includes(allowed, ownerId));
    const statuses = sources.map(({ status }) => status);
    const sorted = sources.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const found = pageOf(sorted, keyOf, paging(query));
    return {
      status: rollUp(statuses),
      counts: countsOf(statuses),
      sources: { ...found, items: found.items.map((source) => answerFor(source, caller.anchor)) },
    };
  }
}

const countsOf = (statuses: readonly HealthStatus[]): Readonly<Record<HealthStatus, number>> => {
  const counts: Record<HealthStatus, number> = { Failed: 0, Warning: 0, Success: 0, 'Not available': 0 };
  for (const status of statuses) counts[status] += 1;
  return counts;
};

/** Who does not reach the owner learns that a source is ill, but of its deliveries nothing. */
const answerFor = ({ ownerPath, ...source }: SourceOfTenant, anchor: Caller['anchor']): SourceAnswer =>
  anchor === 'platform' || ownerPath.some((id) => id === anchor)
    ? source
    : {
        ...source,
        ownerId: null,
        name: null,
        lastImportAt: null,
        reasons: source.reasons.filter(({ code }) => code === 'unassigned-accounts'),
      };

/** No part of it holds a line break, so that keys of different sources never mix. */
const keyOf = ({ managementAccountId, dataSourceId }: SourceOfTenant): string => `${managementAccountId}\n${dataSourceId}`;
