import { type Claim, handleClaiming, holderOf } from '#libs/event-sourcing/claims';
import { type Command } from '#libs/event-sourcing/command';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type DomainEvent, idOf } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { present } from '#libs/event-sourcing/handle';
import { type UserId } from '#libs/published/ids';

/** Private: as whom an identity provider knows a user. */
export type IdentityEvent = DomainEvent<'IdentityLinked', { userId: UserId; issuer: string; subject: string }>;

/** Somebody as an identity provider knows them, for good: unlike their address. */
export type Subject = Readonly<{ issuer: string; subject: string }>;

/** The subject by issuer: the first that logged in is who it stays. */
export type Identities = ReadonlyMap<string, string>;

export const identities = decider<Identities, IdentityEvent, UserId>('access-control.identity', new Map(), (before, { data }) =>
  new Map(before).set(data.issuer, data.subject),
);

/** No event: the user is bound to another one. Who was bound before subjects were claimed is bound once more. */
export const linkIdentity =
  (userId: UserId, { issuer, subject }: Subject) =>
  (before: Identities): IdentityEvent[] =>
    (before.get(issuer) ?? subject) === subject ? [{ type: 'IdentityLinked', data: { userId, issuer, subject } }] : [];

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
