import { describe, expect, it } from '@jest/globals';
import { type UserEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';
import { alphabetical } from '#libs/read-models/alphabetical';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { userList } from './user-list.projection.ts';

const registered = (userId: string, email: string): UserEvent => ({
  type: 'UserRegistered',
  data: { userId: userId as UserId, email, name: userId },
});
const users = [
  history<UserEvent>('access-control.user-ada', registered('ada', 'Ada@Example.com')),
  history<UserEvent>('access-control.user-bob', registered('bob', 'bob@example.com')),
];

projectionTwins(userList, users);

describe('the list of users', () => {
  it('finds an address without regard to case, and shows it as it was given', () => {
    const [ada] = rowsOf(userList, users);
    expect(ada).toMatchObject({ id: 'ada', email: 'Ada@Example.com', emailKey: 'ada@example.com', name: 'ada' });
  });
  it('holds by what people look for a name or an address', () => {
    const [ada] = rowsOf(userList, users);
    expect(ada).toMatchObject({ nameOrder: alphabetical('ada'), emailOrder: alphabetical('Ada@Example.com') });
  });
});
