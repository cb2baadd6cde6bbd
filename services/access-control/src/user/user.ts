import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type UserId } from '#libs/published/ids';

/** Private: names and e-mail addresses of people leave this service by its API only. */
export type UserEvent = DomainEvent<'UserRegistered', { userId: UserId; email: string; name: string }>;

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
