import { Body, Controller, Delete, Inject, Param, Patch, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { CHILD_TENANT_ROLES, type ChildTenantRole, type Extra, type Role } from '#libs/access-policy/roles';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Decision } from '#libs/event-sourcing/decider';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { IdPipe } from '#libs/platform/input-pipe';
import { InPerson, Requires } from '#libs/platform/requires';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { Nullable, Optional } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { refuseAbove, refuseUngrantable } from '../role/grantable.ts';
import { IsExtras, IsTenantRole } from '#libs/platform/role-input';
import { changeMembership, type Member } from './change-membership.ts';
import { changeGrant, disable, enable, type Membership, revoke } from './membership.ts';
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

  @Patch()
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Change what a user of the tenant may do',
    description:
      'Fields that are left out stay. It counts from the next request on. Nobody gives what they do not have themselves, changes ' +
      'somebody who has more, or changes themselves. Of Admins who take it from each other at the same moment one at least is refused.',
  })
  @Answers(200, tenantUserSchema)
  async change(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @Body() { role, extras, childTenantRole }: MembershipChange,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<TenantUser> {
    const change = {
      ...(role === undefined ? {} : { role }),
      ...(extras === undefined ? {} : { extras }),
      ...(childTenantRole === undefined ? {} : { childTenantRole }),
    };
    await refuseUngrantable(this.#readModels, caller, tenantOf(caller).path, change);
    return this.#changed(userId, changeGrant(tenantId, userId, change), caller, command);
  }

  @Post('disable')
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Disable a user of the tenant',
    description: 'Nothing of theirs counts here until they are enabled again.',
  })
  @Answers(200, tenantUserSchema)
  disable(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<TenantUser> {
    return this.#changed(userId, disable(tenantId, userId), caller, command);
  }

  @Post('enable')
  @Requires('users:write')
  @InPerson('as-oneself')
  @ApiOperation({ summary: 'Enable a disabled user of the tenant' })
  @Answers(200, tenantUserSchema)
  enable(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<TenantUser> {
    return this.#changed(userId, enable(tenantId, userId), caller, command);
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
  ): Promise<void> {
    await this.#decided(userId, revoke(tenantId, userId), caller, command);
  }

  async #changed(
    userId: UserId,
    decision: Decision<Membership, MembershipEvent>,
    caller: Caller,
    command: Command,
  ): Promise<TenantUser> {
    return tenantUser(this.#readModels, userId, heldIn(await this.#decided(userId, decision, caller, command)));
  }

  #decided(
    userId: UserId,
    decision: Decision<Membership, MembershipEvent>,
    caller: Caller,
    command: Command,
  ): Promise<Membership> {
    const { id, path } = tenantOf(caller);
    const judge = async (state: Membership): Promise<void> => {
      // Of a tenant that they have only switched into they are no user.
      if (userId === caller.userId && state.role !== null) {
        const message = 'somebody else has to do that';
        throw new DomainError('rejected', 'yourself', `You cannot change what you are yourself: ${message}.`, [
          { path: 'userId', message },
        ]);
      }
      await refuseAbove(this.#readModels, caller, path, state);
    };
    const by = memberIn(caller, id);
    return changeMembership(this.#store, { id: membershipId(id, userId), decision, judge, by, command });
  }
}

/** Who acts as one of the tenant's own users: nobody from above, nor a service account. */
const memberIn = ({ via, anchor, memberships, userId }: Caller, tenantId: TenantId): Member | null => {
  const held = via === undefined && anchor === tenantId ? memberships.find((one) => one.tenantId === tenantId) : undefined;
  return held ? { id: membershipId(tenantId, userId), role: held.role } : null;
};
