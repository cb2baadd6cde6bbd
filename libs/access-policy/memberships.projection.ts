import { type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';
import { type Role } from './policy.ts';

/** One user's role in one tenant (or in `platform`). */
export type MembershipRow = Readonly<{ id: string; tenantId: TenantId | 'platform'; userId: UserId; role: Role }>;

type MembershipPart = Readonly<{ tenantId: TenantId | 'platform'; userId: UserId; role: Role | null }>;

export const membershipId = (tenantId: TenantId | 'platform', userId: UserId): string => `${tenantId}~${userId}`;

/** One document per membership stream; a revoked one keeps its part, so that a late event cannot bring the row back. */
export const memberships = projection({
  name: 'memberships',
  version: 1,
  parts: {
    membership: part<MembershipEvent, MembershipPart>('access-control.membership', {
      document: ({ data }) => membershipId(data.tenantId, data.userId),
      evolve: (before, { type, data }) => {
        if (type === 'MembershipGranted') return { tenantId: data.tenantId, userId: data.userId, role: data.role };
        if (!before) throw new Error(`${type} before any membership was granted`);
        return { ...before, role: null };
      },
    }),
  },
  row: ({ membership }, id): MembershipRow | undefined =>
    membership?.role ? { id, tenantId: membership.tenantId, userId: membership.userId, role: membership.role } : undefined,
  indexes: [['userId'], ['tenantId']],
});
