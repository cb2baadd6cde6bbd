import { Controller, Get, Inject, Param, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { allowedWithin } from '#libs/access-policy/reach';
import { type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, tenantOf } from '#libs/platform/caller';
import { page } from '#libs/platform/published-schemas';
import { withETag } from '#libs/platform/reply';
import { Requires } from '#libs/platform/requires';
import { named, nullable, object, saying, text } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { Optional, PageQuery, paging, QueryInteger } from '#libs/platform/validation';
import { type TenantId } from '#libs/published/ids';
import { type ProformaLine } from '#libs/published/invoicing';
import { cursorTo, foreignCursor, placeOf } from '#libs/read-models/cursor';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { type SourceLineCursor } from '#libs/usage-store/source-lines';
import { type Instant, isMonth, type Month } from '#libs/time/time';
import { billList, type BillRow } from '../bill-list/bill-list.projection.ts';
import { type RatingState, ratingStates } from '../month-rating/due-months.ts';
import { MonthRatingService } from '../month-rating/month-rating-service.ts';
import { explain } from '../rating/explanation.ts';
import { billId } from './bill.ts';
import { billFields, lineSchema, revisedAt, revision } from './bill-schemas.ts';
import { isOfNobodyReached, viewedLine, viewedParts, type ViewedParts, type Viewer } from './bill-view.ts';
import { type ExplanationAnswer, explanationSchema, sourceLineSchema } from './explanation-schema.ts';
import { pinnedBill } from './pinned-bill.ts';

export class RevisionQuery {
  @Optional()
  @QueryInteger(0, 999_999_999)
  @ApiPropertyOptional({ description: 'Revision of the bill, the newest unless given' })
  revision?: number;
}

export class LinesQuery extends PageQuery {
  @Optional()
  @QueryInteger(0, 999_999_999)
  @ApiPropertyOptional({ description: 'Revision of the bill, the newest unless given' })
  revision?: number;
}

/** A tenant's month. Before its first rating `revision` is null and there are no figures yet. */
type BillDetails = ViewedParts &
  Pick<BillRow, 'tenantId' | 'name' | 'tier' | 'month' | 'proforma' | 'reason' | 'imports'> &
  Readonly<{
    revision: Revision | null;
    revisedAt: Instant | null;
    state: RatingState;
    /** Why it stays `applying`, when rating fails; null otherwise. */
    trouble: string | null;
  }>;

const billSchema = named(
  'Bill',
  object<BillDetails>({
    ...billFields,
    revision: saying('Null until the month is rated for the first time, as is `revisedAt`', nullable(revision)),
    revisedAt: nullable(revisedAt),
    trouble: saying('Why it stays `applying` when rating fails', nullable(text)),
  }),
);

@ApiTags('bills')
@Controller('tenants/:tenantId/bills/:month')
export class BillController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;
  readonly #ratings: MonthRatingService;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels, ratings: MonthRatingService) {
    this.#store = store;
    this.#readModels = readModels;
    this.#ratings = ratings;
  }

  @Get()
  @Answers(200, billSchema, { headers: ['ETag'] })
  @Requires('bills:read')
  @ApiOperation({
    summary: 'What a month comes to',
    description:
      'Figures by currency, unrounded, and the proforma’s totals, or the reason why there is none. `state` is `applying` while a ' +
      'change of usage, links or contracts is not in the figures yet. 404 for a month without usage.',
  })
  async get(
    @Param('tenantId') tenantId: TenantId,
    @Param('month') monthText: string,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BillDetails> {
    const month = monthOf(monthText);
    const tenant = tenantOf(caller);
    const [rating] = await ratingStates(this.#readModels, { rootId: tenant.rootId, month });
    if (!rating)
      throw new DomainError(
        'not-found',
        'bill-not-found',
        `There is no bill for ${month}: no usage was imported for this month.`,
      );
    const row = await this.#readModels.of(billList).get(billId(tenantId, month));
    const trouble =
      rating.state === 'applying' && this.#ratings.worker.isFailing(tenant.rootId, month)
        ? 'Rating this month fails at present and is tried again: the operator sees why.'
        : null;
    if (!row) return { ...unrated(tenant, month), state: rating.state, trouble };
    withETag(reply, row.revision);
    const { name, tier, revision, revisedAt, proforma, reason, imports } = row;
    const { state } = rating;
    return {
      tenantId,
      name,
      tier,
      month,
      revision,
      revisedAt,
      state,
      trouble,
      proforma,
      reason,
      imports,
      ...viewedParts(row, caller.anchor),
    };
  }

  @Get('lines')
  @Answers(200, page(lineSchema))
  @Requires('bills:read')
  @ApiOperation({ summary: 'The printed lines of the proforma', description: 'In the order in which the document prints them.' })
  async lines(
    @Param('tenantId') tenantId: TenantId,
    @Param('month') monthText: string,
    @Query() query: LinesQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<ProformaLine>> {
    const month = monthOf(monthText);
    const from = query.cursor === undefined ? undefined : lineCursor(query.cursor);
    const { revision, bill } = await pinnedBill(this.#store, this.#readModels, tenantId, month, from?.revision ?? query.revision);
    const lines = bill.proforma?.lines ?? [];
    const start = from?.line ?? 0;
    const end = start + paging(query).limit;
    const reached = await allowedWithin(this.#readModels, caller.standing, 'bills:read', tenantOf(caller));
    return {
      items: lines.slice(start, end).map((line) => viewedLine(line, reached)),
      total: lines.length,
      nextCursor: end < lines.length ? cursorTo([revision, end]) : null,
    };
  }
}

@ApiTags('bills')
@Controller('tenants/:tenantId/bills/:month/lines/:lineId')
export class LineController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;
  readonly #ratings: MonthRatingService;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels, ratings: MonthRatingService) {
    this.#store = store;
    this.#readModels = readModels;
    this.#ratings = ratings;
  }

  @Get('explanation')
  @Answers(200, explanationSchema)
  @Requires('bills:read')
  @ApiOperation({
    summary: 'How a line came about',
    description:
      'By the rules and the usage that this revision of the bill was made from. Each tier sees its own rules and those below it, with ' +
      'the amount it started from.',
  })
  async explanation(
    @Param('tenantId') tenantId: TenantId,
    @Param('month') month: string,
    @Param('lineId') lineId: string,
    @Query() query: RevisionQuery,
    @CallerOf() caller: Caller,
  ): Promise<ExplanationAnswer> {
    const { explanation, revision } = await this.#explain(tenantId, monthOf(month), lineId, caller, query.revision);
    const { groups: _groups, ...shown } = explanation;
    return { ...shown, revision };
  }

  @Get('source-lines')
  @Answers(200, page(sourceLineSchema))
  @Requires('bills:read')
  @ApiOperation({
    summary: 'The source lines behind a line',
    description:
      'By FOCUS column, in the order of the import; `BilledCost` is null where it would show what the viewer may not see.',
  })
  async sourceLines(
    @Param('tenantId') tenantId: TenantId,
    @Param('month') month: string,
    @Param('lineId') lineId: string,
    @Query() query: LinesQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<SourceLineItem>> {
    const from = query.cursor === undefined ? undefined : sourceLineCursor(query.cursor);
    const { explanation, input, revision } = await this.#explain(
      tenantId,
      monthOf(month),
      lineId,
      caller,
      from?.revision ?? query.revision,
    );
    const { items, next, total } = await this.#ratings.usage.sourceLines(input, explanation.groups, {
      limit: paging(query).limit,
      ...(from && { after: from.after }),
    });
    return {
      items: items.map((line) => ({
        ...line,
        x_Row: Number(line['x_Row']),
        ...(explanation.sourceAmountsHidden && { BilledCost: null }),
      })),
      total,
      nextCursor: next && cursorTo([revision, next.slice, Number(next.row)]),
    };
  }

  async #explain(tenantId: TenantId, month: Month, lineId: string, caller: Caller, revision?: Revision) {
    const pinned = await pinnedBill(this.#store, this.#readModels, tenantId, month, revision);
    const input = await this.#ratings.archive.get(pinned.bill.inputDigest);
    const reached = await allowedWithin(this.#readModels, caller.standing, 'bills:read', tenantOf(caller));
    const line = pinned.bill.proforma?.lines.find(({ id }) => id === lineId);
    const path = pathTo(caller.anchor, pinned.bill.path);
    const explanation =
      line && isOfNobodyReached(line, reached) ? undefined : explain(await this.#ratings.rated.of(input), tenantId, lineId, path);
    if (!explanation)
      throw new DomainError(
        'not-found',
        'line-not-found',
        `Revision ${String(pinned.revision)} of the bill for ${month} has no such line.`,
      );
    return { explanation, input, revision: pinned.revision };
  }
}

/** A source line by FOCUS column; amounts as exact decimal text. */
type SourceLineItem = Readonly<Record<string, unknown>>;

/** The part of a bill's path that ends with the viewer; whoever runs the platform sees all of it. */
const pathTo = (viewer: Viewer, path: readonly TenantId[]): readonly TenantId[] =>
  viewer === 'platform' ? path.slice(0, 1) : viewer === null ? [] : path.slice(0, path.indexOf(viewer) + 1);

const monthOf = (text: string): Month => {
  if (isMonth(text)) return text;
  const message = 'must be a month, YYYY-MM';
  throw new DomainError('invalid', 'invalid-month', `The month ${message}.`, [{ path: 'month', message }]);
};

const unrated = ({ id, name, tier }: TenantTreeRow, month: Month): Omit<BillDetails, 'state' | 'trouble'> => ({
  tenantId: id,
  parentId: null,
  name,
  tier,
  month,
  revision: null,
  revisedAt: null,
  figures: [],
  proforma: null,
  reason: { code: 'not-rated-yet', message: 'The month is being rated.' },
  contracts: [],
  imports: [],
  warnings: [],
});

/** @throws DomainError `invalid` `invalid-cursor` unless it holds that many whole numbers. */
const placeIn = (cursor: string, length: number): readonly number[] => {
  const place = placeOf(cursor).filter((part): part is number => Number.isSafeInteger(part));
  if (place.length !== length) throw foreignCursor();
  return place;
};

/** Pages of one list show one revision, whatever is rated meanwhile. */
const lineCursor = (cursor: string): Readonly<{ revision: Revision; line: number }> => {
  const [revision = 0, line = 0] = placeIn(cursor, 2);
  return { revision, line };
};

const sourceLineCursor = (cursor: string): Readonly<{ revision: Revision; after: SourceLineCursor }> => {
  const [revision = 0, slice = 0, row = 0] = placeIn(cursor, 3);
  return { revision, after: { slice, row: BigInt(row) } };
};
