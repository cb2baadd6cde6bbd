import { hash } from 'node:crypto';
import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { type FastifyRequest } from 'fastify';
import { type Membership, type Standing } from '#libs/access-policy/policy';
import { type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { canonicalJson } from '#libs/canonical-json';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type CommandId, type Principal, type Revision, type WayOfActing } from '#libs/event-sourcing/event';
import { type ImpersonationId, type SessionId, type TenantId, type UserId } from '#libs/published/ids';
import { type Clock } from '#libs/time/time';
import { v5 as uuidv5 } from 'uuid';
import { describeProblems } from './problem-responses.ts';
import { currentTraceparent } from './trace.ts';

/** Who asks, as the guard found it out. */
export type Caller = Readonly<{
  userId: UserId;
  /** The login that the access token stems from; null where nobody logged in for it. */
  sessionId: SessionId | null;
  /** When they showed who they are, in milliseconds of the wall clock. */
  authenticatedAt: number;
  /** How they came to act as they do; absent: they logged in. */
  via?: WayOfActing;
  /** The person, where it is not the user. */
  actor?: Readonly<{ id: UserId; reason: string }>;
  impersonationId?: ImpersonationId;
  /** The tenant into whose context they have switched. */
  onBehalfOf?: TenantId;
  /** The tenant as whose user the person is here, where they are not there as themselves. */
  home?: TenantId | 'platform';
  memberships: readonly Membership[];
  /** All that the policy judges by: `decide(standing, permission, path)` answers for any tenant. */
  standing: Standing;
  /**
   * The tenant as whose user the caller acts: where their role in the route's tenant comes from, or in the one above it that decides
   * there; `platform` for an operator. It and everything below it is within reach. Null for a user without any membership.
   */
  anchor: TenantId | 'platform' | null;
  /** The tenant that the route's path names, already found to be within reach. */
  tenant?: TenantTreeRow;
}>;

/** The tenant of a route whose path names one. */
export const tenantOf = ({ tenant }: Caller): TenantTreeRow => {
  if (!tenant) throw new Error('the path of this route names no tenant');
  return tenant;
};

/** What the guard leaves on the request for the parameter decorators. */
export type Exchange = Readonly<{ caller: Caller; clock: Clock; newId: () => string }>;

const exchanges = new WeakMap<FastifyRequest, Exchange>();

export const openExchange = (request: FastifyRequest, exchange: Exchange): void => {
  exchanges.set(request, exchange);
};

const exchangeOf = (request: FastifyRequest): Exchange => {
  const exchange = exchanges.get(request);
  if (!exchange) throw new Error(`${request.method} ${request.url} is public: it has no caller and makes no command`);
  return exchange;
};

const requestOf = (context: ExecutionContext): FastifyRequest => context.switchToHttp().getRequest<FastifyRequest>();

/** Puts a method decorator where a parameter decorator stands, so that the docs show a header exactly where it is read. */
const describing =
  (decorator: MethodDecorator): ParameterDecorator =>
  (target, key) => {
    const descriptor = key === undefined ? undefined : Object.getOwnPropertyDescriptor(target, key);
    if (key !== undefined && descriptor) decorator(target, key, descriptor);
  };

export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext) => exchangeOf(requestOf(context)).caller);

const takingAKey = [
  describing(
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description:
        'The same key, route and body again is answered as the first time and does nothing twice. 1 to 255 visible characters.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    }),
  ),
  describing(describeProblems(409, 422, 503)),
];

/** The command of this request; its id comes from `Idempotency-Key`, else it is random. */
export const CommandOf = createParamDecorator(
  (_: unknown, context: ExecutionContext) => commandOf(requestOf(context)),
  takingAKey,
);

/** By what a request may be known again: its `Idempotency-Key`, null without one. */
export type Repeatable = Readonly<{ key: string | null; bodyHash: string }>;

/** Where nobody is logged in, and what the command is about has to scope the key. */
export const RepeatableOf = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const request = requestOf(context);
  return { key: keyOf(request), bodyHash: bodyHashOf(request) } satisfies Repeatable;
}, takingAKey);

/** On the handlers that read `If-Match`. */
export const READS_IF_MATCH = 'tributary:reads-if-match';

/** The revision in `If-Match`, undefined without one. */
export const IfMatch = createParamDecorator(
  (_: unknown, context: ExecutionContext) => revisionIn(requestOf(context).headers['if-match']),
  [
    describing(
      ApiHeader({
        name: 'If-Match',
        required: false,
        description: 'The `ETag` of what the caller has seen, `"3"`',
        schema: { type: 'string' },
      }),
    ),
    describing(describeProblems(412)),
    describing(SetMetadata(READS_IF_MATCH, true)),
  ],
);

const COMMAND_NAMESPACE = '5f0d3a54-6c0e-5c38-9e5c-6f5a9d2c7b11';
const VISIBLE = /^[\x21-\x7e]{1,255}$/;

/** @throws DomainError `invalid` `invalid-idempotency-key` */
const keyOf = (request: FastifyRequest): string | null => {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !VISIBLE.test(key)) {
    const message = 'must be 1 to 255 visible ASCII characters';
    throw new DomainError('invalid', 'invalid-idempotency-key', `The Idempotency-Key ${message}.`, [
      { path: 'Idempotency-Key', message },
    ]);
  }
  return key;
};

/** Passwords stay out of it, because it is kept in events that others may read. */
const bodyHashOf = ({ body }: FastifyRequest): string => hash('sha256', canonicalJson(body, { without: ['password'] }));

/** The key is scoped to caller, method and path: the same key on another route is another command. */
const commandOf = (request: FastifyRequest): Command => {
  const { caller, clock, newId } = exchangeOf(request);
  const key = keyOf(request);
  const path = request.url.split('?', 1)[0] ?? request.url;
  const who = caller.actor === undefined ? caller.userId : `${caller.actor.id} as ${caller.userId}`;
  const id = key === null ? newId() : uuidv5(`${who}\n${request.method}\n${path}\n${key}`, COMMAND_NAMESPACE);
  const traceparent = currentTraceparent();
  return {
    id: id as CommandId,
    keyed: key !== null,
    bodyHash: bodyHashOf(request),
    principal: principalOf(caller),
    tenant: caller.tenant?.id ?? null,
    time: clock.now(),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
};

/**
 * The tenant as whose user the person acts, `platform` for an operator: that from which their role comes, or the nearest one above it
 * whose user they are, because a link to a tenant does not make it one. What else they are further down does not count.
 */
export const homeOf = ({ memberships, anchor, tenant, home }: Caller): TenantId | 'platform' | null => {
  if (home !== undefined) return home;
  const member = new Set(memberships.map(({ tenantId }) => tenantId));
  const path: readonly (TenantId | 'platform')[] = ['platform', ...(tenant?.path ?? [])];
  return path.slice(0, path.findIndex((id) => id === anchor) + 1).findLast((id) => member.has(id)) ?? anchor;
};

/** Who a command's events name. */
const principalOf = (caller: Caller): Principal => {
  const { userId: id, standing, anchor, tenant, onBehalfOf, actor } = caller;
  const delegated = standing.links.some((link) => link.delegated === true && link.tenantId === anchor);
  const via = caller.via ?? (delegated ? 'delegated' : undefined);
  const home = homeOf(caller);
  return {
    id,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    ...(actor === undefined ? {} : { actor }),
    ...(via === undefined ? {} : { via }),
    ...(home === null || home === tenant?.id ? {} : { home }),
  };
};

const revisionIn = (header: string | undefined): Revision | undefined => {
  if (header === undefined || header.trim() === '*') return undefined;
  const match = /^"(\d{1,15})"$/.exec(header.trim());
  if (!match) {
    const message = 'must be one strong entity tag as an ETag header gave it, such as "3"';
    throw new DomainError('invalid', 'invalid-if-match', `If-Match ${message}.`, [{ path: 'If-Match', message }]);
  }
  return Number(match[1]);
};

/** `If-Match` where a route cannot do without. */
export const requireIfMatch = (revision: Revision | undefined): Revision => {
  if (revision === undefined) throw new PreconditionRequired();
  return revision;
};

/** 428: an overwrite without having seen what is there. */
export class PreconditionRequired extends Error {
  override readonly name = 'PreconditionRequired';

  constructor() {
    super('Name the revision that you have seen: send its ETag as If-Match.');
  }
}
