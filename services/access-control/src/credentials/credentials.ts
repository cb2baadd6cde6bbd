import { decider } from '#libs/event-sourcing/decider';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type UserId } from '#libs/published/ids';

/** Private to this service: never published, in no read model. */
export type CredentialsEvent = DomainEvent<'PasswordSet', { userId: UserId; hash: string }>;

/** The hash that a login is checked against; null: no login by password. */
export type Credentials = Readonly<{ passwordHash: string | null }>;

export const credentials = decider<Credentials, CredentialsEvent, UserId>(
  'access-control.credentials',
  { passwordHash: null },
  (_before, { data }) => ({ passwordHash: data.hash }),
);

export const setPassword = (userId: UserId, hash: string) => (): CredentialsEvent[] => [
  { type: 'PasswordSet', data: { userId, hash } },
];
