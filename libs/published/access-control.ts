import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Role } from '#libs/access-policy/policy';
import { type TenantId, type UserId } from './ids.ts';

/** Stream `access-control.membership-<tenantId>~<userId>`; ids only, no names. */
export type MembershipEvent =
  | DomainEvent<'MembershipGranted', { tenantId: TenantId | 'platform'; userId: UserId; role: Role }>
  | DomainEvent<'MembershipRevoked', { tenantId: TenantId | 'platform'; userId: UserId }>;
