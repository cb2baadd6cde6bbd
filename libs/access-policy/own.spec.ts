import { describe, expect, it } from '@jest/globals';
import { type TenantId } from '#libs/published/ids';
import { ownMembership } from './own.ts';
import { type Membership, type Standing } from './policy.ts';
import { type Role } from './roles.ts';

const [root, reseller, customer, sibling] = ['root', 'reseller', 'customer', 'sibling'] as TenantId[] as [
  TenantId,
  TenantId,
  TenantId,
  TenantId,
];
const PATH = [root, reseller, customer];

const member = (tenantId: Membership['tenantId'], role: Role = 'admin'): Membership => ({ tenantId, role });
const one = (...memberships: readonly Membership[]): Standing => ({ memberships, links: [] });

describe('a tenant’s own user', () => {
  it('is a member of it, with the role that they have there', () => {
    expect(ownMembership(one(member(customer)), PATH)?.role).toBe('admin');
    expect(ownMembership(one(member(sibling), member(customer, 'support')), PATH)?.role).toBe('support');
    expect(ownMembership(one(member(root)), [root])?.role).toBe('admin');
  });

  it('is nobody who is a user of a tenant above, or of the platform, whatever their roles are', () => {
    for (const above of [root, reseller, 'platform'] as const)
      for (const role of ['operator', 'admin', 'regular', 'support'] as const)
        expect(ownMembership(one(member(customer), member(above, role)), PATH)).toBeUndefined();
  });

  it('is nobody who is only linked to it, nor a user of one below or beside', () => {
    const linked: Standing = { memberships: [], links: [{ tenantId: customer, role: 'admin' }] };
    for (const other of [linked, one(), one(member(sibling))]) expect(ownMembership(other, PATH)).toBeUndefined();
    expect(ownMembership(one(member(customer)), [root, reseller])).toBeUndefined();
  });

  it('is whoever they are themselves, in another’s place or context', () => {
    const native = one(member(customer));
    expect(ownMembership({ ...native, within: one(member(reseller)) }, PATH)).toBeUndefined();
    expect(ownMembership({ ...native, within: one(member(customer, 'support')) }, PATH)?.role).toBe('support');
  });
});
