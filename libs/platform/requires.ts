import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import { type Permission } from '#libs/access-policy/roles';
import { type WayOfActing } from '#libs/event-sourcing/event';
import { describeProblems } from './problem-responses.ts';

/**
 * On what a permission is needed:
 * - `{ tenant: 'tenantId' }`: the tenant that this path parameter names
 * - `{ parentOf: 'tenantId' }`: that tenant's parent (a root: the root itself), for what an upstream decides about a tenant
 * - `'platform'`: the platform itself, whatever tenant
 * - `'reach'`: any of the caller's own tenants; the route lists what the caller reaches and filters by it
 */
export type Target = Readonly<{ tenant: string }> | Readonly<{ parentOf: string }> | 'platform' | 'reach';

export type AccessRule =
  | Readonly<{ kind: 'permission'; permission: Permission; target: Target }>
  | Readonly<{ kind: 'any-user' }>
  | Readonly<{ kind: 'public'; reason: string }>;

export const ACCESS_RULE = 'tributary:access-rule';

/** Every route carries exactly one of `@Requires`, `@AnyUser`, `@Public`: one without refuses the start. */
export const Requires = (permission: Permission, target: Target = { tenant: 'tenantId' }): MethodDecorator & ClassDecorator =>
  applyDecorators(
    SetMetadata(ACCESS_RULE, { kind: 'permission', permission, target } satisfies AccessRule),
    ApiBearerAuth(),
    ApiExtension('x-requires', { permission, on: typeof target === 'object' ? Object.keys(target)[0] : target }),
    // Whoever asks is looked up in a read model, and most answers come from one: any may be behind the log for a moment.
    describeProblems(...(typeof target === 'object' ? ([400, 401, 403, 404, 503] as const) : ([400, 401, 403, 503] as const))),
  );

/** Whoever is logged in, with or without a membership: what concerns the caller alone. */
export const AnyUser = (): MethodDecorator & ClassDecorator =>
  applyDecorators(
    SetMetadata(ACCESS_RULE, { kind: 'any-user' } satisfies AccessRule),
    ApiBearerAuth(),
    describeProblems(400, 401, 503),
  );

export const IN_PERSON = 'tributary:in-person';

/**
 * - `as-oneself`: not for whoever acts as another user
 * - `person`: nor for a service account
 * - `own-login`: nor in the context of another tenant
 */
export type Presence = 'as-oneself' | 'person' | 'own-login';

/**
 * Beside one of the others. While somebody acts as another user they change neither credentials nor who may enter or what those who
 * enter may do: the user would be the one who gave it, and it would outlast the impersonation. Nor does whoever is in a tenant by
 * delegated access: it would outlast that (see `outlasts`).
 */
export const InPerson = (presence: Presence = 'person'): MethodDecorator & ClassDecorator =>
  applyDecorators(SetMetadata(IN_PERSON, presence), ApiExtension('x-in-person', presence), describeProblems(403));

/** Whether it is open to somebody who came to act in this way (undefined: they logged in). */
export const isPresent = (presence: Presence, via: WayOfActing | undefined): boolean =>
  via !== 'impersonation' && (via !== 'key' || presence === 'as-oneself') && (via !== 'switch' || presence !== 'own-login');

/** Whether what it leaves in a tenant outlasts delegated access. Contexts and impersonations end with what they rest on. */
export const outlasts = (presence: Presence): boolean => presence !== 'own-login';

/** Open to everybody; the reason is for the reader. */
export const Public = (reason: string): MethodDecorator & ClassDecorator =>
  applyDecorators(SetMetadata(ACCESS_RULE, { kind: 'public', reason } satisfies AccessRule), describeProblems(400));
