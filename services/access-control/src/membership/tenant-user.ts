import { type MembershipRow } from '#libs/access-policy/memberships.projection';
import { type ChildTenantRole, type Extra, type Role } from '#libs/access-policy/roles';
import { childTenantRole, extra, role, userId } from '#libs/platform/published-schemas';
import { flag, list, named, nullable, object, saying, text } from '#libs/platform/schema';
import { type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { userList } from '../user-list/user-list.projection.ts';
import { type Membership } from './membership.ts';

/** A user as one of a tenant's own. */
export type TenantUser = Readonly<{
  id: UserId;
  email: string;
  name: string;
  role: Role;
  extras: readonly Extra[];
  childTenantRole: ChildTenantRole | null;
  enabled: boolean;
}>;

export const tenantUserSchema = named(
  'TenantUser',
  object<TenantUser>({
    id: userId,
    email: text,
    name: text,
    role,
    extras: saying('What an Admin may do besides', list(extra)),
    childTenantRole: saying(
      'In every tenant below; null: what follows from the role and the access model',
      nullable(childTenantRole),
    ),
    enabled: saying('False: the role does not count for now', flag),
  }),
);

type Held = Pick<MembershipRow, 'role' | 'extras' | 'childTenantRole' | 'enabled'>;

export const tenantUser = async (
  readModels: ReadModels,
  userId: UserId,
  { role, extras, childTenantRole, enabled }: Held,
): Promise<TenantUser> => {
  const person = await readModels.of(userList).get(userId);
  return { id: userId, email: person?.email ?? '', name: person?.name ?? '', role, extras, childTenantRole, enabled };
};

/** What a membership is after somebody was granted or left one. */
export const heldIn = ({ role, ...rest }: Membership): Held => {
  if (role === null) throw new Error('a member has no role');
  return { role, ...rest };
};
