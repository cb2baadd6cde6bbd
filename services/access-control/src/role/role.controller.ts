import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import { customRoles, type CustomRoleRow } from '#libs/access-policy/custom-roles.projection';
import {
  ADDED_BY,
  BUNDLES,
  customRole,
  EXTRAS,
  type Extra,
  isTenantPermission,
  type Role,
  TENANT_PERMISSIONS,
  type TenantPermission,
} from '#libs/access-policy/roles';
import { type Command } from '#libs/event-sourcing/command';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handleClaiming } from '#libs/event-sourcing/claims';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, IfMatch, tenantOf } from '#libs/platform/caller';
import { IdPipe } from '#libs/platform/input-pipe';
import { page, extra as extraSchema, role as roleSchema, tenantId } from '#libs/platform/published-schemas';
import { created, withETag } from '#libs/platform/reply';
import { IsPermissions } from '#libs/platform/role-input';
import { InPerson, Requires } from '#libs/platform/requires';
import { choice, list, named, object, saying, schema, text } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsName, PageQuery, paging } from '#libs/platform/validation';
import { type RoleId, type TenantId } from '#libs/published/ids';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { releaseFormerName } from '../reactions/on-role-changed.ts';
import { knownTo, refuseBeyond } from './grantable.ts';
import { claimOfName, type CustomRole, customRoleOf, define, existing, nameToClaim, redefine, remove } from './role.ts';

class RoleInput {
  @IsName(100)
  name!: string;

  @IsPermissions()
  permissions!: TenantPermission[];
}

type CustomRoleAnswer = Omit<CustomRoleRow, 'path' | 'nameOrder'> & Readonly<{ role: Role }>;

const permission = choice(...TENANT_PERMISSIONS);

const customRoleSchema = named(
  'CustomRole',
  object<CustomRoleAnswer>({
    id: schema<RoleId>({ type: 'string', format: 'uuid' }),
    tenantId: saying('Whose it is: the tenant’s own, or that of one above it', tenantId),
    name: text,
    permissions: list(permission),
    role: saying('What to give it by', roleSchema),
  }),
);

type Bundle = Readonly<{ role: Role; permissions: readonly TenantPermission[] }>;
type ExtraBundle = Readonly<{ extra: Extra; permission: TenantPermission }>;
type BuiltIn = Readonly<{ roles: readonly Bundle[]; extras: readonly ExtraBundle[] }>;

const builtInSchema = object<BuiltIn>({
  roles: list(object<Bundle>({ role: roleSchema, permissions: list(permission) })),
  extras: saying('Besides, for Admins only', list(object<ExtraBundle>({ extra: extraSchema, permission }))),
});

const BUILT_IN: BuiltIn = {
  roles: (['admin', 'regular', 'readOnly', 'support', 'sales'] as const).map((role) => ({
    role,
    permissions: [...BUNDLES[role]].filter(isTenantPermission),
  })),
  extras: EXTRAS.flatMap((extra) => {
    const added = ADDED_BY[extra];
    return isTenantPermission(added) ? [{ extra, permission: added }] : [];
  }),
};

@ApiTags('access')
@Controller('tenants/:tenantId')
export class RoleController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Get('built-in-roles')
  @Requires('tenants:read')
  @ApiOperation({ summary: 'What the roles that every tenant has may do' })
  @Answers(200, builtInSchema)
  builtIn(): BuiltIn {
    return BUILT_IN;
  }

  @Get('roles')
  @Requires('users:read')
  @ApiOperation({
    summary: 'Custom roles that users of the tenant may have',
    description: 'Its own and those of tenants above it within your reach, sorted by name.',
  })
  @Answers(200, page(customRoleSchema))
  async list(
    @Param('tenantId') _tenantId: TenantId,
    @Query() query: PageQuery,
    @CallerOf() caller: Caller,
  ): Promise<Page<CustomRoleAnswer>> {
    const known = knownTo(caller.anchor, tenantOf(caller).path);
    const byName = [{ by: 'name', direction: 'ascending' }] as const;
    const found = await this.#readModels
      .of(customRoles)
      .find({ filter: { tenantId: { in: known } }, ...paging(query, { name: 'nameOrder' }, byName) });
    return {
      ...found,
      items: found.items.map(({ path: _path, nameOrder: _order, ...role }) => ({ ...role, role: customRole(role.id) })),
    };
  }

  @Get('roles/:roleId')
  @Requires('users:read')
  @ApiOperation({ summary: 'A custom role that users of the tenant may have', description: 'Of those in the list.' })
  @Answers(200, customRoleSchema, { headers: ['ETag'] })
  async one(
    @Param('tenantId') tenantId: TenantId,
    @Param('roleId', IdPipe) roleId: RoleId,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CustomRoleAnswer> {
    const { state } = await present(this.#store, customRoleOf, roleId);
    const owner = knownTo(caller.anchor, tenantOf(caller).path).find((id) => id === state?.tenantId) ?? tenantId;
    return answer(roleId, existing(state, owner), reply);
  }

  @Post('roles')
  @Requires('access:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Put a role together',
    description:
      'For users of the tenant and of those below it; with no permission that you do not have yourself. One that shows amounts needs ' +
      '`financials:read` beside it, and one to change what it then shows the one to read that: 422 `permission-needs-another`. A name that another role of the tenant has, in whatever case, is ' +
      '409 `role-name-taken`, that of one that every tenant has 422 `role-name-built-in`.',
  })
  @Answers(201, customRoleSchema, { headers: ['ETag', 'Location'] })
  async define(
    @Param('tenantId') tenantId: TenantId,
    @Body() { name, permissions }: RoleInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CustomRoleAnswer> {
    refuseBeyond(caller, tenantOf(caller).path, permissions, 'permissions');
    const id = uuidv5('role', command.id) as RoleId;
    const { state } = await handleClaiming(this.#store, customRoleOf, id, define(tenantOf(caller), id, { name, permissions }), {
      command,
      claims: [claimOfName(tenantId, name)],
    });
    created(reply, `/api/v1/tenants/${tenantId}/roles/${id}`);
    return answer(id, existing(state, tenantId), reply);
  }

  @Put('roles/:roleId')
  @Requires('access:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Say anew what a role of the tenant may do',
    description:
      'It holds at once for everybody who has it. A name that another role of the tenant has, in whatever case, is 409 ' +
      '`role-name-taken`.',
  })
  @Answers(200, customRoleSchema, { headers: ['ETag'] })
  async redefine(
    @Param('tenantId') tenantId: TenantId,
    @Param('roleId', IdPipe) roleId: RoleId,
    @Body() { name, permissions }: RoleInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CustomRoleAnswer> {
    refuseBeyond(caller, tenantOf(caller).path, permissions, 'permissions');
    const wanted = { name, permissions };
    const before = existing((await present(this.#store, customRoleOf, roleId)).state, tenantId);
    const claimed = nameToClaim(before, wanted);
    const decision = redefine(tenantOf(caller), roleId, wanted, claimed);
    const claims = claimed === null ? [] : [claimOfName(tenantId, claimed)];
    const expected = expecting(tenantId, ifMatch);
    const { state, events } = await handleClaiming(this.#store, customRoleOf, roleId, decision, { command, expected, claims });
    for (const event of events) await releaseFormerName(this.#store, event);
    return answer(roleId, existing(state, tenantId), reply);
  }

  @Delete('roles/:roleId')
  @Requires('access:write')
  @InPerson('as-oneself')
  @ApiOperation({ summary: 'Remove a role of the tenant', description: 'Whoever has it may do nothing by it from now on.' })
  @AnswersNothing()
  async remove(
    @Param('tenantId') tenantId: TenantId,
    @Param('roleId', IdPipe) roleId: RoleId,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
  ): Promise<void> {
    const expected = expecting(tenantId, ifMatch);
    const { events } = await handle(this.#store, customRoleOf, roleId, remove(tenantId, roleId), { command, expected });
    for (const event of events) await releaseFormerName(this.#store, event);
  }
}

/** Of another tenant's role nobody learns that it is there. */
const expecting = (tenantId: TenantId, revision: Revision | undefined) => ({
  revision,
  of: (role: CustomRole | null) => (role?.tenantId === tenantId ? role.revision : undefined),
});

const answer = (id: RoleId, { tenantId, name, permissions, revision }: CustomRole, reply: FastifyReply): CustomRoleAnswer => {
  withETag(reply, revision);
  return { id, tenantId, name, permissions, role: customRole(id) };
};
