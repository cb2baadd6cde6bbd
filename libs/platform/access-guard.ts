import { type CanActivate, type ExecutionContext } from '@nestjs/common';
import { type Reflector } from '@nestjs/core';
import { type FastifyRequest } from 'fastify';
import { isDelegated } from '#libs/access-policy/delegated';
import {
  decide,
  decideAnywhere,
  decideFromAbove,
  decideOnPlatform,
  effective,
  type Standing,
  type Verdict,
} from '#libs/access-policy/policy';
import { tenantTree, type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type WayOfActing } from '#libs/event-sourcing/event';
import { type TenantId, type UserId } from '#libs/published/ids';
import { sabotaged } from '#libs/sabotage';
import { type AccessTokens } from './access-tokens.ts';
import { openExchange, READS_IF_MATCH, type Caller } from './caller.ts';
import { type Identity, identityOf } from './identities.ts';
import { Forbidden, Unauthenticated } from './problem.ts';
import { ACCESS_RULE, type AccessRule, IN_PERSON, isPresent, outlasts, type Presence, type Target } from './requires.ts';
import { type Platform } from './service.ts';

type Rule = Extract<AccessRule, { kind: 'permission' }>;
type Authenticated = Readonly<{ identity: Identity }> & Pick<Caller, 'sessionId' | 'authenticatedAt'>;
type Placed = Omit<Caller, 'sessionId' | 'authenticatedAt'>;

/**
 * Who asks, and may they? The token says who; what they may do is read on every request from the read models, so a revoked
 * membership or token counts at once. A tenant out of reach and one that does not exist are answered alike.
 */
export class AccessGuard implements CanActivate {
  readonly #reflector: Reflector;
  readonly #platform: Platform;
  readonly #tokens: AccessTokens;
  readonly #filtersTenants = !sabotaged('tenant-filter');

  constructor(reflector: Reflector, platform: Platform) {
    this.#reflector = reflector;
    this.#platform = platform;
    this.#tokens = platform.accessTokens;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.#reflector.getAllAndOverride<AccessRule | undefined>(ACCESS_RULE, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!rule) throw new Error(`${context.getClass().name}.${context.getHandler().name} declares no access rule`);
    if (rule.kind === 'public') return true;

    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { identity, sessionId, authenticatedAt } = await this.#authenticate(request.headers.authorization);
    const presence = this.#reflector.getAllAndOverride<Presence | undefined>(IN_PERSON, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (presence !== undefined) demandPresence(presence, identity.via);
    const { userId, standing, ...acting } = identity;
    const place = rule.kind === 'any-user' ? withoutTarget(userId, standing) : await this.#admit(userId, standing, rule, request);
    if (presence !== undefined && outlasts(presence)) demandToStay(place, rule);
    const caller = { ...place, ...acting, sessionId, authenticatedAt };
    openExchange(request, { caller, clock: this.#platform.clock, newId: this.#platform.newId });
    if (isConditional(request) && !this.#reflector.get<true | undefined>(READS_IF_MATCH, context.getHandler()))
      throw conditionUnread();
    return true;
  }

  async #authenticate(header: string | undefined): Promise<Authenticated> {
    const [, token] = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header ?? '') ?? [];
    if (token === undefined) throw new Unauthenticated();
    const verified = await this.#tokens.verify(token);
    const identity = verified && (await identityOf(this.#platform.readModels, verified));
    if (!verified || !identity)
      throw new Unauthenticated('access-token-invalid', 'The access token is not valid, or no longer. Log in again.');
    const { sessionId, authenticatedAt } = verified;
    const standing = this.#filtersTenants ? identity.standing : everywhere(identity.standing);
    return { identity: { ...identity, standing }, sessionId, authenticatedAt };
  }

  async #admit(userId: UserId, standing: Standing, rule: Rule, request: FastifyRequest): Promise<Placed> {
    const { permission, target } = rule;
    if (typeof target === 'string') {
      demand(target === 'platform' ? decideOnPlatform(standing, permission) : decideAnywhere(standing, permission), permission);
      return withoutTarget(userId, standing);
    }
    const tenant = await this.#tenantIn(request, 'tenant' in target ? target.tenant : target.parentOf);
    const verdict = ('tenant' in target ? decide : decideFromAbove)(standing, permission, tenant?.path);
    demand(verdict, permission, tenant && isDecidedAbove(target, tenant));
    const found = tenant && effective(standing, decidingPath(target, tenant));
    if (!found) throw new Error('a tenant was found to be within reach of nobody');
    return { userId, memberships: standing.memberships, standing, anchor: found.anchor, tenant };
  }

  async #tenantIn(request: FastifyRequest, parameter: string): Promise<TenantTreeRow | undefined> {
    const { params } = request;
    const id: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, parameter) : undefined;
    if (typeof id !== 'string') throw new Error(`${request.routeOptions.url ?? request.url} has no parameter "${parameter}"`);
    return this.#platform.readModels.of(tenantTree).get(id);
  }
}

/** The filter by tenant gone: what somebody may anywhere, they may everywhere. */
const everywhere = ({ memberships, links, bundles }: Standing): Standing => {
  const roles = [...memberships, ...links].map(({ role }) => role);
  return { memberships: roles.map((role) => ({ tenantId: 'platform', role })), links, ...(bundles && { bundles }) };
};

/** What changes nothing needs no condition. */
const isConditional = ({ method, headers }: FastifyRequest): boolean =>
  headers['if-match'] !== undefined && method !== 'GET' && method !== 'HEAD';

/** A condition that nobody looks at would be taken for one that holds. */
const conditionUnread = (): DomainError => {
  const message = 'is not read here: repeat the request without it';
  return new DomainError('invalid', 'if-match-not-supported', `If-Match ${message}.`, [{ path: 'If-Match', message }]);
};

const demandPresence = (presence: Presence, via: WayOfActing | undefined): void => {
  if (isPresent(presence, via)) return;
  if (via === 'key') throw new Forbidden('Not by a service account: somebody has to log in for it.');
  throw new Forbidden(
    via === 'switch'
      ? 'Not in the context of another tenant: return to your own login first.'
      : 'Not while you act as another user: return to your own login first.',
  );
};

const demandToStay = ({ standing, tenant }: Placed, rule: AccessRule): void => {
  if (!tenant || rule.kind !== 'permission' || typeof rule.target === 'string') return;
  if (isDelegated(standing, decidingPath(rule.target, tenant)))
    throw new Forbidden('Not by delegated access: what is changed here would outlast it.', 'not-by-delegated-access');
};

/** By the tenant above it, where there is one: a root decides about itself. */
const isDecidedAbove = (target: Exclude<Target, string>, { path }: TenantTreeRow): boolean =>
  'parentOf' in target && path.length > 1;

/** What the tier above decides they decide as what they are in it. */
const decidingPath = (target: Exclude<Target, string>, tenant: TenantTreeRow): readonly TenantId[] =>
  isDecidedAbove(target, tenant) ? tenant.path.slice(0, -1) : tenant.path;

const demand = (verdict: Verdict, permission: string, isAbove = false): void => {
  switch (verdict) {
    case 'allowed':
      return;
    case 'denied':
      throw new Forbidden(
        isAbove
          ? `The tenant above decides this: it takes ${permission} there.`
          : `Your role does not include ${permission} here.`,
      );
    case 'hidden':
      throw new DomainError('not-found', 'tenant-not-found', 'There is no such tenant within your reach.');
  }
};

/** Without a tenant in the route the caller stands where their membership is; an operator's platform comes before everything. */
const withoutTarget = (userId: UserId, standing: Standing): Placed => {
  const { memberships, links } = standing;
  const nearest = memberships.find(({ tenantId }) => tenantId === 'platform') ?? memberships[0] ?? links[0];
  return { userId, memberships, standing, anchor: nearest?.tenantId ?? null };
};
