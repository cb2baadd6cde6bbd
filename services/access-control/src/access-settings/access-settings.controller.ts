import { Body, Controller, Get, Inject, Param, Patch, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { effective, permissionsIn } from '#libs/access-policy/policy';
import { BUNDLES, type Permission, PERMISSIONS, type Role } from '#libs/access-policy/roles';
import { type Command } from '#libs/event-sourcing/command';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, IfMatch, tenantOf } from '#libs/platform/caller';
import { role } from '#libs/platform/published-schemas';
import { withETag } from '#libs/platform/reply';
import { InPerson, Requires } from '#libs/platform/requires';
import { choice, flag, list, named, object, saying } from '#libs/platform/schema';
import { EVENT_STORE } from '#libs/platform/tokens';
import { Optional } from '#libs/platform/validation';
import { Flag, OneOf } from '#libs/platform/variants';
import { type AccessModel } from '#libs/published/access-control';
import { type TenantId } from '#libs/published/ids';
import { refuseBeyond } from '../role/grantable.ts';
import { type AccessSettings, accessSettingsOf, choose } from './access-settings.ts';

class AccessSettingsInput {
  @Optional()
  @OneOf('perCustomer', 'carryOver')
  accessModel?: AccessModel;

  @Optional()
  @Flag()
  activityMirror?: boolean;
}

const settingsSchema = named(
  'AccessSettings',
  object<AccessSettings>({
    accessModel: saying(
      'What users other than Admins may do in the tenants below: what a link for each says, or the same as here',
      choice('perCustomer', 'carryOver'),
    ),
    activityMirror: saying('What its users do on behalf of tenants below is in its own activity log, too', flag),
  }),
);

type Access = Readonly<{ roles: readonly Role[]; permissions: readonly Permission[] }>;

const accessSchema = named(
  'Access',
  object<Access>({
    roles: saying('Several: only what all of them permit', list(role)),
    permissions: list(choice(...PERMISSIONS)),
  }),
);

@ApiTags('access')
@Controller('tenants/:tenantId')
export class AccessSettingsController {
  readonly #store: EventStore;

  constructor(@Inject(EVENT_STORE) store: EventStore) {
    this.#store = store;
  }

  @Get('access')
  @Requires('tenants:read')
  @ApiOperation({ summary: 'What may I do here?', description: 'What a page needs to know to offer it or not.' })
  @Answers(200, accessSchema)
  mine(@Param('tenantId') _tenantId: TenantId, @CallerOf() caller: Caller): Access {
    const { path } = tenantOf(caller);
    return { roles: effective(caller.standing, path)?.roles ?? [], permissions: [...permissionsIn(caller.standing, path)] };
  }

  @Get('access-settings')
  @Requires('users:read')
  @ApiOperation({ summary: 'What the tenant chose for its own users' })
  @Answers(200, settingsSchema, { headers: ['ETag'] })
  async get(@Param('tenantId') tenantId: TenantId, @Res({ passthrough: true }) reply: FastifyReply): Promise<AccessSettings> {
    const { state } = await present(this.#store, accessSettingsOf, tenantId);
    withETag(reply, state.revision);
    return answer(state);
  }

  @Patch('access-settings')
  @Requires('access:write')
  @InPerson('as-oneself')
  @ApiOperation({
    summary: 'Choose for the tenant’s own users',
    description:
      'Fields that are left out stay. `carryOver` gives a say over all tenants below, to whoever chooses it as well: it takes all that ' +
      'an Admin may do (422 `role-beyond-yours`).',
  })
  @Answers(200, settingsSchema, { headers: ['ETag'] })
  async choose(
    @Param('tenantId') tenantId: TenantId,
    @Body() { accessModel, activityMirror }: AccessSettingsInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccessSettings> {
    if (accessModel === 'carryOver') refuseBeyond(caller, tenantOf(caller).path, BUNDLES.admin, 'accessModel');
    const wanted = {
      ...(accessModel === undefined ? {} : { accessModel }),
      ...(activityMirror === undefined ? {} : { activityMirror }),
    };
    const { state } = await handle(this.#store, accessSettingsOf, tenantId, choose(tenantId, wanted), {
      command,
      expected: { revision: ifMatch, of: ({ revision }) => revision },
    });
    withETag(reply, state.revision);
    return answer(state);
  }
}

const answer = ({ accessModel, activityMirror }: AccessSettings): AccessSettings => ({ accessModel, activityMirror });
