import { normalised } from '#libs/event-sourcing/claims';
import { type UserEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';
import { alphabetical } from '#libs/read-models/alphabetical';
import { part, projection } from '#libs/read-models/projection';

/** `emailKey` is the address without regard to case: what a login looks for. `…Order`: what lists sort and search by. */
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
  version: 2,
  parts: {
    user: part<UserEvent, UserRow>('access-control.user', {
      document: ({ data }) => data.userId,
      evolve: (_before, { data: { userId: id, email, name } }) => ({
        id,
        email,
        emailKey: normalised(email),
        emailOrder: alphabetical(email),
        name,
        nameOrder: alphabetical(name),
      }),
    }),
  },
  row: ({ user }): UserRow | undefined => user,
  indexes: [['emailKey']],
});
