import { decider } from '#libs/event-sourcing/decider';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type UserId } from '#libs/published/ids';

/** Private: as whom an identity provider knows a user. */
export type IdentityEvent = DomainEvent<'IdentityLinked', { userId: UserId; issuer: string; subject: string }>;

/** The subject by issuer: the first that logged in is who it stays. */
export type Identities = ReadonlyMap<string, string>;

export const identities = decider<Identities, IdentityEvent, UserId>('access-control.identity', new Map(), (before, { data }) =>
  new Map(before).set(data.issuer, data.subject),
);

/** No event: nothing is new, or it is somebody else who has the same address there now. */
export const linkIdentity =
  (userId: UserId, issuer: string, subject: string) =>
  (before: Identities): IdentityEvent[] =>
    before.has(issuer) ? [] : [{ type: 'IdentityLinked', data: { userId, issuer, subject } }];
