import { delegatedAccessAfter, type DelegatedAccessRow } from '#libs/access-policy/delegated-access';
import { type BuiltInRole } from '#libs/access-policy/roles';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type DelegatedAccessEvent } from '#libs/published/acting';
import { type DelegatedAccessId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

/** Undefined until it is requested. */
export type DelegatedAccess = DelegatedAccessRow | undefined;

/** Thirty days: what is to last longer is a link. */
export const LONGEST_HOURS = 720;

export const delegatedAccess = decider<DelegatedAccess, DelegatedAccessEvent, DelegatedAccessId>(
  'access-control.delegatedAccess',
  undefined,
  delegatedAccessAfter,
);

export type Wanted = Readonly<{
  delegatedAccessId: DelegatedAccessId;
  tenantId: TenantId;
  path: readonly TenantId[];
  userId: UserId;
  memberOf: TenantId | 'platform';
  role: Exclude<BuiltInRole, 'operator'>;
  hours: number;
  reason: string;
}>;

/** All instants are of the wall clock. */
export const request =
  (wanted: Wanted, now: Instant) =>
  (known: DelegatedAccess): DelegatedAccessEvent[] => {
    if (known) throw new DomainError('conflict', 'delegated-access-exists', 'This access was requested already.');
    const { delegatedAccessId, tenantId, userId, path, memberOf, role, hours, reason } = wanted;
    const data = { delegatedAccessId, tenantId, userId, path, memberOf, role, hours, reason, requestedAt: now };
    return [{ type: 'DelegatedAccessRequested', data }];
  };

const own = (known: DelegatedAccess, tenantId: TenantId): NonNullable<DelegatedAccess> => {
  if (known?.tenantId !== tenantId)
    throw new DomainError('not-found', 'delegated-access-not-found', 'Nobody asked the tenant for this access.');
  return known;
};

const refusal = (status: DelegatedAccessRow['status'], wish: string): DomainError =>
  new DomainError('rejected', 'delegated-access-decided', `The access is ${status} already and cannot be ${wish}.`);

type Of = Readonly<{ delegatedAccessId: DelegatedAccessId; tenantId: TenantId }>;

export const approve =
  (of: Of, now: Instant) =>
  (known: DelegatedAccess): DelegatedAccessEvent[] => {
    const { status, userId, hours } = own(known, of.tenantId);
    if (status === 'approved') return [];
    if (status !== 'requested') throw refusal(status, 'approved');
    const until = new Date(Date.parse(now) + hours * 3_600_000).toISOString() as Instant;
    return [{ type: 'DelegatedAccessApproved', data: { ...of, userId, from: now, until } }];
  };

export const decline =
  (of: Of, now: Instant) =>
  (known: DelegatedAccess): DelegatedAccessEvent[] => {
    const { status, userId } = own(known, of.tenantId);
    if (status === 'declined') return [];
    if (status !== 'requested') throw refusal(status, 'declined');
    return [{ type: 'DelegatedAccessDeclined', data: { ...of, userId, declinedAt: now } }];
  };

/** Also by whoever asked: a request that nobody has answered is withdrawn. */
export const end =
  (of: Of, now: Instant) =>
  (known: DelegatedAccess): DelegatedAccessEvent[] => {
    const { status, userId, until } = own(known, of.tenantId);
    if (status === 'ended' || (until !== null && until <= now)) return [];
    if (status === 'declined') throw refusal(status, 'ended');
    return [{ type: 'DelegatedAccessEnded', data: { ...of, userId, endedAt: now } }];
  };
