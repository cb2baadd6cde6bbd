import { describe, expect, it } from '@jest/globals';
import { type TenantId } from '#libs/published/ids';
import { isDelegated } from './delegated.ts';
import { type Standing } from './policy.ts';

const [root, reseller, customer] = ['root', 'reseller', 'customer'] as TenantId[] as [TenantId, TenantId, TenantId];
const TO_RESELLER = [root, reseller];
const TO_CUSTOMER = [root, reseller, customer];

const NOBODY: Standing = { memberships: [], links: [] };
const letInto = (tenantId: TenantId): Standing => ({ ...NOBODY, links: [{ tenantId, role: 'admin', delegated: true }] });
const member = (tenantId: TenantId | 'platform'): Standing => ({ ...NOBODY, memberships: [{ tenantId, role: 'admin' }] });
const linked = (tenantId: TenantId): Standing => ({ ...NOBODY, links: [{ tenantId, role: 'admin' }] });
const both = (one: Standing, other: Standing): Standing => ({
  memberships: [...one.memberships, ...other.memberships],
  links: [...one.links, ...other.links],
});

describe('being in a tenant for a while only', () => {
  it('is whoever was let into it, or into the one above by which they reach it', () => {
    expect(isDelegated(letInto(customer), TO_CUSTOMER)).toBe(true);
    expect(isDelegated(letInto(reseller), TO_CUSTOMER)).toBe(true);
    expect(isDelegated(letInto(reseller), [root])).toBe(false);
    expect(isDelegated(NOBODY, TO_CUSTOMER)).toBe(false);
  });
  it('is nobody who would be in it anyway', () => {
    for (const anyway of [member(customer), linked(customer), member(root), linked(root), member('platform')])
      expect(isDelegated(both(letInto(customer), anyway), TO_CUSTOMER)).toBe(false);
    expect(isDelegated(both(member(customer), letInto(reseller)), TO_RESELLER)).toBe(true);
  });
  it('is also whoever switched into it by that', () => {
    expect(isDelegated({ ...member(customer), within: letInto(customer) }, TO_CUSTOMER)).toBe(true);
    expect(isDelegated({ ...member(customer), within: member(reseller) }, TO_CUSTOMER)).toBe(false);
  });
});
