import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type DelegatedAccessEvent } from '#libs/published/acting';
import { type DelegatedAccessId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { approve, decline, delegatedAccess, end, request } from './delegated-access.ts';

const NOON = '2026-01-31T12:00:00.000Z' as Instant;
const MIDNIGHT = '2026-02-01T00:00:00.000Z' as Instant;
const tenantId = 'c' as TenantId;
const userId = 'ada' as UserId;
const of = { delegatedAccessId: 'd' as DelegatedAccessId, tenantId };
const asked = {
  path: ['r' as TenantId, tenantId],
  memberOf: 'r' as TenantId,
  role: 'support' as const,
  hours: 12,
  reason: 'Ticket 7',
};

const requested: DelegatedAccessEvent = {
  type: 'DelegatedAccessRequested',
  data: { ...of, userId, ...asked, requestedAt: NOON },
};
const approved: DelegatedAccessEvent = { type: 'DelegatedAccessApproved', data: { ...of, userId, from: NOON, until: MIDNIGHT } };
const declined: DelegatedAccessEvent = { type: 'DelegatedAccessDeclined', data: { ...of, userId, declinedAt: NOON } };
const ended: DelegatedAccessEvent = { type: 'DelegatedAccessEnded', data: { ...of, userId, endedAt: NOON } };

describe('asking a tenant for access', () => {
  it('grants nothing by itself', () =>
    given(delegatedAccess)
      .when(request({ ...of, userId, ...asked }, NOON))
      .then(requested));
});

describe('the tenant’s answer', () => {
  it('begins the hours that were asked for', () => given(delegatedAccess, requested).when(approve(of, NOON)).then(approved));
  it('may be no', () => given(delegatedAccess, requested).when(decline(of, NOON)).then(declined));
  it('is given once', () => {
    given(delegatedAccess, requested, declined).when(approve(of, NOON)).thenRejected('delegated-access-decided');
    given(delegatedAccess, requested, approved).when(decline(of, NOON)).thenRejected('delegated-access-decided');
    given(delegatedAccess, requested, approved).when(approve(of, MIDNIGHT)).thenNothing();
  });
  it('is that tenant’s alone', () => {
    given(delegatedAccess, requested)
      .when(approve({ ...of, tenantId: 'x' as TenantId }, NOON))
      .thenRejected('delegated-access-not-found');
  });
});

describe('ending it', () => {
  it('is possible before its time', () => given(delegatedAccess, requested, approved).when(end(of, NOON)).then(ended));
  it('withdraws what nobody has answered', () => given(delegatedAccess, requested).when(end(of, NOON)).then(ended));
  it('changes nothing once it is over', () => {
    given(delegatedAccess, requested, approved).when(end(of, MIDNIGHT)).thenNothing();
    given(delegatedAccess, requested, approved, ended).when(end(of, NOON)).thenNothing();
  });
  it('gives no second chance to what was declined', () => {
    given(delegatedAccess, requested, declined).when(end(of, NOON)).thenRejected('delegated-access-decided');
  });
});
