import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type TenantId } from '#libs/published/ids';
import {
  decide,
  decideAnywhere,
  decideFromAbove,
  decideOnPlatform,
  type Membership,
  nearestMembership,
  type Permission,
  PERMISSIONS,
  type Role,
  type Verdict,
} from './policy.ts';

const [root, reseller, customer, other] = ['root', 'reseller', 'customer', 'other'] as TenantId[] as [
  TenantId,
  TenantId,
  TenantId,
  TenantId,
];
const PATH_OF_CUSTOMER = [root, reseller, customer];
const as = (tenantId: TenantId | 'platform', role: Role): Membership => ({ tenantId, role });

describe('what a role may do to a tenant', () => {
  it.each<[Membership, Permission, Verdict]>([
    [as('platform', 'operator'), 'tenants:write', 'allowed'],
    [as('platform', 'operator'), 'operations:write', 'allowed'],
    [as(root, 'admin'), 'tenants:write', 'allowed'],
    [as(root, 'admin'), 'users:write', 'allowed'],
    [as(root, 'admin'), 'roots:write', 'denied'],
    [as(root, 'admin'), 'operations:read', 'denied'],
    [as(root, 'sales'), 'bills:read', 'allowed'],
    [as(root, 'sales'), 'tenants:write', 'denied'],
    [as(root, 'sales'), 'contracts:write', 'denied'],
    [as(root, 'sales'), 'usage:write', 'denied'],
    [as(reseller, 'admin'), 'contracts:write', 'allowed'],
    [as(customer, 'admin'), 'contracts:read', 'allowed'],
    [as(other, 'admin'), 'tenants:read', 'hidden'],
  ])('%j, %s: %s', (membership, permission, verdict) => {
    expect(decide([membership], permission, PATH_OF_CUSTOMER)).toBe(verdict);
  });

  it('is nothing upwards or sideways', () => {
    expect(decide([as(customer, 'admin')], 'tenants:read', [root, reseller])).toBe('hidden');
    expect(decide([as(reseller, 'admin')], 'tenants:read', [root, other])).toBe('hidden');
  });

  it('is told by the nearest membership, whichever came first', () => {
    const both = [as(root, 'admin'), as(reseller, 'sales')];
    for (const memberships of [both, both.toReversed()]) {
      expect(decide(memberships, 'contracts:write', PATH_OF_CUSTOMER)).toBe('denied');
      expect(decide(memberships, 'contracts:write', [root])).toBe('allowed');
      expect(nearestMembership(memberships, PATH_OF_CUSTOMER)).toEqual(as(reseller, 'sales'));
    }
  });
});

describe('what is decided about a tenant from above', () => {
  it('is the business of its parent, not its own', () => {
    expect(decideFromAbove([as(reseller, 'admin')], 'contracts:write', PATH_OF_CUSTOMER)).toBe('allowed');
    expect(decideFromAbove([as(root, 'admin')], 'contracts:write', PATH_OF_CUSTOMER)).toBe('allowed');
    expect(decideFromAbove([as(customer, 'admin')], 'contracts:write', PATH_OF_CUSTOMER)).toBe('denied');
    expect(decideFromAbove([as(reseller, 'sales')], 'contracts:write', PATH_OF_CUSTOMER)).toBe('denied');
  });

  it('is for a root its own business', () => {
    expect(decideFromAbove([as(root, 'admin')], 'contracts:write', [root])).toBe('allowed');
  });

  it('is hidden where the tenant is', () => {
    expect(decideFromAbove([as(other, 'admin')], 'contracts:write', PATH_OF_CUSTOMER)).toBe('hidden');
    expect(decideFromAbove([as(root, 'admin')], 'contracts:write', undefined)).toBe('hidden');
  });
});

describe('what is about no tenant', () => {
  it('is the operator’s on the platform', () => {
    expect(decideOnPlatform([as('platform', 'operator')], 'roots:write')).toBe('allowed');
    expect(decideOnPlatform([as(root, 'admin')], 'roots:write')).toBe('denied');
    expect(decideOnPlatform([as(root, 'admin')], 'tenants:write')).toBe('denied');
  });

  it('is allowed over one’s reach to whoever has the permission somewhere', () => {
    expect(decideAnywhere([as(root, 'sales'), as(other, 'admin')], 'tenants:write')).toBe('allowed');
    expect(decideAnywhere([as(root, 'sales')], 'tenants:write')).toBe('denied');
    expect(decideAnywhere([], 'tenants:read')).toBe('denied');
  });
});

describe('for any memberships, permission and tree', () => {
  const tenants = fc.constantFrom(root, reseller, customer, other);
  const roles = fc.constantFrom<Role>('operator', 'admin', 'sales');
  const memberships = fc.array(fc.record({ tenantId: fc.oneof(tenants, fc.constant('platform' as const)), role: roles }), {
    maxLength: 5,
  });
  const permissions = fc.constantFrom(...PERMISSIONS.operator);
  const paths = fc.uniqueArray(tenants, { minLength: 1, maxLength: 4 });

  it('a verdict other than hidden needs a membership on the way from the platform down to the tenant', () => {
    fc.assert(
      fc.property(memberships, permissions, paths, (held, permission, path) => {
        const onTheWay = held.some(({ tenantId }) => tenantId === 'platform' || path.includes(tenantId));
        expect(decide(held, permission, path) !== 'hidden').toBe(onTheWay);
      }),
    );
  });

  it('what is hidden does not depend on the permission, and what does not exist is hidden', () => {
    fc.assert(
      fc.property(memberships, permissions, permissions, paths, (held, one, another, path) => {
        expect(decide(held, one, path) === 'hidden').toBe(decide(held, another, path) === 'hidden');
        expect(decide(held, one, undefined)).toBe('hidden');
      }),
    );
  });

  it('what is allowed is in the bundle of a role that is held', () => {
    fc.assert(
      fc.property(memberships, permissions, paths, (held, permission, path) => {
        if (decide(held, permission, path) !== 'allowed') return;
        expect(held.some(({ role }) => PERMISSIONS[role].includes(permission))).toBe(true);
      }),
    );
  });

  it('a membership elsewhere changes nothing', () => {
    fc.assert(
      fc.property(memberships, permissions, paths, roles, (held, permission, path, role) => {
        const elsewhere = as('elsewhere' as TenantId, role);
        expect(decide([...held, elsewhere], permission, path)).toBe(decide(held, permission, path));
      }),
    );
  });
});
