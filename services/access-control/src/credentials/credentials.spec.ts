import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { choosePassword, credentials, type CredentialsEvent, setPassword } from './credentials.ts';

const ADA = 'ada' as UserId;
const NOON = '2026-01-31T12:00:00.000Z' as Instant;
const SOON = '2026-01-31T12:00:59.999Z' as Instant;
const LATER = '2026-01-31T12:01:00.000Z' as Instant;
const chosen = (hash: string, chosenAt: Instant): CredentialsEvent => ({
  type: 'PasswordSet',
  data: { userId: ADA, hash, chosenAt },
});
const set: CredentialsEvent = { type: 'PasswordSet', data: { userId: ADA, hash: 'old' } };

describe('choosing a password before one can log in', () => {
  it('counts the first', () => {
    given(credentials)
      .when(choosePassword(ADA, 'one', NOON))
      .then(chosen('one', NOON));
    given(credentials, chosen('one', NOON))
      .when(choosePassword(ADA, 'other', SOON))
      .thenNothing();
  });
  it('counts another one after a minute', () => {
    given(credentials, chosen('one', NOON))
      .when(choosePassword(ADA, 'other', LATER))
      .then(chosen('other', LATER));
  });
  it('counts another one where nobody knows how old the first is', () => {
    given(credentials, set)
      .when(choosePassword(ADA, 'other', NOON))
      .then(chosen('other', NOON));
  });
});

describe('setting a password', () => {
  it('replaces whatever there was', () => {
    given(credentials, chosen('one', NOON)).when(setPassword(ADA, 'old')).then(set);
  });
});
