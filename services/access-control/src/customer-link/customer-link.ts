import { grantedRole, type Role, roleIn } from '#libs/access-policy/roles';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type CustomerLinkEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';

/** The role of a user of a tenant above in this one; null: none by a link. The id is `<tenantId>~<userId>`. */
export type CustomerLink = Readonly<{ role: Role; memberOf: TenantId }> | null;

export const customerLink = decider<CustomerLink, CustomerLinkEvent>(
  'access-control.customerLink',
  null,
  (before, { type, data }) => {
    if (type === 'CustomerLinked') return { role: roleIn(data), memberOf: data.memberOf };
    if (!before) throw new Error(`${type} before anybody was linked`);
    return type === 'CustomerLinkRevoked' ? null : { ...before, role: roleIn(data) };
  },
);

type LinkRole = Exclude<Role, 'operator'>;
type Granted = Extract<CustomerLinkEvent, { type: 'CustomerLinked' }>['data'];

/** As events name it. An operator's role is the platform's. */
const granted = (role: LinkRole): Pick<Granted, 'role' | 'roleId'> => {
  const { role: named, ...custom } = grantedRole(role);
  if (named === 'operator') throw new Error('an operator needs no link');
  return { role: named, ...custom };
};

export type NewLink = Readonly<{
  tenant: Readonly<{ id: TenantId; path: readonly TenantId[] }>;
  userId: UserId;
  memberOf: TenantId;
  role: LinkRole;
  linkedBy: UserId;
}>;

/** @throws DomainError `conflict` `link-exists` for somebody who is linked with another role */
export const link =
  ({ tenant, userId, memberOf, role, linkedBy }: NewLink) =>
  (present: CustomerLink): CustomerLinkEvent[] => {
    if (present?.role === role && present.memberOf === memberOf) return [];
    if (present)
      throw new DomainError('conflict', 'link-exists', 'This user is linked to the customer already: change the role.');
    const { id: tenantId, path } = tenant;
    return [{ type: 'CustomerLinked', data: { tenantId, path, userId, memberOf, ...granted(role), linkedBy } }];
  };

/** @param known the tenants whose users the caller may know of @throws DomainError `not-found` `link-not-found` */
const existing = (present: CustomerLink, known: readonly TenantId[]): NonNullable<CustomerLink> => {
  if (!present || !known.includes(present.memberOf))
    throw new DomainError('not-found', 'link-not-found', 'This user is not linked to the customer.');
  return present;
};

export const changeRole =
  (tenantId: TenantId, userId: UserId, role: LinkRole, known: readonly TenantId[]) =>
  (present: CustomerLink): CustomerLinkEvent[] =>
    existing(present, known).role === role
      ? []
      : [{ type: 'CustomerLinkRoleChanged', data: { tenantId, userId, ...granted(role) } }];

export const revoke =
  (tenantId: TenantId, userId: UserId, known: readonly TenantId[]) =>
  (present: CustomerLink): CustomerLinkEvent[] => {
    existing(present, known);
    return [{ type: 'CustomerLinkRevoked', data: { tenantId, userId } }];
  };
