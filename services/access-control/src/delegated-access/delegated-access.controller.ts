import { Body, Controller, Get, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsInt, IsUUID, Max, Min } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import {
  delegatedAccesses,
  type DelegatedAccessRow,
  type DelegatedAccessStatus,
} from '#libs/access-policy/delegated-accesses.projection';
import { memberships } from '#libs/access-policy/memberships.projection';
import { type BuiltInRole } from '#libs/access-policy/roles';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { handle } from '#libs/event-sourcing/handle';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, homeOf, tenantOf } from '#libs/platform/caller';
import { instant, page, userId as userIdSchema } from '#libs/platform/published-schemas';
import { created } from '#libs/platform/reply';
import { InPerson, Requires } from '#libs/platform/requires';
import { choice, integer, named, nullable, object, saying, schema, type Schema, text } from '#libs/platform/schema';
import { type Platform } from '#libs/platform/service';
import { PLATFORM } from '#libs/platform/tokens';
import { IsName, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type DelegatedAccessId, type TenantId, type UserId } from '#libs/published/ids';
import { type Page } from '#libs/read-models/read-model';
import { type Instant, systemClock } from '#libs/time/time';
import { knownTo } from '../role/grantable.ts';
import { approve, decline, delegatedAccess, end, LONGEST_HOURS, request } from './delegated-access.ts';

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

class DelegatedAccessQuery extends PageQuery {
  @Optional()
  @OneOf('requested', 'approved', 'declined', 'ended')
  status?: DelegatedAccessStatus;
}

/** `expired`: it was approved, and its time is over. */
type Status = DelegatedAccessStatus | 'expired';
type DelegatedAccessAnswer = Omit<DelegatedAccessRow, 'tenantId' | 'memberOf' | 'status'> & Readonly<{ status: Status }>;

const delegatedAccessId: Schema<DelegatedAccessId> = schema({ type: 'string', format: 'uuid' });

const delegatedAccessSchema = named(
  'DelegatedAccess',
  object<DelegatedAccessAnswer>({
    id: delegatedAccessId,
    userId: userIdSchema,
    role: choice('admin', 'regular', 'readOnly', 'support', 'sales'),
    hours: saying('From the approval on', integer),
    reason: text,
    requestedAt: instant,
    status: choice('requested', 'approved', 'declined', 'ended', 'expired'),
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
      'Admins approves. A user of no tenant above within your reach is 422 `user-not-above`. Nothing that they do by it outlasts it in ' +
      'who may enter: users, invitations, roles, links, service accounts and delegated access are 403 `not-by-delegated-access` to them.',
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
    const memberOf = await this.#above(userId, path, caller);
    const id = uuidv5('delegated-access', command.id) as DelegatedAccessId;
    const asked = { delegatedAccessId: id, tenantId, path, userId, memberOf, role, hours, reason };
    await handle(this.#platform.store, delegatedAccess, id, request(asked, systemClock.now()), { command });
    created(reply, `/api/v1/tenants/${tenantId}/delegated-accesses/${id}`);
    return this.#answer(tenantId, id);
  }

  @Get()
  @Requires('access:write')
  @ApiOperation({ summary: 'Who asked the tenant for access', description: 'The newest first; filter by `status`.' })
  @Answers(200, page(delegatedAccessSchema))
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: DelegatedAccessQuery): Promise<Page<DelegatedAccessAnswer>> {
    const newestFirst = [{ by: 'requestedAt', direction: 'descending' }] as const;
    const filter = { tenantId, ...(query.status === undefined ? {} : { status: query.status }) };
    const found = await this.#platform.readModels
      .of(delegatedAccesses)
      .find({ filter, ...paging(query, ['requestedAt'], newestFirst) });
    return { ...found, items: found.items.map((row) => answerOf(row, systemClock.now())) };
  }

  @Get(':delegatedAccessId')
  @Requires('access:write')
  @ApiOperation({ summary: 'An access that was asked for' })
  @Answers(200, delegatedAccessSchema)
  one(@Param('tenantId') tenantId: TenantId, @Param('delegatedAccessId') id: DelegatedAccessId): Promise<DelegatedAccessAnswer> {
    return this.#answer(tenantId, id);
  }

  @Post(':delegatedAccessId/approve')
  @Requires('access:write')
  @InPerson()
  @ApiOperation({
    summary: 'Grant the access',
    description: 'Its hours begin now. One of the tenant’s own Admins decides, nobody else: 422 `approval-is-the-tenants-own`.',
  })
  @Answers(200, delegatedAccessSchema)
  approve(
    @Param('tenantId') tenantId: TenantId,
    @Param('delegatedAccessId') id: DelegatedAccessId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<DelegatedAccessAnswer> {
    demandOwn(caller);
    return this.#decide(tenantId, id, approve, command);
  }

  @Post(':delegatedAccessId/decline')
  @Requires('access:write')
  @InPerson()
  @ApiOperation({ summary: 'Refuse the access', description: 'One of the tenant’s own Admins decides, nobody else.' })
  @Answers(200, delegatedAccessSchema)
  decline(
    @Param('tenantId') tenantId: TenantId,
    @Param('delegatedAccessId') id: DelegatedAccessId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<DelegatedAccessAnswer> {
    demandOwn(caller);
    return this.#decide(tenantId, id, decline, command);
  }

  @Post(':delegatedAccessId/end')
  @Requires('access:write')
  @InPerson()
  @ApiOperation({
    summary: 'End the access before its time',
    description:
      'It counts no longer on the very next request. What nobody has answered yet is withdrawn. Not by somebody who is there by ' +
      'delegated access themselves: 403 `not-by-delegated-access`.',
  })
  @Answers(200, delegatedAccessSchema)
  end(
    @Param('tenantId') tenantId: TenantId,
    @Param('delegatedAccessId') id: DelegatedAccessId,
    @CommandOf() command: Command,
  ): Promise<DelegatedAccessAnswer> {
    return this.#decide(tenantId, id, end, command);
  }

  async #decide(
    tenantId: TenantId,
    id: DelegatedAccessId,
    decision: typeof approve,
    command: Command,
  ): Promise<DelegatedAccessAnswer> {
    const of = { delegatedAccessId: id, tenantId };
    await handle(this.#platform.store, delegatedAccess, id, decision(of, systemClock.now()), { command });
    return this.#answer(tenantId, id);
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

  async #answer(tenantId: TenantId, id: DelegatedAccessId): Promise<DelegatedAccessAnswer> {
    const row = await this.#platform.readModels.of(delegatedAccesses).get(id);
    if (row?.tenantId !== tenantId)
      throw new DomainError('not-found', 'delegated-access-not-found', 'Nobody asked the tenant for this access.');
    return answerOf(row, systemClock.now());
  }
}

const demandOwn = (caller: Caller): void => {
  if (caller.via !== undefined || homeOf(caller) !== tenantOf(caller).id)
    throw new DomainError('rejected', 'approval-is-the-tenants-own', 'One of the tenant’s own Admins decides that, nobody else.');
};

const answerOf = (row: DelegatedAccessRow, now: Instant): DelegatedAccessAnswer => {
  const { id, userId, role, hours, reason, requestedAt, from, until } = row;
  const expired = row.status === 'approved' && until !== null && until <= now;
  return { id, userId, role, hours, reason, requestedAt, status: expired ? 'expired' : row.status, from, until };
};
