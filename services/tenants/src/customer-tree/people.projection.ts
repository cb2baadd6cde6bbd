import { type UserEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';

/** What people are called, for lists that name them. */
export type PersonRow = Readonly<{ id: UserId; name: string }>;

export const people = projection({
  name: 'people-of-customers',
  version: 1,
  parts: {
    user: part<UserEvent, PersonRow>('access-control.user', {
      document: ({ data }) => data.userId,
      evolve: (_before, { data: { userId: id, name } }) => ({ id, name }),
    }),
  },
  row: ({ user }): PersonRow | undefined => user,
  indexes: [],
});
