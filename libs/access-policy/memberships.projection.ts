import { type Revision } from '#libs/event-sourcing/event';
import { type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';
import { type ChildTenantRole, type Extra, type Role, roleIn } from './roles.ts';

/** One user's role in one tenant (or in `platform`); a disabled one does not count. */
export type MembershipRow = Readonly<{
  id: string;
  tenantId: TenantId | 'platform';
  userId: UserId;
  role: Role;
  extras: readonly Extra[];
  childTenantRole: ChildTenantRole | null;
  /** Admin of everything below, too, so that nothing else says what they are there. */
  adminBelow: boolean;
  enabled: boolean;
  /** At which revision of its stream they became a user there: another one once they have left and come back. */
  since: Revision;
}>;

type MembershipPart = Omit<MembershipRow, 'id' | 'role' | 'adminBelow'> & Readonly<{ role: Role | null }>;

export const membershipId = (tenantId: TenantId | 'platform', userId: UserId): string => `${tenantId}~${userId}`;

/** One document per membership stream; a revoked one keeps its part, so that a late event cannot bring the row back. */
export const memberships = projection({
  name: 'memberships',
  version: 4,
  parts: {
    membership: part<MembershipEvent, MembershipPart>('access-control.membership', {
      document: ({ data }) => membershipId(data.tenantId, data.userId),
      evolve: (before, { type, data, revision }) => {
        if (type === 'MembershipGranted') {
          const { tenantId, userId, extras = [], childTenantRole = null } = data;
          const since = before?.role ? before.since : revision;
          return { tenantId, userId, role: roleIn(data), extras, childTenantRole, enabled: before?.enabled ?? true, since };
        }
        if (!before) throw new Error(`${type} before any membership was granted`);
        switch (type) {
          case 'MembershipDisabled':
            return { ...before, enabled: false };
          case 'MembershipEnabled':
            return { ...before, enabled: true };
          case 'MembershipRevoked':
            return { ...before, role: null, enabled: true };
        }
      },
    }),
  },
  row: ({ membership }, id): MembershipRow | undefined => {
    if (!membership?.role) return undefined;
    const { tenantId, userId, role, extras, childTenantRole, enabled, since } = membership;
    const adminBelow = role === 'admin' && childTenantRole === null;
    return { id, tenantId, userId, role, extras, childTenantRole, adminBelow, enabled, since };
  },
  indexes: [['userId'], ['tenantId']],
});
