import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsUUID } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { customerLinks } from '#libs/access-policy/customer-links.projection';
import { membershipId, memberships, type MembershipRow } from '#libs/access-policy/memberships.projection';
import { type Role } from '#libs/access-policy/roles';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { IdPipe } from '#libs/platform/input-pipe';
import { page, role as roleSchema, tenantId, userId } from '#libs/platform/published-schemas';
import { created } from '#libs/platform/reply';
import { InPerson, Requires } from '#libs/platform/requires';
import { named, nullable, object, saying, text } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { Optional, PageQuery, paging, QueryBoolean } from '#libs/platform/validation';
import { type TenantId, type UserId } from '#libs/published/ids';
import { pageOf } from '#libs/read-models/cursor';
import { every } from '#libs/read-models/every';
import { type Filter, type Page, type Query as ReadQuery, type ReadModels } from '#libs/read-models/read-model';
import { knownTo, refuseAbove, refuseUngrantable } from '../role/grantable.ts';
import { IsTenantRole } from '#libs/platform/role-input';
import { userList } from '../user-list/user-list.projection.ts';
import { changeRole, customerLink, link, revoke } from './customer-link.ts';

type LinkRole = Exclude<Role, 'operator'>;

class CustomerLinkInput {
  @IsUUID()
  userId!: UserId;

  @Optional()
  @IsTenantRole()
  role?: LinkRole;
}

class CustomerLinkChange {
  @IsTenantRole()
  role!: LinkRole;
}

class CustomerLinkQuery extends PageQuery {
  @Optional()
  @QueryBoolean()
  @ApiPropertyOptional({ description: 'Only those who are linked to the customer', default: false })
  linked?: boolean;
}

/** Somebody of a tenant above who may be given a role in this one. */
type LinkableUser = Readonly<{ userId: UserId; email: string; name: string; memberOf: TenantId; role: Role | null }>;

const linkableSchema = named(
  'LinkableUser',
  object<LinkableUser>({
    userId,
    email: text,
    name: text,
    memberOf: saying('The tenant above whose user it is', tenantId),
    role: saying('In the customer, by the link; null: not linked', nullable(roleSchema)),
  }),
);

const ABOVE = { parentOf: 'tenantId' } as const;

@ApiTags('access')
@Controller('tenants/:tenantId/customer-links')
export class CustomerLinkController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Get()
  @Requires('users:read', ABOVE)
  @ApiOperation({
    summary: 'Which users of the tenants above may do what in this one',
    description:
      'The users of tenants above it within your reach, other than Admins: those reach every customer, unless they have a child-tenant ' +
      'role. Who is not linked has the role null; what a child-tenant role or the access model gives does not show here.',
  })
  @Answers(200, page(linkableSchema))
  async list(
    @Param('tenantId') tenantId: TenantId,
    @Query() query: CustomerLinkQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<LinkableUser>> {
    const filter = { tenantId: { in: tenantsAbove(caller) }, enabled: true, adminBelow: false };
    const found =
      query.linked === true
        ? await this.#linked(tenantId, filter, paging(query))
        : await this.#readModels.of(memberships).find({ filter, ...paging(query) });
    const links = this.#readModels.of(customerLinks);
    const items = found.items.map(async ({ userId, tenantId: memberOf }) => {
      const linked = await links.get(membershipId(tenantId, userId));
      return this.#described(userId, memberOf as TenantId, linked?.memberOf === memberOf ? linked.role : null);
    });
    return { ...found, items: await Promise.all(items) };
  }

  @Post()
  @Requires('access:write', ABOVE)
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Link a user of a tenant above',
    description: 'It gives them a role in this tenant, `support` unless told, whatever they are elsewhere.',
  })
  @Answers(201, linkableSchema, { headers: ['Location'] })
  async link(
    @Param('tenantId') tenantId: TenantId,
    @Body() { userId, role = 'support' }: CustomerLinkInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LinkableUser> {
    const tenant = tenantOf(caller);
    const { tenantId: memberOf } = await this.#linkable(userId, tenantsAbove(caller));
    await refuseUngrantable(this.#readModels, caller, tenant.path, { role });
    const decision = link({ tenant, userId, memberOf, role, linkedBy: caller.userId });
    await handle(this.#store, customerLink, membershipId(tenantId, userId), decision, { command });
    created(reply, `/api/v1/tenants/${tenantId}/customer-links`);
    return this.#described(userId, memberOf, role);
  }

  @Patch(':userId')
  @Requires('access:write', ABOVE)
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Change what a linked user may do',
    description: 'Nobody changes a link that gives more than they have: 422 `role-beyond-yours`.',
  })
  @Answers(200, linkableSchema)
  async change(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @Body() { role }: CustomerLinkChange,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<LinkableUser> {
    await this.#refuseAbove(caller, userId);
    await refuseUngrantable(this.#readModels, caller, tenantOf(caller).path, { role });
    const decision = changeRole(tenantId, userId, role, tenantsAbove(caller));
    const { state } = await handle(this.#store, customerLink, membershipId(tenantId, userId), decision, { command });
    if (!state) throw new Error('a link that was changed is not there');
    return this.#described(userId, state.memberOf, state.role);
  }

  @Delete(':userId')
  @Requires('access:write', ABOVE)
  @InPerson('as-oneself')
  @ApiOperation({ summary: 'Take a linked user’s role away', description: 'It counts from the next request on.' })
  @AnswersNothing()
  async revoke(
    @Param('tenantId') tenantId: TenantId,
    @Param('userId', IdPipe) userId: UserId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<void> {
    await this.#refuseAbove(caller, userId);
    const decision = revoke(tenantId, userId, tenantsAbove(caller));
    await handle(this.#store, customerLink, membershipId(tenantId, userId), decision, { command });
  }

  /** @throws DomainError `rejected` `role-beyond-yours` for a link, known to the caller, that gives more than they have */
  async #refuseAbove(caller: Caller, userId: UserId): Promise<void> {
    const { id, path } = tenantOf(caller);
    const { state } = await present(this.#store, customerLink, membershipId(id, userId));
    if (!state || !tenantsAbove(caller).includes(state.memberOf)) return;
    await refuseAbove(this.#readModels, caller, path, { role: state.role, childTenantRole: null });
  }

  /** @throws DomainError `rejected` `user-not-available`, also for whoever the caller may not know of; `user-is-admin` */
  async #linkable(userId: UserId, above: readonly TenantId[]): Promise<MembershipRow & Readonly<{ tenantId: TenantId }>> {
    const held = await this.#readModels.of(memberships).all({ userId, enabled: true, tenantId: { in: above } });
    const nearest = above.toReversed().flatMap((id) => held.filter(({ tenantId }) => tenantId === id))[0];
    if (!nearest || nearest.tenantId === 'platform') {
      const message = 'there is no such user of a tenant above within your reach';
      throw new DomainError('rejected', 'user-not-available', `The user cannot be linked: ${message}.`, [
        { path: 'userId', message },
      ]);
    }
    if (held.some(({ adminBelow }) => adminBelow)) {
      const message = 'an Admin reaches every customer as Admin';
      throw new DomainError('rejected', 'user-is-admin', `The user cannot be linked: ${message}.`, [{ path: 'userId', message }]);
    }
    return { ...nearest, tenantId: nearest.tenantId };
  }

  /** Who is linked and what they are above stand in documents of their own: they are put together here, for the whole customer at once. */
  async #linked(tenantId: TenantId, filter: Filter, asked: Pick<ReadQuery, 'limit' | 'cursor'>): Promise<Page<MembershipRow>> {
    const links = await every(this.#readModels.of(customerLinks), { tenantId });
    const ids = links.map(({ memberOf, userId }) => membershipId(memberOf, userId));
    return pageOf(await every(this.#readModels.of(memberships), { ...filter, id: { in: ids } }), ({ id }) => id, asked);
  }

  async #described(userId: UserId, memberOf: TenantId, role: Role | null): Promise<LinkableUser> {
    const person = await this.#readModels.of(userList).get(userId);
    return { userId, email: person?.email ?? '', name: person?.name ?? '', memberOf, role };
  }
}

/** Of the tenants above the route's those that the caller may know of. */
const tenantsAbove = (caller: Caller): readonly TenantId[] => {
  const { id, path } = tenantOf(caller);
  return knownTo(caller.anchor, path).filter((tenantId) => tenantId !== id);
};
