import { describe, expect, it } from '@jest/globals';
import { type Membership, type Standing } from '#libs/access-policy/policy';
import { type TenantId } from '#libs/published/ids';
import { reaches, visiblePath } from './reach.ts';

const [D, R, C] = ['d', 'r', 'c'] as TenantId[] as [TenantId, TenantId, TenantId];

describe('reach', () => {
  it('is the tenant itself and everything below it, and every tree from the platform', () => {
    expect(reaches(R, [D, R, C])).toBe(true);
    expect(reaches(R, [D, R])).toBe(true);
    expect(reaches(R, [D])).toBe(false);
    expect(reaches('platform', [D])).toBe(true);
    expect(reaches(null, [D])).toBe(false);
  });

  it('shows a path from below the last tenant that is hidden', () => {
    const member = (...held: Membership[]): Standing => ({ memberships: held, links: [] });
    const admin: Membership = { tenantId: D, role: 'admin' };
    expect(visiblePath(member({ tenantId: 'platform', role: 'support' }), [D, R, C])).toEqual([D, R, C]);
    expect(visiblePath(member(admin), [D, R, C])).toEqual([D, R, C]);
    expect(visiblePath(member({ tenantId: R, role: 'admin' }), [D, R, C])).toEqual([R, C]);
    expect(visiblePath(member({ tenantId: C, role: 'regular' }), [D, R, C])).toEqual([C]);
    expect(visiblePath(member(), [D, R, C])).toEqual([C]);
  });

  it('shows nobody who stands between a tenant of theirs and one they are linked to', () => {
    const linked: Standing = { memberships: [{ tenantId: D, role: 'regular' }], links: [{ tenantId: C, role: 'support' }] };
    expect(visiblePath(linked, [D, R, C])).toEqual([C]);
  });
});
