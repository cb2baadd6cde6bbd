import { randomUUID } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { addressForms } from '#libs/email-address';
import { handleClaiming } from '#libs/event-sourcing/claims';
import { type Command } from '#libs/event-sourcing/command';
import { type CommandId } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Clock, systemClock } from '#libs/time/time';
import { choosePassword, credentials, isStillChosen, setPassword } from '../credentials/credentials.ts';
import { hashPassword, isPasswordOf } from '../credentials/password.ts';
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
  const userId = await registerPerson(store, email, name, command);
  await handle(store, credentials, userId, setPassword(userId, await hashPassword(password)), { command });
  await handle(store, userAccessOf, userId, openAccess(userId), { command });
  await handle(store, membership, membershipId(tenantId, userId), grant(tenantId, userId, given), { command });
  return userId;
};

/**
 * A new person who chose their password themselves, a member of nothing. Of those who come with one command only whoever sends the
 * password that counts gets through, and from then on no other one does; a person who was cut short goes on with the same password at
 * once, with another one after a minute. Undefined: the password that counts is another one, or it might be by now.
 * @throws DomainError `conflict` `email-taken`
 */
export const addWithChosenPassword = async (
  store: EventStore,
  { email, name, password }: NewPerson,
  command: Command,
  wallClock: Clock = systemClock,
): Promise<UserId | undefined> => {
  const userId = newUserId(command);
  const hash = await hashPassword(password);
  const chosenAt = wallClock.now();
  // Looked at after that instant: whoever got in by an earlier choice was in before it, or does not get through.
  if (!(await present(store, userAccessOf, userId)).state.open) {
    const choosing = { ...command, id: randomUUID() as CommandId };
    await handle(store, credentials, userId, choosePassword(userId, hash, chosenAt), { command: choosing });
  }
  const { state } = await present(store, credentials, userId);
  const { passwordHash } = state;
  if (passwordHash === null || (passwordHash !== hash && !(await isPasswordOf(passwordHash, password)))) return undefined;
  await registerPerson(store, email, name, command);
  await handle(store, userAccessOf, userId, openAccess(userId), { command });
  return isStillChosen(state, wallClock.now()) ? userId : undefined;
};

/** @throws DomainError `conflict` `email-taken` */
const registerPerson = async (store: EventStore, email: string, name: string, command: Command): Promise<UserId> => {
  const userId = newUserId(command);
  const taken = { code: 'email-taken', message: 'There is a user with this e-mail address already.', path: 'email' };
  const claims = addressForms(email).map((value) => ({ service: 'access-control', kind: 'email', scope: '', value, taken }));
  await handleClaiming(store, user, userId, register(userId, email, name), { command, claims });
  return userId;
};

/** Whom the command registers. */
export const newUserId = ({ id }: Pick<Command, 'id'>): UserId => uuidv5('user', id) as UserId;
