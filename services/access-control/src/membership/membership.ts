import { type ChildTenantRole, type Extra, grantedRole, type Role, roleIn } from '#libs/access-policy/roles';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { NO_STREAM, type Revision } from '#libs/event-sourcing/event';
import { type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';

/** What a user is given in a tenant. */
export type Grant = Readonly<{ role: Role; extras?: readonly Extra[]; childTenantRole?: ChildTenantRole | null }>;

/**
 * What one user may do in one tenant (role null: nothing); the id is `<tenantId>~<userId>`. A disabled one does not count. `revision`:
 * that of the last event that changed it, its ETag.
 */
export type Membership = Readonly<{
  role: Role | null;
  extras: readonly Extra[];
  childTenantRole: ChildTenantRole | null;
  enabled: boolean;
  revision: Revision;
}>;

const NONE: Membership = { role: null, extras: [], childTenantRole: null, enabled: true, revision: NO_STREAM };

export const membership = decider<Membership, MembershipEvent>(
  'access-control.membership',
  NONE,
  (before, { type, data }, revision) => {
    switch (type) {
      case 'MembershipGranted': {
        const { extras = [], childTenantRole = null } = data;
        return { ...before, role: roleIn(data), extras, childTenantRole, revision };
      }
      case 'MembershipDisabled':
        return { ...before, enabled: false, revision };
      case 'MembershipEnabled':
        return { ...before, enabled: true, revision };
      case 'MembershipRevoked':
        return { ...NONE, revision };
    }
  },
);

const refuse = (code: string, path: string, what: string, message: string): never => {
  throw new DomainError('rejected', code, `${what}: ${message}.`, [{ path, message }]);
};

/**
 * The role `operator` is the platform's, and the platform knows no other. Extras belong to Admins. It replaces what the user had there.
 * @throws DomainError `rejected` `role-not-available`, `extras-not-available`
 */
export const grant =
  (tenantId: TenantId | 'platform', userId: UserId, { role, extras = [], childTenantRole = null }: Grant) =>
  (present: Membership): MembershipEvent[] => {
    if ((role === 'operator') !== (tenantId === 'platform'))
      refuse(
        'role-not-available',
        'role',
        'The role does not fit',
        'an operator belongs to the platform, every other role to a tenant',
      );
    if (extras.length > 0 && role !== 'admin')
      refuse('extras-not-available', 'extras', 'The extras do not fit', 'only an Admin may have them');
    const wanted = [...new Set(extras)].toSorted();
    if (present.role === role && present.childTenantRole === childTenantRole && isSame(present.extras, wanted)) return [];
    return [
      {
        type: 'MembershipGranted',
        data: {
          tenantId,
          userId,
          ...grantedRole(role),
          ...(wanted.length === 0 ? {} : { extras: wanted }),
          ...(childTenantRole === null ? {} : { childTenantRole }),
        },
      },
    ];
  };

const isSame = (before: readonly Extra[], wanted: readonly Extra[]): boolean =>
  before.length === wanted.length && wanted.every((extra) => before.includes(extra));

/** @throws DomainError `not-found` `user-not-found` for whoever is no member (any longer) */
export const asMember = ({ role }: Membership): void => {
  if (role === null) throw new DomainError('not-found', 'user-not-found', 'There is no such user in this tenant.');
};

/** What a member is from now on; like `grant`, for somebody who is one. */
export const changeGrant =
  (tenantId: TenantId, userId: UserId, change: Partial<Grant>) =>
  (present: Membership): MembershipEvent[] => {
    asMember(present);
    const role = change.role ?? present.role ?? 'support';
    // Who is no longer an Admin loses what only Admins have.
    const extras = change.extras ?? (role === 'admin' ? present.extras : []);
    const childTenantRole = change.childTenantRole === undefined ? present.childTenantRole : change.childTenantRole;
    return grant(tenantId, userId, { role, extras, childTenantRole })(present);
  };

export const disable =
  (tenantId: TenantId, userId: UserId) =>
  (present: Membership): MembershipEvent[] => {
    asMember(present);
    return present.enabled ? [{ type: 'MembershipDisabled', data: { tenantId, userId } }] : [];
  };

export const enable =
  (tenantId: TenantId, userId: UserId) =>
  (present: Membership): MembershipEvent[] => {
    asMember(present);
    return present.enabled ? [] : [{ type: 'MembershipEnabled', data: { tenantId, userId } }];
  };

/** Logical: who they are and what they did stays. */
export const revoke =
  (tenantId: TenantId, userId: UserId) =>
  (present: Membership): MembershipEvent[] => {
    asMember(present);
    return [{ type: 'MembershipRevoked', data: { tenantId, userId } }];
  };
