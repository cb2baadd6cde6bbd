import { decider } from '#libs/event-sourcing/decider';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { type Day } from '#libs/time/time';

/** Private: letters that a tenant had sent on one day, of the wall clock. */
export type InvitationQuotaEvent = DomainEvent<'LettersCounted', { letters: number }>;

export const invitationQuota = decider<number, InvitationQuotaEvent>(
  'access-control.invitationQuota',
  0,
  (before, { data }) => before + data.letters,
);

export const quotaId = (tenantId: TenantId, on: Day): string => `${tenantId}~${on}`;

/** No event: that many would be too many for this day. */
export const countLetters =
  (letters: number, most: number) =>
  (before: number): InvitationQuotaEvent[] =>
    before + letters > most ? [] : [{ type: 'LettersCounted', data: { letters } }];
