import { v5 as uuidv5 } from 'uuid';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { handleClaiming } from '#libs/event-sourcing/claims';
import { type Command } from '#libs/event-sourcing/command';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle } from '#libs/event-sourcing/handle';
import { type TenantId, type UserId } from '#libs/published/ids';
import { credentials, setPassword } from '../credentials/credentials.ts';
import { hashPassword } from '../credentials/password.ts';
import { grant, type Grant, membership } from '../membership/membership.ts';
import { openAccess, userAccessOf } from '../user-access/user-access.ts';
import { register, user } from './user.ts';

type NewPerson = Readonly<{ email: string; name: string; password: string }>;

export type NewUser = NewPerson & Grant & Readonly<{ tenantId: TenantId | 'platform' }>;

/**
 * A new person with a password and a role. Each step carries the command, and the membership comes last: a repeated command goes on
 * where a crash ended it, and without the membership there is nothing that a login could do.
 * @throws DomainError `conflict` `email-taken`
 */
export const addUser = async (store: EventStore, wanted: NewUser, command: Command): Promise<UserId> => {
  const { email, name, password, tenantId, ...given } = wanted;
  const userId = await registerUser(store, { email, name, password }, command);
  await handle(store, membership, membershipId(tenantId, userId), grant(tenantId, userId, given), { command });
  return userId;
};

/** A new person with a password, a member of nothing. @throws DomainError `conflict` `email-taken` */
export const registerUser = async (store: EventStore, person: NewPerson, command: Command): Promise<UserId> => {
  const userId = newUserId(command);
  const { email, name, password } = person;
  const taken = { code: 'email-taken', message: 'There is a user with this e-mail address already.', path: 'email' };
  const claims = [{ service: 'access-control', kind: 'email', scope: '', value: email, taken }];
  await handleClaiming(store, user, userId, register(userId, email, name), { command, claims });
  await handle(store, credentials, userId, setPassword(userId, await hashPassword(password)), { command });
  await handle(store, userAccessOf, userId, openAccess(userId), { command });
  return userId;
};

/** Whom the command registers. */
export const newUserId = ({ id }: Pick<Command, 'id'>): UserId => uuidv5('user', id) as UserId;
