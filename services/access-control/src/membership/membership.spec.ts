import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { grant, membership } from './membership.ts';

const TENANT = 't' as TenantId;
const ADA = 'ada' as UserId;
const granted = (role: 'admin' | 'sales'): MembershipEvent => ({
  type: 'MembershipGranted',
  data: { tenantId: TENANT, userId: ADA, role },
});
const revoked: MembershipEvent = { type: 'MembershipRevoked', data: { tenantId: TENANT, userId: ADA } };

describe('granting a role', () => {
  it('gives it', () => {
    given(membership)
      .when(grant(TENANT, ADA, { role: 'admin' }))
      .then(granted('admin'));
  });
  it('does nothing when it is held already', () => {
    given(membership, granted('admin'))
      .when(grant(TENANT, ADA, { role: 'admin' }))
      .thenNothing();
  });
  it('replaces another role', () => {
    given(membership, granted('admin'))
      .when(grant(TENANT, ADA, { role: 'sales' }))
      .then(granted('sales'));
  });
  it('gives it again after it was revoked', () => {
    given(membership, granted('admin'), revoked)
      .when(grant(TENANT, ADA, { role: 'admin' }))
      .then(granted('admin'));
  });
  it('keeps operators to the platform and the platform to operators', () => {
    given(membership)
      .when(grant(TENANT, ADA, { role: 'operator' }))
      .thenRejected('role-not-available', 'role');
    given(membership)
      .when(grant('platform', ADA, { role: 'admin' }))
      .thenRejected('role-not-available', 'role');
  });
});
