import { normalised } from '#libs/event-sourcing/claims';
import { type UserEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';

/** `emailKey` is the address without regard to case: what a login looks for. */
export type UserRow = Readonly<{ id: UserId; email: string; emailKey: string; name: string }>;

export const userList = projection({
  name: 'users',
  version: 1,
  parts: {
    user: part<UserEvent, UserRow>('access-control.user', {
      document: ({ data }) => data.userId,
      evolve: (_before, { data }) => ({ id: data.userId, email: data.email, emailKey: normalised(data.email), name: data.name }),
    }),
  },
  row: ({ user }): UserRow | undefined => user,
  indexes: [['emailKey']],
});
