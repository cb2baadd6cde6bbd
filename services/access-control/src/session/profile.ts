import { memberships } from '#libs/access-policy/memberships.projection';
import { type Membership } from '#libs/access-policy/policy';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { role, tenantId, userId } from '#libs/platform/published-schemas';
import { choice, list, named, nullable, object, oneOf, saying, text } from '#libs/platform/schema';
import { type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { userList } from '../user-list/user-list.projection.ts';

/** Somebody as they see themselves. */
export type Profile = Readonly<{
  id: UserId;
  email: string;
  name: string;
  memberships: readonly NamedMembership[];
}>;

type NamedMembership = Readonly<Pick<Membership, 'tenantId' | 'role'> & { tenantName: string | null }>;
export const profile = named(
  'Profile',
  object<Profile>({
    id: userId,
    email: text,
    name: text,
    memberships: list(
      object<NamedMembership>({
        tenantId: saying('`platform` for whoever runs it', oneOf(tenantId, choice('platform'))),
        role,
        tenantName: saying('Null for the platform', nullable(text)),
      }),
    ),
  }),
);

export const profileOf = async (readModels: ReadModels, userId: UserId): Promise<Profile> => {
  const person = await readModels.of(userList).get(userId);
  const held = await readModels.of(memberships).all({ userId, enabled: true });
  const named = held.map(async ({ tenantId, role }) => ({
    tenantId,
    role,
    tenantName: tenantId === 'platform' ? null : ((await readModels.of(tenantTree).get(tenantId))?.name ?? null),
  }));
  return { id: userId, email: person?.email ?? '', name: person?.name ?? '', memberships: await Promise.all(named) };
};
