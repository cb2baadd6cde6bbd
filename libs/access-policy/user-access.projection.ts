import { type UserAccessEvent } from '#libs/published/access-control';
import { type SessionId, type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';

/** Whether a user's access tokens count, since when they must have been issued (null: whenever), and of which sessions none does. */
export type UserAccessRow = Readonly<{
  id: UserId;
  open: boolean;
  issuedSince: Instant | null;
  /** Ended sessions, each with the instant at which its last token ends anyway. */
  endedSessions: Readonly<Record<SessionId, Instant>>;
}>;

type Ended = UserAccessRow['endedSessions'];

/** With one more, and without those whose tokens have ended anyway: a few at most. */
const endedAfter = (
  ended: Ended,
  { sessionId, revokedAt, until }: Readonly<{ sessionId: SessionId; revokedAt: Instant; until: Instant }>,
): Ended => ({
  ...Object.fromEntries(Object.entries(ended).filter(([, end]) => end > revokedAt)),
  [sessionId]: until,
});

/** Asked on every request, so a revoked token counts no longer at once. */
export const userAccess = projection({
  name: 'user-access',
  version: 2,
  parts: {
    access: part<UserAccessEvent, UserAccessRow>('access-control.userAccess', {
      document: ({ data }) => data.userId,
      evolve: (before, { type, data }) => {
        if (type === 'AccessOpened')
          return {
            id: data.userId,
            open: true,
            issuedSince: before?.issuedSince ?? null,
            endedSessions: before?.endedSessions ?? {},
          };
        if (!before) throw new Error(`${type} before the user's access was opened`);
        switch (type) {
          case 'AccessClosed':
            return { ...before, open: false };
          case 'TokensRevoked':
            return { ...before, issuedSince: data.issuedBefore };
          case 'SessionTokensRevoked':
            return { ...before, endedSessions: endedAfter(before.endedSessions, data) };
        }
      },
    }),
  },
  row: ({ access }): UserAccessRow | undefined => access,
  indexes: [],
});
