import { Body, Controller, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { v5 as uuidv5 } from 'uuid';
import { impersonations, type ImpersonationRow } from '#libs/access-policy/impersonations.projection';
import { membershipId, type MembershipRow, memberships } from '#libs/access-policy/memberships.projection';
import { standingOf } from '#libs/access-policy/standing';
import { userAccess } from '#libs/access-policy/user-access.projection';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { handle } from '#libs/event-sourcing/handle';
import { type IssuedToken } from '#libs/platform/access-tokens';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { mayImpersonate, originOf } from '#libs/platform/identities';
import { instant, page, userId as userIdSchema } from '#libs/platform/published-schemas';
import { AnyUser, InPerson, Requires } from '#libs/platform/requires';
import { named, nullable, object, saying, schema, type Schema, text } from '#libs/platform/schema';
import { type Platform } from '#libs/platform/service';
import { PLATFORM } from '#libs/platform/tokens';
import { IsName, Optional, PageQuery, paging } from '#libs/platform/validation';
import { type ImpersonationId, type TenantId, type UserId } from '#libs/published/ids';
import { type Page } from '#libs/read-models/read-model';
import { type Instant, systemClock } from '#libs/time/time';
import { end, impersonation, LONGEST_MINUTES, notAllowed, start } from './impersonation.ts';

class ImpersonationInput {
  @IsName(500)
  reason!: string;

  @Optional()
  @IsInt()
  @Min(1)
  @Max(LONGEST_MINUTES)
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: LONGEST_MINUTES, default: LONGEST_MINUTES })
  minutes?: number;
}

type StartedAnswer = IssuedToken & Readonly<{ impersonationId: ImpersonationId; userId: UserId }>;
type ImpersonationAnswer = Omit<ImpersonationRow, 'tenantId'>;

const impersonationId: Schema<ImpersonationId> = schema({ type: 'string', format: 'uuid' });

const impersonationSchema = named(
  'Impersonation',
  object<ImpersonationAnswer>({
    id: impersonationId,
    userId: saying('As whom', userIdSchema),
    actorId: saying('Who', userIdSchema),
    reason: text,
    startedAt: instant,
    until: saying('It ends then by itself', instant),
    endedAt: saying('When it was ended before', nullable(instant)),
  }),
);

/** All instants are of the wall clock. */
@ApiTags('access')
@Controller()
export class ImpersonationController {
  readonly #platform: Platform;

  constructor(@Inject(PLATFORM) platform: Platform) {
    this.#platform = platform;
  }

  @Post('tenants/:tenantId/users/:userId/impersonation')
  @Requires('users:impersonate')
  @InPerson('own-login')
  @ApiOperation({
    summary: 'Act as a user of the tenant',
    description:
      'An access token with which everything is as for that user, for half an hour at most. Whatever is done with it names both of ' +
      'you, and neither credentials nor who may enter can be changed; the user and the Admins of the tenant are told by a letter. It ' +
      'ends for good when either of you is deleted. A user who may anything where you may not impersonate (one of a tenant above, say) is ' +
      '422 `impersonation-not-allowed`; so are you yourself. While you act as somebody you cannot begin to act as another one.',
  })
  @Answers(
    201,
    object<StartedAnswer>({
      accessToken: text,
      expiresAt: schema({ type: 'string', format: 'date-time' }),
      impersonationId,
      userId: userIdSchema,
    }),
  )
  async start(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId') userId: UserId,
    @Body() { reason, minutes = LONGEST_MINUTES }: ImpersonationInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<StartedAnswer> {
    const { since } = await this.#within(tenantId, userId, caller);
    const origin = await originOf(this.#platform.readModels, caller);
    const id = uuidv5('impersonation', command.id) as ImpersonationId;
    const { path } = tenantOf(caller);
    const actorId = caller.userId;
    const wanted = { impersonationId: id, tenantId, path, userId, actorId, reason };
    const { state } = await handle(this.#platform.store, impersonation, id, start(wanted, minutes, systemClock.now()), {
      command,
    });
    if (!state) throw new Error('an impersonation is not there that was started');
    const issued = await this.#platform.accessTokens.issue(userId, {
      ...(caller.sessionId === null ? {} : { sessionId: caller.sessionId }),
      authenticatedAt: new Date(caller.authenticatedAt).toISOString() as Instant,
      acting: { kind: 'impersonation', impersonationId: id, actorId, tenantId, ...origin, reason, since },
      until: state.until,
    });
    return { ...issued, impersonationId: id, userId };
  }

  @Post('me/impersonation/end')
  @AnswersNothing()
  @AnyUser()
  @ApiOperation({
    summary: 'Stop acting as another user',
    description: 'The token counts no longer. Without an impersonation it is 422 `not-impersonating`.',
  })
  async endOwn(@CallerOf() { impersonationId: id }: Caller, @CommandOf() command: Command): Promise<void> {
    if (id === undefined) throw new DomainError('rejected', 'not-impersonating', 'You act as nobody else.');
    const row = await this.#platform.readModels.of(impersonations).get(id);
    if (!row) throw new Error('an impersonation is not there that a token stems from');
    await this.#end(row.tenantId, id, { ...command, tenant: row.tenantId });
  }

  @Get('tenants/:tenantId/impersonations')
  @Requires('activity:read')
  @ApiOperation({ summary: 'Who acted as users of the tenant, and why', description: 'The newest first.' })
  @Answers(200, page(impersonationSchema))
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: PageQuery): Promise<Page<ImpersonationAnswer>> {
    const newestFirst = [{ by: 'startedAt', direction: 'descending' }] as const;
    const found = await this.#platform.readModels
      .of(impersonations)
      .find({ filter: { tenantId }, ...paging(query, ['startedAt'], newestFirst) });
    return { ...found, items: found.items.map(answerOf) };
  }

  @Post('tenants/:tenantId/impersonations/:impersonationId/end')
  @AnswersNothing()
  @Requires('access:write')
  @InPerson()
  @ApiOperation({ summary: 'End an impersonation', description: 'At once; one that is over already stays so.' })
  async end(
    @Param('tenantId') tenantId: TenantId,
    @Param('impersonationId') id: ImpersonationId,
    @CommandOf() command: Command,
  ): Promise<void> {
    await this.#end(tenantId, id, command);
  }

  async #end(tenantId: TenantId, id: ImpersonationId, command: Command): Promise<void> {
    await handle(this.#platform.store, impersonation, id, end(id, tenantId, systemClock.now()), { command });
  }

  /** @throws DomainError for whoever is no user of the tenant, or may do more than the caller may lend themselves */
  async #within(tenantId: TenantId, userId: UserId, caller: Caller): Promise<MembershipRow> {
    const { readModels } = this.#platform;
    const membership = await readModels.of(memberships).get(membershipId(tenantId, userId));
    if (membership?.enabled !== true) throw new DomainError('not-found', 'user-not-found', 'The tenant has no such user.');
    const access = await readModels.of(userAccess).get(userId);
    if (access?.open !== true || !(await mayImpersonate(readModels, caller.standing, await standingOf(readModels, userId))))
      throw notAllowed('You cannot act as this user: they may do more than you can lend yourself.');
    return membership;
  }
}

const answerOf = ({ id, userId, actorId, reason, startedAt, until, endedAt }: ImpersonationRow): ImpersonationAnswer => ({
  id,
  userId,
  actorId,
  reason,
  startedAt,
  until,
  endedAt,
});
