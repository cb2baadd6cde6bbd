import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { ArrayMinSize, ArrayUnique, IsArray, IsIn, IsString, MaxLength } from 'class-validator';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import { decide } from '#libs/access-policy/policy';
import { TENANT_PERMISSIONS, type TenantPermission } from '#libs/access-policy/roles';
import { keyCounts, type ServiceAccountKey, type ServiceAccountRow } from '#libs/access-policy/service-account';
import { serviceAccounts } from '#libs/access-policy/service-accounts.projection';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Recorded, type Revision } from '#libs/event-sourcing/event';
import { handle, present } from '#libs/event-sourcing/handle';
import { type IssuedToken } from '#libs/platform/access-tokens';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, IfMatch, tenantOf } from '#libs/platform/caller';
import { Unauthenticated } from '#libs/platform/problem';
import { describeProblems } from '#libs/platform/problem-responses';
import { instant, page } from '#libs/platform/published-schemas';
import { created, withETag } from '#libs/platform/reply';
import { InPerson, Public, Requires } from '#libs/platform/requires';
import { choice, integer, list, named, nullable, object, saying, schema, type Schema, text } from '#libs/platform/schema';
import { type Platform } from '#libs/platform/service';
import { PLATFORM } from '#libs/platform/tokens';
import { IsInstant, IsName, Nullable, Optional, PageQuery, paging } from '#libs/platform/validation';
import { type ServiceAccountEvent } from '#libs/published/acting';
import { type ServiceAccountId, type TenantId, type UserId } from '#libs/published/ids';
import { type Page } from '#libs/read-models/read-model';
import { type Instant, systemClock } from '#libs/time/time';
import { RequestRate } from '../session/request-rate.ts';
import { SessionConfiguration } from '../session/session-configuration.ts';
import {
  changeScope,
  countingKeys,
  create,
  issueKey,
  remove,
  revokeKey,
  type ServiceAccount,
  serviceAccount,
} from './service-account.ts';
import { keepSecret, keyIn, keyText, matches, secretOf, serviceAccountSecrets } from './service-account-secret.ts';

const Permissions = (): PropertyDecorator => (target, key) => {
  IsArray()(target, key);
  ArrayMinSize(1)(target, key);
  ArrayUnique()(target, key);
  IsIn(TENANT_PERMISSIONS, { each: true })(target, key);
  ApiProperty({ type: String, isArray: true, enum: TENANT_PERMISSIONS, minItems: 1, description: 'All that it may do' })(
    target,
    key,
  );
};

class ServiceAccountInput {
  @IsName(100)
  name!: string;

  @Permissions()
  permissions!: readonly TenantPermission[];
}

class ServiceAccountChange {
  @Optional()
  @IsName(100)
  name?: string;

  @Optional()
  @Permissions()
  permissions?: readonly TenantPermission[];
}

class KeyInput {
  @Nullable()
  @IsInstant()
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'It counts no longer then; null: until it is revoked',
  })
  until?: Instant | null;
}

class TokenInput {
  @IsString()
  @MaxLength(200)
  key!: string;
}

type ServiceAccountAnswer = Readonly<{
  id: ServiceAccountId;
  name: string;
  permissions: readonly TenantPermission[];
  createdAt: Instant;
  keys: readonly ServiceAccountKey[];
}>;

type KeyAnswer = Readonly<{ number: number; key: string; issuedAt: Instant; until: Instant | null }>;

const serviceAccountId: Schema<ServiceAccountId> = schema({ type: 'string', format: 'uuid' });
const until = saying('It counts no longer then; null: until it is revoked', nullable(instant));
/** As answers write it. */
const NUMBER = /^[1-9]\d*$/;
const number = saying('Counts the keys of the account, from 1', integer);

const serviceAccountSchema = named(
  'ServiceAccount',
  object<ServiceAccountAnswer>({
    id: serviceAccountId,
    name: text,
    permissions: saying('All that it may do, to the tenant and to those below', list(choice(...TENANT_PERMISSIONS))),
    createdAt: instant,
    keys: saying(
      'Those that count, and the last few that no longer do; the activity log tells of all',
      list(
        object<ServiceAccountKey>({
          number,
          issuedAt: instant,
          until,
          revokedAt: saying('Null: it was not revoked', nullable(instant)),
        }),
      ),
    ),
  }),
);

const keySchema = named(
  'ServiceAccountKey',
  object<KeyAnswer>({ number, key: saying('Shown this once', text), issuedAt: instant, until }),
);

const tokenSchema = object<IssuedToken>({ accessToken: text, expiresAt: schema({ type: 'string', format: 'date-time' }) });

const answered = (account: ServiceAccount, reply: FastifyReply): ServiceAccountAnswer => {
  if (!account) throw new Error('a service account is not there that was changed');
  withETag(reply, account.revision);
  return answerOf(account);
};

const answerOf = ({ id, name, permissions, createdAt, keys }: ServiceAccountRow): ServiceAccountAnswer => ({
  id,
  name,
  permissions,
  createdAt,
  keys,
});

/** Other systems that act for a tenant. All instants are of the wall clock. */
@ApiTags('access')
@Controller()
export class ServiceAccountController {
  readonly #platform: Platform;
  readonly #rate: RequestRate;
  readonly #master: Buffer;

  constructor(@Inject(PLATFORM) platform: Platform) {
    this.#platform = platform;
    this.#rate = new RequestRate(platform.configuration(SessionConfiguration).loginsPerMinute);
    this.#master = platform.accessTokens.secretFor('service account keys');
  }

  @Post('tenants/:tenantId/service-accounts')
  @Requires('service-accounts:write')
  @InPerson()
  @ApiOperation({
    summary: 'Create a service account',
    description:
      'For another system. It may do what its permissions say, to the tenant and to those below, and nothing else; a permission that ' +
      'you do not have yourself is 422 `permission-not-yours`, one that shows amounts without `financials:read` beside it, or ' +
      'changes what it then shows without the one to read that, 422 `permission-needs-another`. It needs a key.',
  })
  @Answers(201, serviceAccountSchema, { headers: ['ETag', 'Location'] })
  async create(
    @Param('tenantId') tenantId: TenantId,
    @Body() { name, permissions }: ServiceAccountInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ServiceAccountAnswer> {
    refuseBeyond(caller, permissions);
    const id = uuidv5('service-account', command.id) as ServiceAccountId;
    const wanted = { serviceAccountId: id, tenantId, path: tenantOf(caller).path, name, permissions };
    const { state } = await handle(this.#platform.store, serviceAccount, id, create(wanted, systemClock.now()), { command });
    created(reply, `/api/v1/tenants/${tenantId}/service-accounts/${id}`);
    return answered(state, reply);
  }

  @Get('tenants/:tenantId/service-accounts')
  @Requires('service-accounts:write')
  @ApiOperation({ summary: 'Service accounts of the tenant', description: 'By name.' })
  @Answers(200, page(serviceAccountSchema))
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: PageQuery): Promise<Page<ServiceAccountAnswer>> {
    const byName = [{ by: 'name', direction: 'ascending' }] as const;
    const found = await this.#platform.readModels
      .of(serviceAccounts)
      .find({ filter: { tenantId, removedAt: null }, ...paging(query, { name: 'nameOrder', createdAt: 'createdAt' }, byName) });
    return { ...found, items: found.items.map(answerOf) };
  }

  @Get('tenants/:tenantId/service-accounts/:serviceAccountId')
  @Requires('service-accounts:write')
  @ApiOperation({ summary: 'A service account' })
  @Answers(200, serviceAccountSchema, { headers: ['ETag'] })
  async one(
    @Param('tenantId') tenantId: TenantId,
    @Param('serviceAccountId') id: ServiceAccountId,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ServiceAccountAnswer> {
    const row = await this.#platform.readModels.of(serviceAccounts).get(id);
    if (row?.tenantId !== tenantId || row.removedAt !== null)
      throw new DomainError('not-found', 'service-account-not-found', 'The tenant has no such service account.');
    return answered(row, reply);
  }

  @Patch('tenants/:tenantId/service-accounts/:serviceAccountId')
  @Requires('service-accounts:write')
  @InPerson()
  @ApiOperation({
    summary: 'Change what a service account is called and may do',
    description: 'It holds from its next request on.',
  })
  @Answers(200, serviceAccountSchema, { headers: ['ETag'] })
  async change(
    @Param('tenantId') tenantId: TenantId,
    @Param('serviceAccountId') id: ServiceAccountId,
    @Body() { name, permissions }: ServiceAccountChange,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ServiceAccountAnswer> {
    refuseBeyond(caller, permissions ?? []);
    const change = { ...(name === undefined ? {} : { name }), ...(permissions === undefined ? {} : { permissions }) };
    const of = { serviceAccountId: id, tenantId };
    const expected = expecting(tenantId, ifMatch);
    const decision = changeScope(of, change);
    const { state } = await handle(this.#platform.store, serviceAccount, id, decision, { command, expected });
    return answered(state, reply);
  }

  @Delete('tenants/:tenantId/service-accounts/:serviceAccountId')
  @AnswersNothing()
  @Requires('service-accounts:write')
  @InPerson()
  @ApiOperation({ summary: 'Remove a service account', description: 'None of its keys and tokens counts any longer.' })
  async remove(
    @Param('tenantId') tenantId: TenantId,
    @Param('serviceAccountId') id: ServiceAccountId,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
  ): Promise<void> {
    const of = { serviceAccountId: id, tenantId };
    const expected = expecting(tenantId, ifMatch);
    await handle(this.#platform.store, serviceAccount, id, remove(of, systemClock.now()), { command, expected });
  }

  @Post('tenants/:tenantId/service-accounts/:serviceAccountId/keys')
  @Requires('service-accounts:write')
  @InPerson()
  @ApiOperation({
    summary: 'Issue a key',
    description:
      'It is shown in this answer and never again; a hash of it is kept. To rotate, issue a new one, give it to the other system, and ' +
      'revoke the old one: up to five count at a time. For an account that may do what you may not it is 422 `permission-not-yours`.',
  })
  @Answers(201, keySchema, { headers: ['Location'] })
  async issueKey(
    @Param('tenantId') tenantId: TenantId,
    @Param('serviceAccountId') id: ServiceAccountId,
    @Body() { until = null }: KeyInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyAnswer> {
    const { store } = this.#platform;
    const now = systemClock.now();
    const of = { serviceAccountId: id, tenantId };
    // With the key in hand they could do all that the account may.
    const { state: before } = await present(store, serviceAccount, id);
    if (before?.tenantId === tenantId) refuseBeyond(caller, before.permissions);
    const { state, events } = await handle(store, serviceAccount, id, issueKey(of, until, now), { command });
    const issued = events.find(isKeyIssued);
    if (!issued) throw new Error('a key is not there that was issued');
    const { number, issuedAt, until: ends } = issued.data;
    // A key without a secret opens nothing: where this ends too early, the same command again keeps the same secret.
    const secret = secretOf(this.#master, command.id);
    const counting = state ? countingKeys(state, issuedAt).filter((other) => other < number) : [];
    await handle(store, serviceAccountSecrets, id, keepSecret(id, number, secret, counting), { command });
    created(reply, `/api/v1/tenants/${tenantId}/service-accounts/${id}`);
    return { number, key: keyText({ serviceAccountId: id, number, secret }), issuedAt, until: ends };
  }

  @Delete('tenants/:tenantId/service-accounts/:serviceAccountId/keys/:number')
  @AnswersNothing()
  @Requires('service-accounts:write')
  @InPerson()
  @ApiOperation({ summary: 'Revoke a key', description: 'Tokens that were issued for it count no longer, either.' })
  async revokeKey(
    @Param('tenantId') tenantId: TenantId,
    @Param('serviceAccountId') id: ServiceAccountId,
    @Param('number') number: string,
    @CommandOf() command: Command,
  ): Promise<void> {
    const of = { serviceAccountId: id, tenantId };
    const key = NUMBER.test(number) ? Number(number) : NaN;
    await handle(this.#platform.store, serviceAccount, id, revokeKey(of, key, systemClock.now()), { command });
  }

  @Post('auth/service-token')
  @Public('the key is what it needs')
  @ApiOperation({
    summary: 'An access token for the key of a service account',
    description: 'For another system: it goes into `Authorization: Bearer …` and is asked for anew when it has expired.',
  })
  @Answers(200, tokenSchema)
  @describeProblems(401, 429, 503)
  async token(@Body() { key }: TokenInput, @Req() request: FastifyRequest): Promise<IssuedToken> {
    this.#rate.count(request.ip);
    const parts = keyIn(key);
    if (!parts || !(await this.#holds(parts)))
      throw new Unauthenticated('key-invalid', 'The key is none of a service account, or counts no longer.');
    const { serviceAccountId: id, number } = parts;
    return this.#platform.accessTokens.issue(id as string as UserId, { acting: { kind: 'service-account', number } });
  }

  async #holds({ serviceAccountId: id, number, secret }: NonNullable<ReturnType<typeof keyIn>>): Promise<boolean> {
    const row = await this.#platform.readModels.of(serviceAccounts).get(id);
    if (!row || !keyCounts(row, number, systemClock.now())) return false;
    return matches((await present(this.#platform.store, serviceAccountSecrets, id)).state, number, secret);
  }
}

/** Of another tenant's account nobody learns that it is there. */
const expecting = (tenantId: TenantId, revision: Revision | undefined) => ({
  revision,
  of: (account: ServiceAccount) => (account?.tenantId === tenantId ? account.revision : undefined),
});

const isKeyIssued = (event: Recorded): event is Recorded & Extract<ServiceAccountEvent, { type: 'ServiceAccountKeyIssued' }> =>
  event.type === 'ServiceAccountKeyIssued';

/** Nobody hands on what they do not have. */
const refuseBeyond = (caller: Caller, permissions: readonly TenantPermission[]): void => {
  const { path } = tenantOf(caller);
  const beyond = permissions.filter((permission) => decide(caller.standing, permission, path) !== 'allowed');
  if (beyond.length > 0)
    throw new DomainError('rejected', 'permission-not-yours', `You do not have ${beyond.join(', ')} here yourself.`, [
      { path: 'permissions', message: `must not have ${beyond.join(', ')}` },
    ]);
};
