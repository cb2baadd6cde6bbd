import { describe, it } from '@jest/globals';
import { type CustomRole } from '#libs/access-policy/roles';
import { given } from '#libs/event-sourcing/testing/given';
import { type CustomerLinkEvent } from '#libs/published/access-control';
import { type RoleId, type TenantId, type UserId } from '#libs/published/ids';
import { changeRole, customerLink, link, type NewLink, revoke } from './customer-link.ts';

const CUSTOMER = { id: 'c' as TenantId, path: ['d', 'r', 'c'] as TenantId[] };
const [DISTRIBUTOR, RESELLER] = ['d', 'r'] as [TenantId, TenantId];
const ADA = 'ada' as UserId;
const BOB = 'bob' as UserId;
const CLERK = 'clerk' as RoleId;
const asked: NewLink = { tenant: CUSTOMER, userId: ADA, memberOf: RESELLER, role: 'support', linkedBy: BOB };
const linked: CustomerLinkEvent = {
  type: 'CustomerLinked',
  data: { tenantId: CUSTOMER.id, path: CUSTOMER.path, userId: ADA, memberOf: RESELLER, role: 'support', linkedBy: BOB },
};
const revoked: CustomerLinkEvent = { type: 'CustomerLinkRevoked', data: { tenantId: CUSTOMER.id, userId: ADA } };

describe('linking a user to a customer', () => {
  it('gives a role in that customer', () => {
    given(customerLink).when(link(asked)).then(linked);
    given(customerLink, linked, revoked).when(link(asked)).then(linked);
  });
  it('does nothing twice', () => {
    given(customerLink, linked).when(link(asked)).thenNothing();
  });
  it('does not replace another role', () => {
    given(customerLink, linked)
      .when(link({ ...asked, role: 'admin' }))
      .thenRejected('link-exists');
  });
});

describe('changing what a linked user may do', () => {
  it('gives another role, a custom one by its id', () => {
    given(customerLink, linked)
      .when(changeRole(CUSTOMER.id, ADA, `custom:${CLERK}` satisfies CustomRole, [RESELLER]))
      .then({ type: 'CustomerLinkRoleChanged', data: { tenantId: CUSTOMER.id, userId: ADA, role: 'custom', roleId: CLERK } });
  });
  it('does nothing when it is that already', () => {
    given(customerLink, linked)
      .when(changeRole(CUSTOMER.id, ADA, 'support', [RESELLER]))
      .thenNothing();
  });
  it('finds nobody who is not linked, and nobody of a tenant that the caller may not know of', () => {
    given(customerLink)
      .when(changeRole(CUSTOMER.id, ADA, 'regular', [RESELLER]))
      .thenRejected('link-not-found');
    given(customerLink, linked)
      .when(changeRole(CUSTOMER.id, ADA, 'regular', [DISTRIBUTOR]))
      .thenRejected('link-not-found');
  });
});

describe('revoking a link', () => {
  it('ends it', () => {
    given(customerLink, linked)
      .when(revoke(CUSTOMER.id, ADA, [RESELLER]))
      .then(revoked);
  });
  it('finds none that is gone or of somebody whom the caller may not know of', () => {
    given(customerLink, linked, revoked)
      .when(revoke(CUSTOMER.id, ADA, [RESELLER]))
      .thenRejected('link-not-found');
    given(customerLink, linked)
      .when(revoke(CUSTOMER.id, ADA, [DISTRIBUTOR]))
      .thenRejected('link-not-found');
  });
});
