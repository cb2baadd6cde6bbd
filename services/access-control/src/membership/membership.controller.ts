import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { membershipId, memberships } from '#libs/access-policy/memberships.projection';
import { effective } from '#libs/access-policy/policy';
import { CHILD_TENANT_ROLES, type ChildTenantRole, type Extra, type Role } from '#libs/access-policy/roles';
import { type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Decision } from '#libs/event-sourcing/decider';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { present } from '#libs/event-sourcing/handle';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, homeOf, IfMatch, tenantOf } from '#libs/platform/caller';
import { IdPipe } from '#libs/platform/input-pipe';
import { withETag } from '#libs/platform/reply';
import { InPerson, Requires } from '#libs/platform/requires';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { Nullable, Optional } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { refuseAbove, refuseUngrantable } from '../role/grantable.ts';
import { IsExtras, IsTenantRole } from '#libs/platform/role-input';
import { changeMembership, type Member, type Rest } from './change-membership.ts';
import { asMember, changeGrant, disable, enable, type Membership, membership, revoke } from './membership.ts';
import { heldIn, type TenantUser, tenantUser, tenantUserSchema } from './tenant-user.ts';

class MembershipChange {
  @Optional()
  @IsTenantRole()
  role?: Exclude<Role, 'operator'>;

  @Optional()
  @IsExtras()
  extras?: Extra[];

  @Nullable()
  @OneOf(...CHILD_TENANT_ROLES)
  childTenantRole?: ChildTenantRole | null;
}

@ApiTags('access')
@Controller('tenants/:tenantId/users/:userId')
export class MembershipController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Get()
  @Requires('users:read')
  @ApiOperation({ summary: 'A user of the tenant' })
  @Answers(200, tenantUserSchema, { headers: ['ETag'] })
  async one(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantUser> {
    const { state } = await present(this.#store, membership, membershipId(tenantId, userId));
    asMember(state);
    return this.#answer(userId, state, reply);
  }

  @Patch()
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Change what a user of the tenant may do',
    description:
      'Fields that are left out stay. It counts from the next request on. Nobody gives what they do not have themselves, changes ' +
      'somebody who has more, or changes themselves. Of Admins who take it from each other at the same moment one at least is refused.',
  })
  @Answers(200, tenantUserSchema, { headers: ['ETag'] })
  async change(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @Body() { role, extras, childTenantRole }: MembershipChange,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantUser> {
    const change = {
      ...(role === undefined ? {} : { role }),
      ...(extras === undefined ? {} : { extras }),
      ...(childTenantRole === undefined ? {} : { childTenantRole }),
    };
    await refuseUngrantable(this.#readModels, caller, tenantOf(caller).path, change);
    const decided = await this.#decided(userId, changeGrant(tenantId, userId, change), caller, command, ifMatch);
    return this.#answer(userId, decided, reply);
  }

  @Post('disable')
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Disable a user of the tenant',
    description: 'Nothing of theirs counts here until they are enabled again.',
  })
  @Answers(200, tenantUserSchema, { headers: ['ETag'] })
  async disable(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantUser> {
    return this.#answer(userId, await this.#decided(userId, disable(tenantId, userId), caller, command, ifMatch), reply);
  }

  @Post('enable')
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({ summary: 'Enable a disabled user of the tenant' })
  @Answers(200, tenantUserSchema, { headers: ['ETag'] })
  async enable(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantUser> {
    return this.#answer(userId, await this.#decided(userId, enable(tenantId, userId), caller, command, ifMatch), reply);
  }

  @Delete()
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Delete a user of the tenant',
    description:
      'They are no user of it any more, nor linked to its customers; what they did keeps their name, and their address stays taken.',
  })
  @AnswersNothing()
  async remove(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
  ): Promise<void> {
    await this.#decided(userId, revoke(tenantId, userId), caller, command, ifMatch);
  }

  #answer(userId: UserId, held: Membership, reply: FastifyReply): Promise<TenantUser> {
    withETag(reply, held.revision);
    return tenantUser(this.#readModels, userId, heldIn(held));
  }

  /**
   * Another Admin of the tenant, where the decision makes one less; null where it does not.
   * @throws DomainError `rejected` `last-admin`
   */
  async #whoStays(
    tenantId: TenantId,
    userId: UserId,
    present: Membership,
    decision: Decision<Membership, MembershipEvent>,
  ): Promise<Member | null> {
    const after = decision(present).reduce((state, event) => membership.evolve(state, event, state.revision + 1), present);
    if (!isAdmin(present) || isAdmin(after)) return null;
    const filter = { tenantId, role: 'admin', enabled: true, userId: { not: userId } };
    const [other] = (await this.#readModels.of(memberships).find({ filter, limit: 1 })).items;
    if (other) return other;
    const message = 'is the last Admin of the tenant: somebody else has to be one first';
    throw new DomainError('rejected', 'last-admin', `This user ${message}.`, [{ path: 'userId', message }]);
  }

  #decided(
    userId: UserId,
    decision: Decision<Membership, MembershipEvent>,
    caller: Caller,
    command: Command,
    ifMatch: Revision | undefined,
  ): Promise<Membership> {
    const tenant = tenantOf(caller);
    const { id, path } = tenant;
    const judge = async (state: Membership): Promise<Rest> => {
      // Of a tenant that they have only switched into they are no user.
      if (userId === caller.userId && state.role !== null) {
        const message = 'somebody else has to do that';
        throw new DomainError('rejected', 'yourself', `You cannot change what you are yourself: ${message}.`, [
          { path: 'userId', message },
        ]);
      }
      await refuseAbove(this.#readModels, caller, path, state);
      const by = memberIn(caller, tenant);
      const isOwn = caller.anchor === id && homeOf(caller) === id;
      // An Admin who acts is one who stays; a service account or another role of the tenant's own leaves it one.
      const stays = isOwn && by?.role !== 'admin' ? await this.#whoStays(id, userId, state, decision) : null;
      return { by, stays };
    };
    const expected = { revision: ifMatch, of: ({ role, revision }: Membership) => (role === null ? undefined : revision) };
    return changeMembership(this.#store, { id: membershipId(id, userId), decision, judge, command, expected });
  }
}

const isAdmin = ({ role, enabled }: Membership): boolean => role === 'admin' && enabled;

/** Who acts as one of the tenant's own users, switched into it or not: nobody from above, nor a service account. */
const memberIn = ({ via, standing, userId }: Caller, { id, path }: TenantTreeRow): Member | null => {
  const own = via === 'switch' ? standing.within : via === undefined ? standing : undefined;
  if (!own || effective(own, path)?.anchor !== id) return null;
  const held = own.memberships.find(({ tenantId }) => tenantId === id);
  return held ? { id: membershipId(id, userId), role: held.role } : null;
};
