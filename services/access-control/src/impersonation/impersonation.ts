import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type ImpersonationEvent } from '#libs/published/acting';
import { type ImpersonationId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

/** Undefined until it is started. */
export type Impersonation =
  Readonly<{ tenantId: TenantId; userId: UserId; actorId: UserId; until: Instant; ended: boolean }> | undefined;

/** However long somebody would like to. */
export const LONGEST_MINUTES = 30;

export const impersonation = decider<Impersonation, ImpersonationEvent, ImpersonationId>(
  'access-control.impersonation',
  undefined,
  (before, { type, data }) => {
    if (type === 'ImpersonationStarted') {
      const { tenantId, userId, actorId, until } = data;
      return { tenantId, userId, actorId, until, ended: false };
    }
    if (!before) throw new Error(`${type} before the impersonation was started`);
    return { ...before, ended: true };
  },
);

export type Wanted = Readonly<{
  impersonationId: ImpersonationId;
  tenantId: TenantId;
  path: readonly TenantId[];
  userId: UserId;
  actorId: UserId;
  reason: string;
}>;

/** @param now of the wall clock */
export const start =
  (wanted: Wanted, minutes: number, now: Instant) =>
  (known: Impersonation): ImpersonationEvent[] => {
    if (known) throw new DomainError('conflict', 'impersonation-exists', 'This impersonation was started already.');
    if (wanted.userId === wanted.actorId) throw notAllowed('Nobody impersonates themselves.');
    if (minutes < 1 || minutes > LONGEST_MINUTES)
      throw new DomainError('invalid', 'impersonation-too-long', `It may last 1 to ${String(LONGEST_MINUTES)} minutes.`, [
        { path: 'minutes', message: `must be 1 to ${String(LONGEST_MINUTES)}` },
      ]);
    const until = new Date(Date.parse(now) + minutes * 60_000).toISOString() as Instant;
    return [{ type: 'ImpersonationStarted', data: { ...wanted, startedAt: now, until } }];
  };

/** One that is over by itself stays so. @param now of the wall clock */
export const end =
  (impersonationId: ImpersonationId, tenantId: TenantId, now: Instant) =>
  (known: Impersonation): ImpersonationEvent[] => {
    if (known?.tenantId !== tenantId)
      throw new DomainError('not-found', 'impersonation-not-found', 'The tenant knows of no such impersonation.');
    if (known.ended || known.until <= now) return [];
    const { userId, actorId } = known;
    return [{ type: 'ImpersonationEnded', data: { impersonationId, tenantId, userId, actorId, endedAt: now } }];
  };

export const notAllowed = (message: string): DomainError => new DomainError('rejected', 'impersonation-not-allowed', message);
