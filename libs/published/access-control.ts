import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Role } from '#libs/access-policy/policy';
import { type Instant } from '#libs/time/time';
import { type SessionId, type TenantId, type UserId } from './ids.ts';

/** Stream `access-control.membership-<tenantId>~<userId>`; ids only, no names. */
export type MembershipEvent =
  | DomainEvent<'MembershipGranted', { tenantId: TenantId | 'platform'; userId: UserId; role: Role }>
  | DomainEvent<'MembershipRevoked', { tenantId: TenantId | 'platform'; userId: UserId }>;

/**
 * Stream `access-control.userAccess-<userId>`: whose access tokens count. Instants are of the wall clock, as tokens' lives are; ids
 * only, so that every service can judge a token by itself.
 */
export type UserAccessEvent =
  | DomainEvent<'AccessOpened', { userId: UserId }>
  | DomainEvent<'AccessClosed', { userId: UserId }>
  /** Tokens issued before this instant count no longer. */
  | DomainEvent<'TokensRevoked', { userId: UserId; issuedBefore: Instant }>
  /** None of one session's tokens counts; the last of them ends at `until`, so nobody need remember it longer. */
  | DomainEvent<'SessionTokensRevoked', { userId: UserId; sessionId: SessionId; revokedAt: Instant; until: Instant }>;
