import { decider } from '#libs/event-sourcing/decider';
import { type UserAccessEvent } from '#libs/published/access-control';
import { type SessionId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

/** Whether a user may be logged in at all, and which of the tokens issued so far count. */
export type UserAccess = Readonly<{
  open: boolean;
  issuedSince: Instant | null;
  /** Sessions none of whose tokens counts, as long as there may be one. */
  ended: ReadonlyMap<SessionId, Instant>;
}>;

export const userAccessOf = decider<UserAccess, UserAccessEvent, UserId>(
  'access-control.userAccess',
  { open: false, issuedSince: null, ended: new Map() },
  (before, { type, data }) => {
    switch (type) {
      case 'AccessOpened':
        return { ...before, open: true };
      case 'AccessClosed':
        return { ...before, open: false };
      case 'TokensRevoked':
        return { ...before, issuedSince: data.issuedBefore };
      case 'SessionTokensRevoked': {
        const remembered = [...before.ended].filter(([, until]) => until > data.revokedAt);
        return { ...before, ended: new Map([...remembered, [data.sessionId, data.until]]) };
      }
    }
  },
);

export const openAccess =
  (userId: UserId) =>
  ({ open }: UserAccess): UserAccessEvent[] =>
    open ? [] : [{ type: 'AccessOpened', data: { userId } }];

/** @param issuedBefore of the wall clock, which tokens live by */
export const revokeTokens =
  (userId: UserId, issuedBefore: Instant) =>
  ({ issuedSince }: UserAccess): UserAccessEvent[] =>
    issuedSince !== null && issuedSince >= issuedBefore ? [] : [{ type: 'TokensRevoked', data: { userId, issuedBefore } }];

/** @param until when the last of its tokens ends anyway; both instants are of the wall clock */
export const revokeSessionTokens =
  (userId: UserId, sessionId: SessionId, revokedAt: Instant, until: Instant) =>
  ({ ended }: UserAccess): UserAccessEvent[] =>
    ended.has(sessionId) ? [] : [{ type: 'SessionTokensRevoked', data: { userId, sessionId, revokedAt, until } }];
