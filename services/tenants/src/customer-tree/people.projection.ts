import { type DomainEvent } from '#libs/event-sourcing/event';
import { type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';

/** What people are called, for lists that name them. */
export type PersonRow = Readonly<{ id: UserId; name: string }>;

type Told = DomainEvent<string, Readonly<{ userId: UserId; name?: string }>>;

export const people = projection({
  name: 'people-of-customers',
  version: 1,
  parts: {
    user: part<Told, PersonRow | undefined>('access-control.user', {
      document: ({ data }) => data.userId,
      evolve: (before, { data: { userId: id, name } }) => (name === undefined ? before : { id, name }),
    }),
  },
  row: ({ user }): PersonRow | undefined => user,
  indexes: [],
});
