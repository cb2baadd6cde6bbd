import { decider } from '#libs/event-sourcing/decider';
import { type UserAccessEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

/** Whether a user may be logged in at all, and which of the tokens issued so far count. */
export type UserAccess = Readonly<{ open: boolean; issuedSince: Instant | null }>;

export const userAccessOf = decider<UserAccess, UserAccessEvent, UserId>(
  'access-control.userAccess',
  { open: false, issuedSince: null },
  (before, { type, data }) => {
    switch (type) {
      case 'AccessOpened':
        return { ...before, open: true };
      case 'AccessClosed':
        return { ...before, open: false };
      case 'TokensRevoked':
        return { ...before, issuedSince: data.issuedBefore };
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
