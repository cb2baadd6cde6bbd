import { memberships } from '#libs/access-policy/memberships.projection';
import { tenantTree, type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { userList, type UserRow } from '../user-list/user-list.projection.ts';

/** @throws Error as long as the tenant is not known here: the letter waits */
export const tenantOf = async (readModels: ReadModels, id: TenantId): Promise<TenantTreeRow> => {
  const tenant = await readModels.of(tenantTree).get(id);
  if (!tenant) throw new Error(`${id} is not known here yet`);
  return tenant;
};

/** @throws Error as long as the person is not known here */
export const personOf = async (readModels: ReadModels, id: UserId): Promise<UserRow> => {
  const person = await readModels.of(userList).get(id);
  if (!person) throw new Error(`${id} is not known here yet`);
  return person;
};

/** The tenant's own Admins. */
export const adminsOf = async (readModels: ReadModels, tenantId: TenantId): Promise<readonly UserId[]> =>
  (await readModels.of(memberships).all({ tenantId, role: 'admin', enabled: true })).map(({ userId }) => userId);
