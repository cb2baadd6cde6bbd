import { Controller, Get, Inject, Param, Query, type StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags, IntersectionType } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { allowedWithin } from '#libs/access-policy/reach';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, tenantOf } from '#libs/platform/caller';
import { CSV_TYPE, csvFile, csvSchema } from '#libs/platform/csv-file';
import { LongRunning } from '#libs/platform/long-running';
import { amount, currency, instant, page, tenantId as tenantIdSchema, tier, userId } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { choice, count, flag, list, named, nullable, object, optional, saying, text } from '#libs/platform/schema';
import { CLOCK, READ_MODELS } from '#libs/platform/tokens';
import { IsMonth, IsName, Optional, PageQuery, paging, QueryBoolean } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type TenantId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type OnboardingTask } from '#libs/published/tenants';
import { alphabeticalPart } from '#libs/read-models/alphabetical';
import { foreignCursor } from '#libs/read-models/cursor';
import { type Filter, type Page, type ReadModels, type Sort } from '#libs/read-models/read-model';
import { type Clock, dayOf, type Instant, type Month, monthOf } from '#libs/time/time';
import { contractCounts, quarantined } from '../customer-list/customer-list.controller.ts';
import { ONBOARDING_TASKS, onboardingTask, progress, taskState } from '../onboarding/onboarding.controller.ts';
import { type TaskProgress } from '../onboarding/onboarding.ts';
import { HEALTH_STATUSES } from '../source-data/source-data.ts';
import { type Column, COLUMNS } from './columns.ts';
import { csvColumns } from './csv-columns.ts';
import { type InvoiceCounts } from './invoice-summary.ts';
import { hidesStatus, type StatusCell, type TreeRow, treeRows, type View, withColumns } from './tree-row.ts';
import { isByActivity, MOST_IN_PART, seesActivityIn, withinSight } from './sight.ts';
import { openTree } from './tree-walk.ts';
import { type Walk } from './walk.ts';

class TreeFilter {
  @Optional()
  @IsName()
  @ApiPropertyOptional({ description: 'Part of the customer’s name, in any case, with or without diacritics' })
  customer?: string;

  @Optional()
  @OneOf(...HEALTH_STATUSES)
  @ApiPropertyOptional({ description: 'Health of the source data of the customer and everybody below it' })
  sourceData?: HealthStatus;

  @Optional()
  @OneOf('complete', 'onboarding', ...ONBOARDING_TASKS)
  @ApiPropertyOptional({
    description: 'Set up, on the way, or at this task; a reseller, which does not see its own status, matches none itself',
  })
  status?: 'complete' | 'onboarding' | OnboardingTask;

  @Optional()
  @QueryBoolean()
  @ApiPropertyOptional({
    description:
      'Leave out who has had no activity and no order for more than 30 days, and has no monthly recurring revenue; whoever’s ' +
      'activity is not yours to see stays in',
    default: false,
  })
  hideInactive?: boolean;

  @Optional()
  @IsMonth()
  @ApiPropertyOptional({ description: 'Of whose invoices there are counts; left out: the current one' })
  month?: Month;

  @Optional()
  @IsString()
  @MaxLength(500)
  @ApiPropertyOptional({ description: `Columns by comma, of ${COLUMNS.join(', ')}; left out: all` })
  columns?: string;

  @Optional()
  @IsString()
  @MaxLength(200)
  @ApiPropertyOptional({ description: 'Fields by comma, `-` before one for descending: `-lastActivity,name`' })
  sort?: string;
}

export class TreeQuery extends IntersectionType(PageQuery, TreeFilter) {}

export class TreeExportQuery extends TreeFilter {
  @Optional()
  @QueryBoolean()
  @ApiPropertyOptional({ description: 'Only the columns that `columns` names, instead of all', default: false })
  visibleOnly?: boolean;
}

const invoiceCounts = object<InvoiceCounts>({
  proforma: count,
  ready: count,
  issuable: count,
  issued: count,
  cancelled: count,
  discarded: count,
});

const rowSchema = named(
  'CustomerTreeRow',
  object<TreeRow>({
    id: tenantIdSchema,
    parentId: saying('Null where your reach begins', nullable(tenantIdSchema)),
    depth: saying('How far below the tenant asked about', count),
    matches: saying('False for one that is listed for those below it only', flag),
    tier,
    name: text,
    quarantined,
    customerCode: optional(nullable(text)),
    admin: optional(
      saying(
        'The first of its own admins; null: none yet',
        nullable(object<NonNullable<NonNullable<TreeRow['admin']>>>({ id: userId, name: text })),
      ),
    ),
    status: optional(
      saying(
        'Position in onboarding; null once it is set up',
        nullable(
          object<StatusCell>({
            progress,
            position: onboardingTask,
            tasks: list(object<TaskProgress>({ task: onboardingTask, state: taskState })),
          }),
        ),
      ),
    ),
    sourceData: optional(choice(...HEALTH_STATUSES)),
    contracts: optional(saying('Null for whoever may not see contracts there', nullable(contractCounts))),
    invoices: optional(
      saying(
        'Of an end customer’s month, as its reseller sees them; null elsewhere and without amounts',
        nullable(invoiceCounts),
      ),
    ),
    mrr: optional(saying('Monthly recurring revenue; null: no services, or not yours to see', nullable(amount))),
    ports: optional(nullable(count)),
    vcs: optional(nullable(count)),
    cloud: optional(nullable(count)),
    lastActivity: optional(
      saying(
        'Of the customer’s own users, logging in included, kept every five minutes at most: they may have been about up to five ' +
          'minutes later; null: never, or not yours to see',
        nullable(instant),
      ),
    ),
    lastOrder: optional(nullable(instant)),
    currency: optional(currency),
    primaryDomain: optional(nullable(text)),
    registeredAt: optional(instant),
  }),
);

/** What siblings can be sorted by, and what stands for it in a row. */
const SORTED_BY = {
  name: 'nameOrder',
  customerCode: 'customerCodeOrder',
  tier: 'tier',
  currency: 'currency',
  primaryDomain: 'primaryDomainOrder',
  registeredAt: 'registeredAt',
  status: 'onboarding.progress',
  sourceData: 'sourceDataRank',
  lastActivity: 'lastActivity',
};

const INACTIVE_MS = 30 * 86_400_000;
const DEFAULT_LIMIT = 50;

@ApiTags('tenants')
@Controller('tenants/:tenantId/customer-tree')
export class CustomerTreeController {
  readonly #readModels: ReadModels;
  readonly #clock: Clock;

  constructor(@Inject(READ_MODELS) readModels: ReadModels, @Inject(CLOCK) clock: Clock) {
    this.#readModels = readModels;
    this.#clock = clock;
  }

  @Get()
  @Requires('tenants:read')
  @ApiOperation({
    summary: 'The Customers page',
    description:
      'The tenant and everybody below it whom you reach, each before its own customers, siblings sorted by name or by ' +
      `${Object.keys(SORTED_BY).join(', ')} (\`sourceData\`: the worst first). Whoever matches the filter is listed together with all above it; \`matches\` tells them ` +
      'apart. For whoever may not see amounts there (Support), `invoices`, `mrr`, `ports`, `vcs`, `cloud`, `lastActivity` and ' +
      '`lastOrder` are null, and count as null where the tree is sorted by them; where that is so for some of more than ' +
      `${String(MOST_IN_PART)} customers only, for all. \`lastActivity\` may be up to five minutes behind the activity log.`,
  })
  @Answers(200, page(rowSchema))
  async list(
    @Param('tenantId') _tenantId: TenantId,
    @Query() query: TreeQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<TreeRow>> {
    const columns = columnsIn(query.columns);
    const { asOf, cursor } = placeIn(query.cursor, this.#clock.now());
    const walk = await this.#walk(query, caller, asOf);
    const page = await openTree(this.#readModels, walk);
    const found = await page({ limit: query.limit ?? DEFAULT_LIMIT, ...(cursor === undefined ? {} : { cursor }) });
    const rows = await treeRows(this.#readModels, found.items, this.#view(query, caller, walk, columns));
    return {
      items: rows.map((row) => withColumns(row, columns)),
      nextCursor: found.nextCursor === null ? null : `${asOf}~${found.nextCursor}`,
      total: found.total,
    };
  }

  @Get('export')
  @LongRunning()
  @Requires('tenants:read')
  @ApiOperation({
    summary: 'The Customers page as CSV',
    description:
      'The rows that the filter leaves, in the same order, with all columns or, with `visibleOnly`, those of `columns`.',
  })
  @Answers(200, csvSchema, CSV_TYPE)
  async export(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: TreeExportQuery,
    @CallerOf() caller: Caller,
  ): Promise<StreamableFile> {
    const chosen = columnsIn(query.columns);
    const columns = query.visibleOnly === true ? chosen : COLUMNS;
    const walk = await this.#walk(query, caller, this.#clock.now());
    const view = this.#view(query, caller, walk, columns);
    const page = await openTree(this.#readModels, walk);
    return csvFile(`customers-${tenantId}`, csvColumns(columns), async (part) => {
      const found = await page(part);
      return { ...found, items: await treeRows(this.#readModels, found.items, view) };
    });
  }

  async #walk(
    { customer, sourceData, status, hideInactive = false, sort }: TreeFilter,
    caller: Caller,
    asOf: Instant,
  ): Promise<Walk> {
    const top = tenantOf(caller);
    const filter: Filter = {
      ...(customer === undefined ? {} : { nameOrder: { contains: alphabeticalPart(customer) } }),
      ...(sourceData === undefined ? {} : { sourceData }),
      ...(status === undefined ? {} : { status: status === 'onboarding' ? { not: 'complete' } : status }),
      // All but the top itself: what it does not see of itself must not decide whether it matches.
      ...(status !== undefined && hidesStatus(top, caller.anchor) ? { parentId: { not: top.parentId } } : {}),
    };
    const allowed = await allowedWithin(this.#readModels, caller.standing, 'tenants:read', top);
    const walk = { top, allowed, filter, sort: sortIn(sort) };
    if (!hideInactive && !isByActivity(walk.sort)) return walk;
    const since = hideInactive ? activeSince(asOf) : null;
    return withinSight(this.#readModels, walk, since, await seesActivityIn(this.#readModels, caller.standing, walk));
  }

  #view({ month }: TreeFilter, caller: Caller, { top }: Walk, columns: readonly Column[]): View {
    const { standing, anchor } = caller;
    const isReseller = top.tier === 'reseller' && anchor === top.id;
    return {
      standing,
      anchor,
      month: isReseller ? (month ?? monthOf(dayOf(this.#clock.now()))) : null,
      columns,
    };
  }
}

/** Whoever was about before this instant only, was so more than 30 days ago. */
const activeSince = (asOf: Instant): Instant => new Date(Date.parse(asOf) - INACTIVE_MS).toISOString() as Instant;

/** A cursor keeps the instant at which the first page was asked for: what is inactive must not change from page to page. */
const placeIn = (cursor: string | undefined, now: Instant): Readonly<{ asOf: Instant; cursor?: string }> => {
  if (cursor === undefined) return { asOf: now };
  const [, asOf = '', inner = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)~(.+)$/.exec(cursor) ?? [];
  if (Number.isNaN(Date.parse(asOf))) throw foreignCursor();
  return { asOf: asOf as Instant, cursor: inner };
};

/** @throws DomainError `invalid` `invalid-columns` */
const columnsIn = (text: string | undefined): readonly Column[] => {
  if (text === undefined) return COLUMNS;
  const asked = text.split(',');
  const unknown = asked.find((name) => !isColumn(name));
  if (unknown !== undefined) {
    const message = `are ${COLUMNS.join(', ')}; there is no "${unknown}"`;
    throw new DomainError('invalid', 'invalid-columns', `The columns ${message}.`, [{ path: 'columns', message }]);
  }
  return COLUMNS.filter((column) => asked.includes(column));
};

const isColumn = (name: string): name is Column => COLUMNS.some((column) => column === name);

const sortIn = (sort: string | undefined): Sort => paging(sort === undefined ? {} : { sort }, SORTED_BY, BY_NAME).sort;

const BY_NAME = [{ by: 'name', direction: 'ascending' }] as const;
