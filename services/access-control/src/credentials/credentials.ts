import { decider } from '#libs/event-sourcing/decider';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

/** Private to this service: never published, in no read model. `chosenAt`, of the wall clock: by whoever accepts an invitation. */
export type CredentialsEvent = DomainEvent<'PasswordSet', { userId: UserId; hash: string; chosenAt?: Instant }>;

/** The hash that a login is checked against; null: no login by password. */
export type Credentials = Readonly<{ passwordHash: string | null; chosenAt: Instant | null }>;

export const credentials = decider<Credentials, CredentialsEvent, UserId>(
  'access-control.credentials',
  { passwordHash: null, chosenAt: null },
  (_before, { data }) => ({ passwordHash: data.hash, chosenAt: data.chosenAt ?? null }),
);

export const setPassword = (userId: UserId, hash: string) => (): CredentialsEvent[] => [
  { type: 'PasswordSet', data: { userId, hash } },
];

/** How long a password that somebody chose is theirs, though they cannot log in yet. */
const CHOSEN_FOR_MS = 60_000;

/** Whether nobody else may have chosen another one. */
export const isStillChosen = ({ chosenAt }: Credentials, now: Instant): boolean =>
  chosenAt !== null && Date.parse(now) - Date.parse(chosenAt) < CHOSEN_FOR_MS;

/** By a person who cannot log in yet. The first one stays, unless whoever chose it was cut short and did not come again for a while. */
export const choosePassword =
  (userId: UserId, hash: string, chosenAt: Instant) =>
  (before: Credentials): CredentialsEvent[] =>
    before.passwordHash !== null && isStillChosen(before, chosenAt)
      ? []
      : [{ type: 'PasswordSet', data: { userId, hash, chosenAt } }];
