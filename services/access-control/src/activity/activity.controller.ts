import { Controller, Get, Inject, Param, Query, type StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags, IntersectionType } from '@nestjs/swagger';
import { accessSettings } from '#libs/access-policy/access-settings.projection';
import { maskedData, sightOf } from '#libs/access-policy/masking';
import { type Allowed, allowedWithin, includes } from '#libs/access-policy/reach';
import { serviceAccounts } from '#libs/access-policy/service-accounts.projection';
import { type Columns } from '#libs/csv/csv';
import { type Category, type WayOfActing, WAYS_OF_ACTING } from '#libs/event-sourcing/event';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, tenantOf } from '#libs/platform/caller';
import { CSV_TYPE, csvFile, csvSchema } from '#libs/platform/csv-file';
import { LongRunning } from '#libs/platform/long-running';
import { instant, page, tenantId as tenantIdSchema } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { choice, flag, named, nullable, object, saying, schema, type Schema, text } from '#libs/platform/schema';
import { READ_MODELS } from '#libs/platform/tokens';
import { IsInstant, IsName, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type TenantId } from '#libs/published/ids';
import { type Filter, type Page, type Query as ReadQuery, type ReadModels } from '#libs/read-models/read-model';
import { type Instant } from '#libs/time/time';
import { customerLink } from '../customer-link/customer-link.ts';
import { delegatedAccess } from '../delegated-access/delegated-access.ts';
import { userWithAddress } from '../session/password-login.ts';
import { userList } from '../user-list/user-list.projection.ts';
import { ACTIVITY_CATEGORIES, type ActivityCategory, type ActivityLevel, tenantIn } from './activities.ts';
import { activityLog, type ActivityRow } from './activity-log.projection.ts';

class ActivityFilter {
  @Optional()
  @IsInstant()
  @ApiPropertyOptional({ description: 'The first instant' })
  from?: Instant;

  @Optional()
  @IsInstant()
  @ApiPropertyOptional({ description: 'The first instant no longer' })
  to?: Instant;

  @Optional()
  @IsName(320)
  @ApiPropertyOptional({ description: 'E-mail address or id of whoever did it' })
  user?: string;

  @Optional()
  @OneOf(...ACTIVITY_CATEGORIES)
  category?: ActivityCategory;
}

class ActivityQuery extends IntersectionType(PageQuery, ActivityFilter) {}

type Somebody = Readonly<{ id: string; email: string | null; name: string }>;

/** `changes` is null in a reference to what was done in another tenant: its own log says more. */
type ActivityAnswer = Readonly<{
  id: string;
  at: Instant;
  tenantId: TenantId;
  category: ActivityCategory;
  level: ActivityLevel;
  event: string;
  message: string;
  changes: unknown;
  subject: Somebody | null;
  user: Somebody;
  impersonated: Somebody | null;
  onBehalf: boolean;
  via: WayOfActing | null;
  reason: string | null;
}>;

const somebody: Schema<Somebody> = named(
  'Somebody',
  object<Somebody>({
    id: saying('UUID of a user or a service account, or the name of a part of the platform', text),
    email: saying('Null for whoever has none', nullable(text)),
    name: text,
  }),
);

const activitySchema = named(
  'Activity',
  object<ActivityAnswer>({
    id: text,
    at: instant,
    tenantId: saying('To which tenant it was done', tenantIdSchema),
    category: choice(...ACTIVITY_CATEGORIES),
    level: choice('info', 'warning'),
    event: saying('What happened, as a program reads it', text),
    message: saying('What happened, as people read it', text),
    changes: saying(
      'What it is now, by field: null in a field that you may not read from its own route. Null where the tenant was another one, whose ' +
        'own log says it, or one that you do not reach',
      schema<unknown>({ type: 'object', nullable: true, additionalProperties: true }),
    ),
    subject: saying('To which user of the tenant, where it was done to another whom `changes` shows you', nullable(somebody)),
    user: saying('Who did it, in person', somebody),
    impersonated: saying('As whom, where they acted as another user', nullable(somebody)),
    onBehalf: saying('By somebody of a tenant above, or of the platform', flag),
    via: saying('How they came to act, where it was not simply as a user', nullable(choice(...WAYS_OF_ACTING))),
    reason: saying('Why they acted as another', nullable(text)),
  }),
);

const COLUMNS: Columns<ActivityAnswer> = [
  ['time', ({ at }) => at],
  ['user', ({ user }) => user.email ?? user.name],
  ['impersonated', ({ impersonated }) => impersonated?.email ?? null],
  ['onBehalf', ({ onBehalf }) => onBehalf],
  ['via', ({ via }) => via],
  ['reason', ({ reason }) => reason],
  ['category', ({ category }) => category],
  ['level', ({ level }) => level],
  ['event', ({ event }) => event],
  ['message', ({ message }) => message],
  ['subject', ({ subject }) => subject && (subject.email ?? subject.name)],
  ['tenantId', ({ tenantId }) => tenantId],
  ['changes', ({ changes }) => (changes === null ? null : JSON.stringify(changes))],
  ['id', ({ id }) => id],
];

const NEWEST_FIRST = [{ by: 'at', direction: 'descending' }] as const;

@ApiTags('access')
@Controller('tenants/:tenantId/activity')
export class ActivityController {
  readonly #readModels: ReadModels;

  constructor(@Inject(READ_MODELS) readModels: ReadModels) {
    this.#readModels = readModels;
  }

  @Get()
  @Requires('activity:read')
  @ApiOperation({
    summary: 'What was done to the tenant, and by whom',
    description:
      'Newest first. What users of the tenants above do to a tenant stands in its log under their own e-mail address, and not in that ' +
      'of the tenant they belong to, unless that tenant has chosen the mirror: then its log refers to it.',
  })
  @Answers(200, page(activitySchema))
  async list(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: ActivityQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<ActivityAnswer>> {
    const filter = await this.#filterOf(tenantId, query, caller);
    return this.#page(caller, { filter, ...paging(query, [], NEWEST_FIRST) });
  }

  @Get('export')
  @LongRunning()
  @Requires('activity:read')
  @ApiOperation({ summary: 'The same as CSV', description: 'All that the filter leaves, newest first.' })
  @Answers(200, csvSchema, CSV_TYPE)
  async export(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: ActivityFilter,
    @CallerOf() caller: Caller,
  ): Promise<StreamableFile> {
    const filter = await this.#filterOf(tenantId, query, caller);
    return csvFile(`activity-${tenantId}`, COLUMNS, (part) => this.#page(caller, { filter, sort: NEWEST_FIRST, ...part }));
  }

  async #page(caller: Caller, query: ReadQuery): Promise<Page<ActivityAnswer>> {
    const found = await this.#readModels.of(activityLog).find(query);
    return { ...found, items: await this.#answersOf(caller, found.items) };
  }

  async #filterOf(tenantId: TenantId, { from, to, user, category }: ActivityFilter, caller: Caller): Promise<Filter> {
    const settings = await this.#readModels.of(accessSettings).get(tenantId);
    return {
      ...(settings?.activityMirror === true ? await this.#mirrored(tenantId, caller) : { tenantId }),
      ...(category === undefined ? {} : { category }),
      ...(user === undefined ? {} : { person: await this.#idOf(user) }),
      ...(from === undefined && to === undefined
        ? {}
        : { at: { ...(from === undefined ? {} : { gte: from }), ...(to === undefined ? {} : { lt: to }) } }),
    };
  }

  /** With what the tenant's own people did elsewhere: for whoever reaches where. */
  async #mirrored(tenantId: TenantId, caller: Caller): Promise<Filter> {
    const reached = await allowedWithin(this.#readModels, caller.standing, 'tenants:read', tenantOf(caller));
    return { logs: { has: tenantId }, ...(reached === 'all' ? {} : { tenantId: { in: [...new Set([tenantId, ...reached])] } }) };
  }

  /** What is no e-mail address of anybody stands for itself. */
  async #idOf(user: string): Promise<string> {
    const person = await userWithAddress({ readModels: this.#readModels }, user);
    return person?.id ?? user;
  }

  async #answersOf(caller: Caller, rows: readonly ActivityRow[]): Promise<readonly ActivityAnswer[]> {
    const log = tenantOf(caller);
    const sight = sightOf(caller.standing, log.path);
    const reached = await allowedWithin(this.#readModels, caller.standing, 'tenants:read', log);
    const told = rows.map((row) => {
      const { tenantId, source, changes } = row;
      const seen = tenantId === log.id && isTheirs(changes, log.id, reached) ? maskedData(source, changes, sight) : null;
      return { row, seen, to: subjectOf(row, seen) };
    });
    const people = await this.#people(told.flatMap(({ row, to }) => [row.person, row.as, to]));
    const named = (id: string): Somebody => people.get(id) ?? { id, email: null, name: id };
    return told.map(
      ({ row: { id, at, tenantId, category, level, event, message, person, as, via, home, reason }, seen, to }) => ({
        id,
        at,
        tenantId: tenantId as TenantId,
        category,
        level,
        event,
        message,
        changes: seen,
        subject: to === null ? null : named(to),
        user: named(person),
        impersonated: as === null ? null : named(as),
        onBehalf: home !== null,
        via,
        reason,
      }),
    );
  }

  async #people(ids: readonly (string | null)[]): Promise<ReadonlyMap<string, Somebody>> {
    const asked = new Set(ids.filter((id) => id !== null));
    const found = await Promise.all([...asked].map((id) => this.#somebody(id)));
    return new Map(found.flatMap((one) => (one ? [[one.id, one]] : [])));
  }

  async #somebody(id: string): Promise<Somebody | undefined> {
    const user = await this.#readModels.of(userList).get(id);
    if (user) return { id, email: user.email, name: user.name };
    const account = await this.#readModels.of(serviceAccounts).get(id);
    return account && { id, email: null, name: account.name };
  }
}

/** Whose user may be that of a tenant above the reader's, whom the reader must not know of: their own lists name who is known. */
const OF_TENANTS_ABOVE: readonly Category[] = [customerLink.category, delegatedAccess.category];

/** The user of the tenant to whom it was done by somebody else. @param seen of the changes by the reader */
const subjectOf = ({ source, person }: ActivityRow, seen: Readonly<Record<string, unknown>> | null): string | null => {
  const userId = OF_TENANTS_ABOVE.includes(source) ? undefined : seen?.['userId'];
  return typeof userId === 'string' && userId !== person ? userId : null;
};

/** A customer that was added stands in the log of its parent, for those to see who reach it. */
const isTheirs = (changes: ActivityRow['changes'], log: TenantId, reached: Allowed): boolean => {
  const about = tenantIn(changes);
  return about === undefined || about === log || includes(reached, about as TenantId);
};
