import { type CustomerLinkEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';
import { type Role, roleIn } from './roles.ts';

/** The role that a user of a tenant above was given in one tenant. */
export type CustomerLinkRow = Readonly<{
  id: string;
  tenantId: TenantId;
  path: readonly TenantId[];
  userId: UserId;
  /** The tenant above whose user it is. */
  memberOf: TenantId;
  role: Role;
  linkedBy: UserId;
}>;

type LinkPart = Omit<CustomerLinkRow, 'id' | 'role'> & Readonly<{ role: Role | null }>;

/** One document per link; a revoked one keeps its part, so that a late event cannot bring the row back. */
export const customerLinks = projection({
  name: 'customer-links',
  version: 1,
  parts: {
    link: part<CustomerLinkEvent, LinkPart>('access-control.customerLink', {
      document: ({ data }) => `${data.tenantId}~${data.userId}`,
      evolve: (before, { type, data }) => {
        if (type === 'CustomerLinked') {
          const { tenantId, path, userId, memberOf, linkedBy } = data;
          return { tenantId, path, userId, memberOf, role: roleIn(data), linkedBy };
        }
        if (!before) throw new Error(`${type} before anybody was linked`);
        return { ...before, role: type === 'CustomerLinkRevoked' ? null : roleIn(data) };
      },
    }),
  },
  row: ({ link }, id): CustomerLinkRow | undefined => {
    if (!link?.role) return undefined;
    const { tenantId, path, userId, memberOf, role, linkedBy } = link;
    return { id, tenantId, path, userId, memberOf, role, linkedBy };
  },
  indexes: [['userId'], ['tenantId']],
});
