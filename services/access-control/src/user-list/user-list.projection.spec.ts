import { describe, expect, it } from '@jest/globals';
import { type UserEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';
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
    expect(rowsOf(userList, users)[0]).toEqual({ id: 'ada', email: 'Ada@Example.com', emailKey: 'ada@example.com', name: 'ada' });
  });
});
