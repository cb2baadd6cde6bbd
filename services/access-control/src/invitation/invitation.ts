import { type ChildTenantRole, type Extra, grantedRole, type Role } from '#libs/access-policy/roles';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type InvitationEvent } from '#libs/published/access-control';
import { type InvitationId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { invitationAfter, type InvitationRow } from '../invitation-list/invitation-list.projection.ts';

/** Who is invited to what. */
export type Invited = Readonly<{
  tenantId: TenantId;
  /** Of the tenant, from the root. */
  path: readonly TenantId[];
  email: string;
  name: string | null;
  jobFunction: string | null;
  role: Role;
  extras: readonly Extra[];
  childTenantRole: ChildTenantRole | null;
}>;

/** One e-mail address and one tenant; undefined: never invited. */
export type Invitation = InvitationRow | undefined;

export const invitation = decider<Invitation, InvitationEvent, InvitationId>(
  'access-control.invitation',
  undefined,
  invitationAfter,
);

/** Until when an invitation that is sent now can be accepted. */
export type Sending = Readonly<{ invitedBy: string; sentAt: Instant; expiresAt: Instant }>;

const sent = (
  invitationId: InvitationId,
  invited: Invited,
  round: number,
  { invitedBy, sentAt, expiresAt }: Sending,
): InvitationEvent => {
  const { tenantId, path, email, name, jobFunction, role, extras, childTenantRole } = invited;
  const granted = grantedRole(role);
  if (granted.role === 'operator') throw notAvailable();
  return {
    type: 'InvitationSent',
    data: {
      tenantId,
      path,
      invitationId,
      email,
      name,
      jobFunction,
      role: granted.role,
      ...(granted.roleId === undefined ? {} : { roleId: granted.roleId }),
      ...(extras.length === 0 ? {} : { extras }),
      ...(childTenantRole === null ? {} : { childTenantRole }),
      round,
      invitedBy,
      sentAt,
      expiresAt,
    },
  };
};

const notAvailable = (): DomainError => {
  const message = 'an operator belongs to the platform and is not invited';
  return new DomainError('rejected', 'role-not-available', `The role does not fit: ${message}.`, [{ path: 'role', message }]);
};

/** @throws DomainError `conflict` `already-invited` while another invitation of this address can be accepted */
export const invite =
  (id: InvitationId, invited: Invited, sending: Sending) =>
  (before: Invitation): InvitationEvent[] => {
    if (before?.decision === null && before.expiresAt > sending.sentAt)
      throw new DomainError(
        'conflict',
        'already-invited',
        'This address is invited already: send that invitation again instead.',
        [{ path: 'email', message: 'is invited already' }],
      );
    return [sent(id, invited, (before?.round ?? 0) + 1, sending)];
  };

/** Another letter, also for one that has expired; the token of the letter before counts no longer. */
export const resend =
  (id: InvitationId, sending: Sending) =>
  (before: Invitation): InvitationEvent[] => {
    const known = existing(before);
    if (known.decision !== null) throw over(known.decision);
    return [sent(id, known, known.round + 1, sending)];
  };

/** One that has expired can be revoked, too: it cannot be sent again then. */
export const revoke =
  (id: InvitationId) =>
  (before: Invitation): InvitationEvent[] => {
    const { tenantId, decision } = existing(before);
    if (decision === 'accepted') throw over(decision);
    return decision === 'revoked' ? [] : [{ type: 'InvitationRevoked', data: { tenantId, invitationId: id } }];
  };

/** By whoever holds the letter of that round. */
export const accept =
  (id: InvitationId, round: number, userId: UserId, now: Instant) =>
  (before: Invitation): InvitationEvent[] => {
    const { tenantId } = acceptable(before, round, now);
    return [{ type: 'InvitationAccepted', data: { tenantId, invitationId: id, userId, acceptedAt: now } }];
  };

/** @throws DomainError `rejected` and a code for each reason why the letter of that round opens nothing now */
export const acceptable = (before: Invitation, round: number, now: Instant): InvitationRow => {
  const found = existing(before);
  if (found.round !== round)
    throw new DomainError('rejected', 'invitation-superseded', 'A newer invitation was sent: use the link in the last letter.');
  if (found.decision !== null) throw over(found.decision);
  if (found.expiresAt <= now)
    throw new DomainError('rejected', 'invitation-expired', 'The invitation has expired: ask for a new one.');
  return found;
};

const existing = (before: Invitation): InvitationRow => {
  if (!before) throw new DomainError('not-found', 'invitation-not-found', 'There is no such invitation.');
  return before;
};

const over = (decision: 'revoked' | 'accepted'): DomainError =>
  decision === 'accepted'
    ? new DomainError('rejected', 'invitation-accepted', 'The invitation was accepted already.')
    : new DomainError('rejected', 'invitation-revoked', 'The invitation was withdrawn.');
