import { describe, expect, it } from '@jest/globals';
import { type InvitationEvent } from '#libs/published/access-control';
import { type InvitationId, type TenantId, type UserId } from '#libs/published/ids';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { type Instant } from '#libs/time/time';
import { invitationList } from './invitation-list.projection.ts';

const TENANT = 'a-tenant' as TenantId;
const day = (of: number): Instant => new Date(Date.UTC(2026, 0, of)).toISOString() as Instant;
const sent = (id: string, round: number, on: number): InvitationEvent => ({
  type: 'InvitationSent',
  data: {
    tenantId: TENANT,
    path: [TENANT],
    invitationId: id as InvitationId,
    email: `${id.toUpperCase()}@Example.com`,
    name: 'Somebody',
    jobFunction: null,
    role: 'admin',
    extras: ['billingUtilities'],
    round,
    invitedBy: 'bob',
    sentAt: day(on),
    expiresAt: day(on + 7),
  },
});
const ended = (id: string, type: 'InvitationRevoked' | 'InvitationAccepted'): InvitationEvent => {
  const of = { tenantId: TENANT, invitationId: id as InvitationId };
  return type === 'InvitationRevoked'
    ? { type, data: of }
    : { type, data: { ...of, userId: 'ada' as UserId, acceptedAt: day(3) } };
};
const logs = [
  history<InvitationEvent>(
    'access-control.invitation-ada',
    sent('ada', 1, 1),
    sent('ada', 2, 2),
    ended('ada', 'InvitationAccepted'),
  ),
  history<InvitationEvent>('access-control.invitation-bob', sent('bob', 1, 1), ended('bob', 'InvitationRevoked')),
  history<InvitationEvent>('access-control.invitation-cy', sent('cy', 1, 1), ended('cy', 'InvitationRevoked'), sent('cy', 2, 5)),
];

projectionTwins(invitationList, logs);

describe('the list of invitations', () => {
  it('shows each address once, with its last letter and what became of it', () => {
    expect(rowsOf(invitationList, logs)).toEqual([
      expect.objectContaining({
        id: 'ada',
        email: 'ADA@Example.com',
        role: 'admin',
        extras: ['billingUtilities'],
        childTenantRole: null,
        decision: 'accepted',
        round: 2,
        firstSentAt: day(1),
        sentAt: day(2),
        acceptedAt: day(3),
        userId: 'ada',
      }),
      expect.objectContaining({ id: 'bob', decision: 'revoked', userId: null }),
      expect.objectContaining({ id: 'cy', decision: null, round: 2, firstSentAt: day(5), expiresAt: day(12) }),
    ]);
  });
});
