import { type Claim, handleClaiming, holderOf } from '#libs/event-sourcing/claims';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { idOf } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { present } from '#libs/event-sourcing/handle';
import { type UserId } from '#libs/published/ids';
import { identities, linkIdentity, type Subject } from './identity.ts';

const TAKEN = 'subject-taken';

const claimOf = ({ issuer, subject }: Subject): Claim => ({
  service: 'access-control',
  kind: 'subject',
  scope: issuer,
  // Those that differ in the case of a letter only are two.
  value: Buffer.from(subject).toString('hex'),
  taken: { code: TAKEN, message: 'Another user is bound to this subject.' },
});

/** The user who is bound to it, if any. */
export const userBoundTo = async (store: EventStore, stated: Subject): Promise<UserId | undefined> => {
  const holder = await holderOf(store, claimOf(stated));
  if (holder === undefined) return undefined;
  const userId = idOf(holder) as UserId;
  const { state } = await present(store, identities, userId);
  return state.get(stated.issuer) === stated.subject ? userId : undefined;
};

/** Binds one user to one subject. False: either is bound to another one, or is about to be. */
export const bind = async (store: EventStore, userId: UserId, stated: Subject, command: Command): Promise<boolean> => {
  try {
    const claims = [claimOf(stated)];
    const { state } = await handleClaiming(store, identities, userId, linkIdentity(userId, stated), { command, claims });
    return state.get(stated.issuer) === stated.subject;
  } catch (error) {
    if (error instanceof DomainError && error.code === TAKEN) return false;
    throw error;
  }
};
