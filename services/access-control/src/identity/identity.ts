import { decider } from '#libs/event-sourcing/decider';
import { type DomainEvent } from '#libs/event-sourcing/event';
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
