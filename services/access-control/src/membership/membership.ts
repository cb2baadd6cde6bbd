import { type Role } from '#libs/access-policy/policy';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';

/** What one user may do in one tenant (null: nothing); the id is `<tenantId>~<userId>`. */
export type Membership = Readonly<{ role: Role | null }>;

export const membership = decider<Membership, MembershipEvent>(
  'access-control.membership',
  { role: null },
  (_before, { type, data }) => {
    switch (type) {
      case 'MembershipGranted':
        return { role: data.role };
      case 'MembershipRevoked':
        return { role: null };
    }
  },
);

/** The role `operator` is the platform's, and the platform knows no other. */
export const grant =
  (tenantId: TenantId | 'platform', userId: UserId, role: Role) =>
  (present: Membership): MembershipEvent[] => {
    if ((role === 'operator') !== (tenantId === 'platform')) {
      const message = 'an operator belongs to the platform, every other role to a tenant';
      throw new DomainError('rejected', 'role-not-available', `The role does not fit: ${message}.`, [{ path: 'role', message }]);
    }
    return present.role === role ? [] : [{ type: 'MembershipGranted', data: { tenantId, userId, role } }];
  };
