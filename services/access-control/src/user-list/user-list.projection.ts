import { addressKey } from '#libs/email-address';
import { type UserEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';
import { alphabetical } from '#libs/read-models/alphabetical';
import { part, projection } from '#libs/read-models/projection';

/** `emailKey` is the address in whatever spelling: what a login looks for. `…Order`: what lists sort and search by. */
export type UserRow = Readonly<{
  id: UserId;
  email: string;
  emailKey: string;
  emailOrder: string;
  name: string;
  nameOrder: string;
}>;

export const userList = projection({
  name: 'users',
  version: 3,
  parts: {
    user: part<UserEvent, UserRow>('access-control.user', {
      document: ({ data }) => data.userId,
      evolve: (_before, { data: { userId: id, email, name } }) => ({
        id,
        email,
        emailKey: addressKey(email),
        emailOrder: alphabetical(email),
        name,
        nameOrder: alphabetical(name),
      }),
    }),
  },
  row: ({ user }): UserRow | undefined => user,
  indexes: [['emailKey']],
});
