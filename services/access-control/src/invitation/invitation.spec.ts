import { describe, expect, it } from '@jest/globals';
import { type Role } from '#libs/access-policy/roles';
import { given } from '#libs/event-sourcing/testing/given';
import { type InvitationEvent } from '#libs/published/access-control';
import { type InvitationId, type RoleId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { accept, invitation, type Invited, invite, resend, revoke, type Sending } from './invitation.ts';

const ID = 'an-invitation' as InvitationId;
const TENANT = 'a-tenant' as TenantId;
const ADA = 'ada' as UserId;
const day = (of: number): Instant => new Date(Date.UTC(2026, 0, of)).toISOString() as Instant;
const invitedAs = (role: Role): Invited => ({
  tenantId: TENANT,
  path: [TENANT],
  email: 'ada@example.com',
  name: null,
  jobFunction: null,
  role,
  extras: [],
  childTenantRole: null,
});
const sending = (on: number): Sending => ({ invitedBy: 'bob', sentAt: day(on), expiresAt: day(on + 7) });
const sent = (on: number, round: number): InvitationEvent => ({
  type: 'InvitationSent',
  data: {
    tenantId: TENANT,
    path: [TENANT],
    invitationId: ID,
    email: 'ada@example.com',
    name: null,
    jobFunction: null,
    role: 'support',
    round,
    invitedBy: 'bob',
    sentAt: day(on),
    expiresAt: day(on + 7),
  },
});
const revoked: InvitationEvent = { type: 'InvitationRevoked', data: { tenantId: TENANT, invitationId: ID } };
const accepted = (on: number): InvitationEvent => ({
  type: 'InvitationAccepted',
  data: { tenantId: TENANT, invitationId: ID, userId: ADA, acceptedAt: day(on) },
});
const inviting = (on: number) => invite(ID, invitedAs('support'), sending(on));

describe('inviting an address', () => {
  it('sends it a letter, once as long as that can be accepted', () => {
    given(invitation).when(inviting(1)).then(sent(1, 1));
    given(invitation, sent(1, 1)).when(inviting(7)).thenRejected('already-invited', 'email');
  });

  it('is possible again once the invitation has expired, was withdrawn or was accepted', () => {
    given(invitation, sent(1, 1)).when(inviting(8)).then(sent(8, 2));
    given(invitation, sent(1, 1), revoked).when(inviting(2)).then(sent(2, 2));
    given(invitation, sent(1, 1), accepted(2)).when(inviting(3)).then(sent(3, 2));
  });

  it('names roles, custom ones by their id, and what comes with them; never that of an operator', () => {
    const wanted: Invited = { ...invitedAs('custom:r' as Role), name: 'Ada', childTenantRole: 'sales' };
    const [event] = invite(ID, wanted, sending(1))(undefined);
    expect(event?.data).toMatchObject({ name: 'Ada', role: 'custom', roleId: 'r' as RoleId, childTenantRole: 'sales' });
    const state = event && invitation.evolve(undefined, event, 0);
    expect(state).toMatchObject(wanted);
    given(invitation)
      .when(invite(ID, invitedAs('operator'), sending(1)))
      .thenRejected('role-not-available', 'role');
  });
});

describe('an invitation', () => {
  it('is sent again as often as one likes, also when it has expired', () => {
    given(invitation, sent(1, 1))
      .when(resend(ID, sending(3)))
      .then(sent(3, 2));
    given(invitation, sent(1, 1))
      .when(resend(ID, sending(20)))
      .then(sent(20, 2));
  });

  it('is accepted by its last letter only', () => {
    given(invitation, sent(1, 1))
      .when(accept(ID, 1, ADA, day(2)))
      .then(accepted(2));
    given(invitation, sent(1, 1), sent(2, 2))
      .when(accept(ID, 1, ADA, day(2)))
      .thenRejected('invitation-superseded');
    given(invitation, sent(1, 1), sent(2, 2))
      .when(accept(ID, 2, ADA, day(3)))
      .then(accepted(3));
  });

  it('is accepted once, in time, and not when it was withdrawn', () => {
    given(invitation, sent(1, 1))
      .when(accept(ID, 1, ADA, day(8)))
      .thenRejected('invitation-expired');
    given(invitation, sent(1, 1), accepted(2))
      .when(accept(ID, 1, ADA, day(3)))
      .thenRejected('invitation-accepted');
    given(invitation, sent(1, 1), revoked)
      .when(accept(ID, 1, ADA, day(3)))
      .thenRejected('invitation-revoked');
    given(invitation)
      .when(accept(ID, 1, ADA, day(3)))
      .thenRejected('invitation-not-found');
  });

  it('is withdrawn before it is accepted, and not sent again then', () => {
    given(invitation, sent(1, 1)).when(revoke(ID)).then(revoked);
    given(invitation, sent(1, 1), revoked).when(revoke(ID)).thenNothing();
    given(invitation, sent(1, 1), accepted(2)).when(revoke(ID)).thenRejected('invitation-accepted');
    given(invitation, sent(1, 1), revoked)
      .when(resend(ID, sending(2)))
      .thenRejected('invitation-revoked');
    given(invitation, sent(1, 1), accepted(2))
      .when(resend(ID, sending(3)))
      .thenRejected('invitation-accepted');
  });
});
