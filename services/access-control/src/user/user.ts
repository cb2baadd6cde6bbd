import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type UserEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';

export type User = Readonly<{ email: string; name: string }> | null;

/** A person; the e-mail address is unique on the platform, by claim. */
export const user = decider<User, UserEvent, UserId>('access-control.user', null, (_user, { data }) => ({
  email: data.email,
  name: data.name,
}));

export const register =
  (userId: UserId, email: string, name: string) =>
  (known: User): UserEvent[] => {
    if (known) throw new DomainError('conflict', 'user-exists', 'This user is registered already.');
    return [{ type: 'UserRegistered', data: { userId, email, name } }];
  };
