import { type BuiltInRole } from '#libs/access-policy/roles';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type DelegatedAccessEvent } from '#libs/published/acting';
import { type DelegatedAccessId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

type Stage = 'requested' | 'approved' | 'declined' | 'ended';

/** Undefined until it is requested. */
export type DelegatedAccess =
  | Readonly<{
      tenantId: TenantId;
      userId: UserId;
      memberOf: TenantId | 'platform';
      hours: number;
      stage: Stage;
      until: Instant | null;
    }>
  | undefined;

/** Thirty days: what is to last longer is a link. */
export const LONGEST_HOURS = 720;

const STAGE = { DelegatedAccessDeclined: 'declined', DelegatedAccessEnded: 'ended' } as const;

export const delegatedAccess = decider<DelegatedAccess, DelegatedAccessEvent, DelegatedAccessId>(
  'access-control.delegatedAccess',
  undefined,
  (before, { type, data }) => {
    if (type === 'DelegatedAccessRequested') {
      const { tenantId, userId, memberOf, hours } = data;
      return { tenantId, userId, memberOf, hours, stage: 'requested', until: null };
    }
    if (!before) throw new Error(`${type} before the access was requested`);
    if (type === 'DelegatedAccessApproved') return { ...before, stage: 'approved', until: data.until };
    return { ...before, stage: STAGE[type] };
  },
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

const refusal = (stage: Stage, wish: string): DomainError =>
  new DomainError('rejected', 'delegated-access-decided', `The access is ${stage} already and cannot be ${wish}.`);

type Of = Readonly<{ delegatedAccessId: DelegatedAccessId; tenantId: TenantId }>;

export const approve =
  (of: Of, now: Instant) =>
  (known: DelegatedAccess): DelegatedAccessEvent[] => {
    const { stage, userId, hours } = own(known, of.tenantId);
    if (stage === 'approved') return [];
    if (stage !== 'requested') throw refusal(stage, 'approved');
    const until = new Date(Date.parse(now) + hours * 3_600_000).toISOString() as Instant;
    return [{ type: 'DelegatedAccessApproved', data: { ...of, userId, from: now, until } }];
  };

export const decline =
  (of: Of, now: Instant) =>
  (known: DelegatedAccess): DelegatedAccessEvent[] => {
    const { stage, userId } = own(known, of.tenantId);
    if (stage === 'declined') return [];
    if (stage !== 'requested') throw refusal(stage, 'declined');
    return [{ type: 'DelegatedAccessDeclined', data: { ...of, userId, declinedAt: now } }];
  };

/** Also by whoever asked: a request that nobody has answered is withdrawn. */
export const end =
  (of: Of, now: Instant) =>
  (known: DelegatedAccess): DelegatedAccessEvent[] => {
    const { stage, userId, until } = own(known, of.tenantId);
    if (stage === 'ended' || (until !== null && until <= now)) return [];
    if (stage === 'declined') throw refusal(stage, 'ended');
    return [{ type: 'DelegatedAccessEnded', data: { ...of, userId, endedAt: now } }];
  };
