import { type ChildTenantRole, type Extra, type Role, roleIn } from '#libs/access-policy/roles';
import { type InvitationEvent } from '#libs/published/access-control';
import { type InvitationId, type TenantId, type UserId } from '#libs/published/ids';
import { alphabetical } from '#libs/read-models/alphabetical';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';

/** `decision` is null as long as nobody decided; whether it has expired then is told by the clock. */
export type InvitationRow = Readonly<{
  id: InvitationId;
  tenantId: TenantId;
  path: readonly TenantId[];
  email: string;
  /** `alphabetical`: what lists sort the address by. */
  emailOrder: string;
  name: string | null;
  jobFunction: string | null;
  role: Role;
  extras: readonly Extra[];
  childTenantRole: ChildTenantRole | null;
  decision: 'accepted' | 'revoked' | null;
  round: number;
  invitedBy: string;
  firstSentAt: Instant;
  sentAt: Instant;
  expiresAt: Instant;
  acceptedAt: Instant | null;
  userId: UserId | null;
}>;

/** An invitation after one more event: what is decided on, and what is shown. */
export const invitationAfter = (before: InvitationRow | undefined, { type, data }: InvitationEvent): InvitationRow => {
  switch (type) {
    case 'InvitationSent': {
      const { invitationId, role: _role, roleId: _roleId, extras = [], childTenantRole = null, ...rest } = data;
      return {
        ...rest,
        id: invitationId,
        emailOrder: alphabetical(data.email),
        role: roleIn(data),
        extras,
        childTenantRole,
        decision: null,
        // An address that comes back later is invited anew.
        firstSentAt: before?.decision === null ? before.firstSentAt : data.sentAt,
        acceptedAt: null,
        userId: null,
      };
    }
    case 'InvitationRevoked':
      return { ...existing(before, type), decision: 'revoked' };
    case 'InvitationAccepted':
      return { ...existing(before, type), decision: 'accepted', acceptedAt: data.acceptedAt, userId: data.userId };
  }
};

const existing = (before: InvitationRow | undefined, type: string): InvitationRow => {
  if (!before) throw new Error(`${type} before anybody was invited`);
  return before;
};

export const invitationList = projection({
  name: 'invitations',
  version: 4,
  parts: {
    invitation: part<InvitationEvent, InvitationRow>('access-control.invitation', {
      document: ({ data }) => data.invitationId,
      evolve: invitationAfter,
    }),
  },
  row: ({ invitation }): InvitationRow | undefined => invitation,
  indexes: [['tenantId', 'sentAt']],
});
