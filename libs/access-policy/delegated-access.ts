import { type DelegatedAccessEvent } from '#libs/published/acting';
import { type DelegatedAccessId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { type BuiltInRole } from './roles.ts';

/** An approved one counts until `until` only. */
type DelegatedAccessStatus = 'requested' | 'approved' | 'declined' | 'ended';

export type DelegatedAccessRow = Readonly<{
  id: DelegatedAccessId;
  tenantId: TenantId;
  userId: UserId;
  /** Of whose users they are: without that it counts no longer. */
  memberOf: TenantId | 'platform';
  role: Exclude<BuiltInRole, 'operator'>;
  hours: number;
  reason: string;
  requestedAt: Instant;
  status: DelegatedAccessStatus;
  from: Instant | null;
  until: Instant | null;
}>;

const STATUS = { DelegatedAccessDeclined: 'declined', DelegatedAccessEnded: 'ended' } as const;

/** An access after one more event: what is decided on, and what is shown. */
export const delegatedAccessAfter = (
  before: DelegatedAccessRow | undefined,
  { type, data }: DelegatedAccessEvent,
): DelegatedAccessRow => {
  if (type === 'DelegatedAccessRequested') {
    const { delegatedAccessId: id, tenantId, userId, memberOf, role, hours, reason, requestedAt } = data;
    return { id, tenantId, userId, memberOf, role, hours, reason, requestedAt, status: 'requested', from: null, until: null };
  }
  if (!before) throw new Error(`${type} before the access was requested`);
  if (type === 'DelegatedAccessApproved') return { ...before, status: 'approved', from: data.from, until: data.until };
  return { ...before, status: STATUS[type] };
};
