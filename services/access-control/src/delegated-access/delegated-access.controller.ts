import { Body, Controller, Get, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsInt, IsUUID, Max, Min } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import { type DelegatedAccessRow } from '#libs/access-policy/delegated-access';
import { delegatedAccesses } from '#libs/access-policy/delegated-accesses.projection';
import { memberships } from '#libs/access-policy/memberships.projection';
import { inPerson, ownMembership } from '#libs/access-policy/own';
import { effective } from '#libs/access-policy/policy';
import { type BuiltInRole } from '#libs/access-policy/roles';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { instant, page, userId as userIdSchema } from '#libs/platform/published-schemas';
import { created } from '#libs/platform/reply';
import { InPerson, Requires } from '#libs/platform/requires';
import { choice, integer, named, nullable, object, saying, schema, type Schema, text } from '#libs/platform/schema';
import { type Platform } from '#libs/platform/service';
import { PLATFORM } from '#libs/platform/tokens';
import { IsName, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type DelegatedAccessId, type TenantId, type UserId } from '#libs/published/ids';
import { pageAsOf } from '#libs/read-models/cursor';
import { type Filter, type Page } from '#libs/read-models/read-model';
import { type Instant, systemClock } from '#libs/time/time';
import { knownTo } from '../role/grantable.ts';
import { userList } from '../user-list/user-list.projection.ts';
import { approve, decline, type DelegatedAccess, delegatedAccess, end, LONGEST_HOURS, request } from './delegated-access.ts';

type DelegatedRole = Exclude<BuiltInRole, 'operator'>;

class DelegatedAccessInput {
  @OneOf('admin', 'regular', 'readOnly', 'support', 'sales')
  role!: DelegatedRole;

  @IsInt()
  @Min(1)
  @Max(LONGEST_HOURS)
  @ApiProperty({ type: 'integer', minimum: 1, maximum: LONGEST_HOURS, description: 'From the approval on' })
  hours!: number;

  @IsName(500)
  reason!: string;

  @Optional()
  @IsUUID()
  @ApiPropertyOptional({ type: String, format: 'uuid', description: 'A user of a tenant above; you yourself, unless told' })
  userId?: UserId;
}

const STATUSES = ['requested', 'approved', 'declined', 'ended', 'expired'] as const;
/** `expired`: it was approved, and its time is over. */
type Status = (typeof STATUSES)[number];

class DelegatedAccessQuery extends PageQuery {
  @Optional()
  @OneOf(...STATUSES)
  status?: Status;
}

/** Who asks shows themselves, wherever they are from. */
type DelegatedAccessAnswer = Omit<DelegatedAccessRow, 'tenantId' | 'memberOf' | 'status'> &
  Readonly<{ email: string; name: string; memberOfName: string | null; status: Status }>;

const delegatedAccessId: Schema<DelegatedAccessId> = schema({ type: 'string', format: 'uuid' });

const delegatedAccessSchema = named(
  'DelegatedAccess',
  object<DelegatedAccessAnswer>({
    id: delegatedAccessId,
    userId: userIdSchema,
    email: text,
    name: text,
    memberOfName: saying('Of the tenant above whose user it is; null: of the platform', nullable(text)),
    role: choice('admin', 'regular', 'readOnly', 'support', 'sales'),
    hours: saying('From the approval on', integer),
    reason: text,
    requestedAt: instant,
    status: choice(...STATUSES),
    from: nullable(instant),
    until: saying('It ends then by itself', nullable(instant)),
  }),
);

/** For a while, granted and ended by the tenant. All instants are of the wall clock. */
@ApiTags('access')
@Controller('tenants/:tenantId/delegated-accesses')
export class DelegatedAccessController {
  readonly #platform: Platform;

  constructor(@Inject(PLATFORM) platform: Platform) {
    this.#platform = platform;
  }

  @Post()
  @Requires('access:write', { parentOf: 'tenantId' })
  @InPerson()
  @ApiOperation({
    summary: 'Ask a tenant for access for a while',
    description:
      'For a user of a tenant above it, who then has the role in this tenant for the hours asked for, once one of the tenant’s own ' +
      'Admins approves; a letter tells them. While it lasts it counts instead of a link that they have there. A user of no tenant above ' +
      'within your reach is 422 `user-not-above`. Nothing that they do by it outlasts it in who may enter: users, invitations, roles, ' +
      'links, service accounts and delegated access are 403 `not-by-delegated-access` to them.',
  })
  @Answers(201, delegatedAccessSchema, { headers: ['Location'] })
  async request(
    @Param('tenantId') tenantId: TenantId,
    @Body() { role, hours, reason, userId: wanted }: DelegatedAccessInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DelegatedAccessAnswer> {
    const { path } = tenantOf(caller);
    const userId = wanted ?? caller.userId;
    const id = uuidv5('delegated-access', command.id) as DelegatedAccessId;
    // There already where this very request was made before, whatever has become of the user since.
    const { state: before } = await present(this.#platform.store, delegatedAccess, id);
    const memberOf = before?.memberOf ?? (await this.#above(userId, path, caller));
    const asked = { delegatedAccessId: id, tenantId, path, userId, memberOf, role, hours, reason };
    const decision = request(asked, systemClock.now());
    const { state } = await handle(this.#platform.store, delegatedAccess, id, decision, { command });
    created(reply, `/api/v1/tenants/${tenantId}/delegated-accesses/${id}`);
    return this.#decided(state);
  }

  @Get()
  @Requires('access:write')
  @ApiOperation({
    summary: 'Who asked the tenant for access',
    description:
      'The newest first; filter by `status`. What users of tenants above yours asked for is the tenant’s own matter and not yours: ' +
      'it is as if it were not there.',
  })
  @Answers(200, page(delegatedAccessSchema))
  list(@Query() query: DelegatedAccessQuery, @CallerOf() caller: Caller): Promise<Page<DelegatedAccessAnswer>> {
    const newestFirst = [{ by: 'requestedAt', direction: 'descending' }] as const;
    const { cursor, ...asked } = paging(query, ['requestedAt'], newestFirst);
    const matters = mattersOf(caller);
    return pageAsOf(cursor, systemClock.now(), async (asOf, within) => {
      const filter = {
        tenantId: tenantOf(caller).id,
        ...(matters === 'all' ? {} : { memberOf: { in: matters } }),
        ...filterOf(query.status, asOf),
      };
      const model = this.#platform.readModels.of(delegatedAccesses);
      const found = await model.find({ filter, ...asked, ...within });
      return { ...found, items: await Promise.all(found.items.map((row) => this.#described(row, statusOf(row, asOf)))) };
    });
  }

  @Get(':delegatedAccessId')
  @Requires('access:write')
  @ApiOperation({ summary: 'An access that was asked for' })
  @Answers(200, delegatedAccessSchema)
  async one(@Param('delegatedAccessId') id: DelegatedAccessId, @CallerOf() caller: Caller): Promise<DelegatedAccessAnswer> {
    const row = await this.#platform.readModels.of(delegatedAccesses).get(id);
    if (row?.tenantId !== tenantOf(caller).id || !isMatterOf(row, caller))
      throw new DomainError('not-found', 'delegated-access-not-found', 'Nobody asked the tenant for this access.');
    return this.#described(row, statusOf(row, systemClock.now()));
  }

  @Post(':delegatedAccessId/approve')
  @Requires('access:write')
  @InPerson()
  @ApiOperation({
    summary: 'Grant the access',
    description:
      'Its hours begin now. One of the tenant’s own Admins decides, nobody else, nor one who is a user of a tenant above, too: ' +
      '422 `approval-is-the-tenants-own`.',
  })
  @Answers(200, delegatedAccessSchema)
  approve(
    @Param('delegatedAccessId') id: DelegatedAccessId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<DelegatedAccessAnswer> {
    demandOwn(caller);
    return this.#decide(caller, id, approve, command);
  }

  @Post(':delegatedAccessId/decline')
  @Requires('access:write')
  @InPerson()
  @ApiOperation({ summary: 'Refuse the access', description: 'One of the tenant’s own Admins decides, nobody else.' })
  @Answers(200, delegatedAccessSchema)
  decline(
    @Param('delegatedAccessId') id: DelegatedAccessId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<DelegatedAccessAnswer> {
    demandOwn(caller);
    return this.#decide(caller, id, decline, command);
  }

  @Post(':delegatedAccessId/end')
  @Requires('access:write')
  @InPerson()
  @ApiOperation({
    summary: 'End the access before its time',
    description:
      'It counts no longer on the very next request. What nobody has answered yet is withdrawn. By one of the tenant’s own, by whoever ' +
      'has it, or from the tenant whose user that is or one above it; not by somebody who is there by delegated access themselves: ' +
      '403 `not-by-delegated-access`.',
  })
  @Answers(200, delegatedAccessSchema)
  end(
    @Param('delegatedAccessId') id: DelegatedAccessId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<DelegatedAccessAnswer> {
    return this.#decide(caller, id, end, command);
  }

  async #decide(
    caller: Caller,
    id: DelegatedAccessId,
    decision: typeof approve,
    command: Command,
  ): Promise<DelegatedAccessAnswer> {
    const decided = decision({ delegatedAccessId: id, tenantId: tenantOf(caller).id }, systemClock.now());
    const theirs = (known: DelegatedAccess): DelegatedAccess => (known && isMatterOf(known, caller) ? known : undefined);
    const { state } = await handle(this.#platform.store, delegatedAccess, id, (known) => decided(theirs(known)), { command });
    return this.#decided(state, decision === end);
  }

  /** Of which tenant above, the nearest one first, the user is a member. Whom the caller may not know of is nobody's. */
  async #above(userId: UserId, path: readonly TenantId[], { anchor, userId: own }: Caller): Promise<TenantId | 'platform'> {
    const held = await this.#platform.readModels.of(memberships).all({ userId, enabled: true });
    const member = new Set(held.map(({ tenantId }) => tenantId));
    const isKnown = anchor === 'platform' || userId === own;
    const reach: readonly (TenantId | 'platform')[] = ['platform', ...path.slice(0, -1)];
    const known = isKnown ? reach : knownTo(anchor, path).slice(0, -1);
    const nearest = known.findLast((tenantId) => member.has(tenantId));
    if (nearest === undefined)
      throw new DomainError('rejected', 'user-not-above', 'The user is of no tenant above this one.', [
        { path: 'userId', message: 'must be a user of a tenant above' },
      ]);
    return nearest;
  }

  /** As the command left it. What was to end and was not ended was over already. */
  #decided(access: DelegatedAccess, isOver = false): Promise<DelegatedAccessAnswer> {
    if (!access) throw new Error('an access is not there that was decided on');
    return this.#described(access, isOver && access.status === 'approved' ? 'expired' : access.status);
  }

  async #described(row: DelegatedAccessRow, status: Status): Promise<DelegatedAccessAnswer> {
    const { id, userId, memberOf, role, hours, reason, requestedAt, from, until } = row;
    const { readModels } = this.#platform;
    const person = await readModels.of(userList).get(userId);
    const tenant = memberOf === 'platform' ? undefined : await readModels.of(tenantTree).get(memberOf);
    const who = { userId, email: person?.email ?? '', name: person?.name ?? '', memberOfName: tenant?.name ?? null };
    return { id, ...who, role, hours, reason, requestedAt, status, from, until };
  }
}

const statusOf = ({ status, until }: DelegatedAccessRow, now: Instant): Status =>
  status === 'approved' && until !== null && until <= now ? 'expired' : status;

const demandOwn = (caller: Caller): void => {
  if (caller.via !== undefined || ownMembership(caller.standing, tenantOf(caller).path)?.role !== 'admin')
    throw new DomainError('rejected', 'approval-is-the-tenants-own', 'One of the tenant’s own Admins decides that, nobody else.');
};

/**
 * Whose users' accesses are the caller's matter: to the tenant's own everybody's, to others those of the tenant as whose user they are
 * there and of the tenants below that. Who came into the tenant from above, by a context or a link, is no more than they are from there;
 * nor is whoever is a user of the tenant as well.
 */
const mattersOf = (caller: Caller): 'all' | readonly TenantId[] => {
  const { id, path } = tenantOf(caller);
  if (ownMembership(caller.standing, path)) return 'all';
  const person = inPerson(caller.standing);
  const anchor = (caller.anchor === id ? effective(person, path)?.anchor : caller.anchor) ?? null;
  const nearest = path.slice(0, -1).findLast((above) => person.memberships.some(({ tenantId }) => tenantId === above));
  const of = anchor === id ? (nearest ?? null) : anchor;
  return of === 'platform' ? 'all' : knownTo(of, path);
};

const isMatterOf = ({ userId, memberOf }: Pick<DelegatedAccessRow, 'userId' | 'memberOf'>, caller: Caller): boolean => {
  const matters = mattersOf(caller);
  return userId === caller.userId || matters === 'all' || matters.some((tenantId) => tenantId === memberOf);
};

const filterOf = (status: Status | undefined, now: Instant): Filter => {
  switch (status) {
    case undefined:
      return {};
    case 'approved':
      return { status, until: { gt: now } };
    case 'expired':
      return { status: 'approved', until: { lte: now } };
    case 'requested':
    case 'declined':
    case 'ended':
      return { status };
  }
};
