import { type UserAccessEvent } from '#libs/published/access-control';
import { type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';

/** Whether a user's access tokens count, and since when they must have been issued (null: whenever). */
export type UserAccessRow = Readonly<{ id: UserId; open: boolean; issuedSince: Instant | null }>;

/** Asked on every request, so a revoked token counts no longer at once. */
export const userAccess = projection({
  name: 'user-access',
  version: 1,
  parts: {
    access: part<UserAccessEvent, UserAccessRow>('access-control.userAccess', {
      document: ({ data }) => data.userId,
      evolve: (before, { type, data }) => {
        if (type === 'AccessOpened') return { id: data.userId, open: true, issuedSince: before?.issuedSince ?? null };
        if (!before) throw new Error(`${type} before the user's access was opened`);
        return type === 'AccessClosed' ? { ...before, open: false } : { ...before, issuedSince: data.issuedBefore };
      },
    }),
  },
  row: ({ access }): UserAccessRow | undefined => access,
  indexes: [],
});
