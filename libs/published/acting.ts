import { type BuiltInRole, type TenantPermission } from '#libs/access-policy/roles';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Instant } from '#libs/time/time';
import { type DelegatedAccessId, type ImpersonationId, type ServiceAccountId, type TenantId, type UserId } from './ids.ts';

/** Who may act otherwise than as themselves, so that every service judges it by itself. Instants until which it holds are of the wall clock. */

/** Stream `access-control.impersonation-<impersonationId>`. */
export type ImpersonationEvent =
  | DomainEvent<
      'ImpersonationStarted',
      {
        impersonationId: ImpersonationId;
        /** Of whose users the impersonated one is. */
        tenantId: TenantId;
        /** Of the tenant, from the root. */
        path: readonly TenantId[];
        userId: UserId;
        /** The person. */
        actorId: UserId;
        reason: string;
        startedAt: Instant;
        until: Instant;
      }
    >
  | DomainEvent<
      'ImpersonationEnded',
      { impersonationId: ImpersonationId; tenantId: TenantId; userId: UserId; actorId: UserId; endedAt: Instant }
    >;

type OfDelegatedAccess<Data> = Readonly<{ delegatedAccessId: DelegatedAccessId; tenantId: TenantId; userId: UserId }> & Data;

/** Stream `access-control.delegatedAccess-<delegatedAccessId>`: for a while, and as long as the tenant wants. */
export type DelegatedAccessEvent =
  | DomainEvent<
      'DelegatedAccessRequested',
      OfDelegatedAccess<{
        /** Of the tenant, from the root. */
        path: readonly TenantId[];
        /** The tenant above of which the user is a member: without that it counts no longer. */
        memberOf: TenantId | 'platform';
        role: Exclude<BuiltInRole, 'operator'>;
        /** From the approval on. */
        hours: number;
        reason: string;
        requestedAt: Instant;
      }>
    >
  | DomainEvent<'DelegatedAccessApproved', OfDelegatedAccess<{ from: Instant; until: Instant }>>
  | DomainEvent<'DelegatedAccessDeclined', OfDelegatedAccess<{ declinedAt: Instant }>>
  | DomainEvent<'DelegatedAccessEnded', OfDelegatedAccess<{ endedAt: Instant }>>;

type OfServiceAccount<Data> = Readonly<{ serviceAccountId: ServiceAccountId; tenantId: TenantId }> & Data;

/** Stream `access-control.serviceAccount-<serviceAccountId>`: another system that acts for a tenant. */
export type ServiceAccountEvent =
  | DomainEvent<
      'ServiceAccountCreated',
      OfServiceAccount<{
        /** Of the tenant, from the root. */
        path: readonly TenantId[];
        name: string;
        /** All that it may do, to the tenant and to those below. */
        permissions: readonly TenantPermission[];
        createdAt: Instant;
      }>
    >
  | DomainEvent<'ServiceAccountScopeChanged', OfServiceAccount<{ name: string; permissions: readonly TenantPermission[] }>>
  /** `number` counts from 1. */
  | DomainEvent<'ServiceAccountKeyIssued', OfServiceAccount<{ number: number; issuedAt: Instant; until: Instant | null }>>
  | DomainEvent<'ServiceAccountKeyRevoked', OfServiceAccount<{ number: number; revokedAt: Instant }>>
  | DomainEvent<'ServiceAccountRemoved', OfServiceAccount<{ removedAt: Instant }>>;

/** Stream `access-control.tenantActivity-<tenantId>`: that the tenant's own users are about; every five minutes at most. */
export type TenantActivityEvent = DomainEvent<
  'TenantUserActive',
  { tenantId: TenantId; userId: UserId; /** Business time. */ at: Instant }
>;
