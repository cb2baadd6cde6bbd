import { type ImpersonationEvent } from '#libs/published/acting';
import { type ImpersonationId, type TenantId, type UserId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';

/** Somebody who acts, or acted, as another user. `endedAt` is null unless it was ended before `until`. */
export type ImpersonationRow = Readonly<{
  id: ImpersonationId;
  tenantId: TenantId;
  userId: UserId;
  actorId: UserId;
  reason: string;
  startedAt: Instant;
  until: Instant;
  endedAt: Instant | null;
}>;

/** Asked on every request of an impersonation, so that one that was ended counts no longer at once. */
export const impersonations = projection({
  name: 'impersonations',
  version: 1,
  parts: {
    impersonation: part<ImpersonationEvent, ImpersonationRow>('access-control.impersonation', {
      document: ({ data }) => data.impersonationId,
      evolve: (before, { type, data }) => {
        if (type === 'ImpersonationStarted') {
          const { impersonationId: id, tenantId, userId, actorId, reason, startedAt, until } = data;
          return { id, tenantId, userId, actorId, reason, startedAt, until, endedAt: null };
        }
        if (!before) throw new Error(`${type} before the impersonation was started`);
        return { ...before, endedAt: data.endedAt };
      },
    }),
  },
  row: ({ impersonation }): ImpersonationRow | undefined => impersonation,
  indexes: [['tenantId', 'startedAt']],
});
