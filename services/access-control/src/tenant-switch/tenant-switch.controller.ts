import { Controller, Get, Inject, Param, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Command } from '#libs/event-sourcing/command';
import { type WayOfActing, WAYS_OF_ACTING } from '#libs/event-sourcing/event';
import { type IssuedToken } from '#libs/platform/access-tokens';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, homeOf, tenantOf } from '#libs/platform/caller';
import { tenantId as tenantIdSchema, userId as userIdSchema } from '#libs/platform/published-schemas';
import { originOf } from '#libs/platform/identities';
import { AnyUser, InPerson, Requires } from '#libs/platform/requires';
import { choice, nullable, object, oneOf, saying, schema, text } from '#libs/platform/schema';
import { type Platform } from '#libs/platform/service';
import { PLATFORM } from '#libs/platform/tokens';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { tellSwitch } from '../visit/visits.ts';

type SwitchAnswer = IssuedToken & Readonly<{ tenantId: TenantId; tenantName: string }>;

/** As whom and where the token lets its bearer act: what a client shows all the time. */
type Context = Readonly<{
  userId: UserId;
  personId: UserId;
  via: WayOfActing | null;
  tenantId: TenantId | null;
  home: TenantId | 'platform' | null;
  reason: string | null;
}>;

@ApiTags('access')
@Controller()
export class TenantSwitchController {
  readonly #platform: Platform;

  constructor(@Inject(PLATFORM) platform: Platform) {
    this.#platform = platform;
  }

  @Put('tenants/:tenantId/switch')
  @Requires('tenants:switch')
  @InPerson('own-login')
  @ApiOperation({
    summary: 'Switch into a tenant',
    description:
      'An access token with which everything is as for the tenant’s own user of the role that you have there (an Admin of a tenant ' +
      'above is its Admin), and nothing outside of it is within reach. Your own token goes on beside it, so that several contexts may ' +
      'be open at a time; to return, use your own one. It ends with your session, and with your role there. The activity log of the ' +
      'tenant tells of it.',
  })
  @Answers(
    200,
    object<SwitchAnswer>({
      accessToken: text,
      expiresAt: schema({ type: 'string', format: 'date-time' }),
      tenantId: tenantIdSchema,
      tenantName: text,
    }),
  )
  async switch(
    @Param('tenantId') tenantId: TenantId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<SwitchAnswer> {
    const origin = await originOf(this.#platform.readModels, caller);
    await tellSwitch(this.#platform, tenantId, caller.userId, command);
    const issued = await this.#platform.accessTokens.issue(caller.userId, {
      ...(caller.sessionId === null ? {} : { sessionId: caller.sessionId }),
      authenticatedAt: new Date(caller.authenticatedAt).toISOString() as Instant,
      acting: { kind: 'switch', tenantId, ...origin },
    });
    return { ...issued, tenantId, tenantName: tenantOf(caller).name };
  }

  @Get('me/context')
  @AnyUser()
  @ApiOperation({ summary: 'As whom do I act, and where?', description: 'Of this access token.' })
  @Answers(
    200,
    object<Context>({
      userId: saying('Whose powers are used', userIdSchema),
      personId: saying('Who really acts', userIdSchema),
      via: saying('Null: simply as oneself', nullable(choice(...WAYS_OF_ACTING))),
      tenantId: saying('Into which tenant they have switched', nullable(tenantIdSchema)),
      home: saying('As whose user the person acts', nullable(oneOf(tenantIdSchema, choice('platform')))),
      reason: saying('Why they act as another', nullable(text)),
    }),
  )
  context(@CallerOf() caller: Caller): Context {
    const { userId, actor, via = null, onBehalfOf: tenantId = null } = caller;
    return { userId, personId: actor?.id ?? userId, via, tenantId, home: homeOf(caller), reason: actor?.reason ?? null };
  }
}
