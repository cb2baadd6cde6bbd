import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type UserAccessEvent } from '#libs/published/access-control';
import { type SessionId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { openAccess, revokeSessionTokens, revokeTokens, userAccessOf } from './user-access.ts';

const ADA = 'ada' as UserId;
const NOON = '2026-01-31T12:00:00.000Z' as Instant;
const LATER = '2026-01-31T12:00:00.001Z' as Instant;
const opened: UserAccessEvent = { type: 'AccessOpened', data: { userId: ADA } };
const closed: UserAccessEvent = { type: 'AccessClosed', data: { userId: ADA } };
const revoked = (issuedBefore: Instant): UserAccessEvent => ({ type: 'TokensRevoked', data: { userId: ADA, issuedBefore } });

describe('the access of a user', () => {
  it('opens once', () => {
    given(userAccessOf).when(openAccess(ADA)).then(opened);
    given(userAccessOf, opened).when(openAccess(ADA)).thenNothing();
    given(userAccessOf, opened, closed).when(openAccess(ADA)).then(opened);
  });
  it('loses the tokens issued so far, and those before them no second time', () => {
    given(userAccessOf, opened).when(revokeTokens(ADA, NOON)).then(revoked(NOON));
    given(userAccessOf, opened, revoked(NOON)).when(revokeTokens(ADA, NOON)).thenNothing();
    given(userAccessOf, opened, revoked(NOON)).when(revokeTokens(ADA, LATER)).then(revoked(LATER));
  });
  it('loses the tokens of one session once', () => {
    const one = 'one' as SessionId;
    const ended: UserAccessEvent = {
      type: 'SessionTokensRevoked',
      data: { userId: ADA, sessionId: one, revokedAt: NOON, until: LATER },
    };
    const end = revokeSessionTokens(ADA, one, NOON, LATER);
    given(userAccessOf, opened).when(end).then(ended);
    given(userAccessOf, opened, ended).when(end).thenNothing();
  });
});
