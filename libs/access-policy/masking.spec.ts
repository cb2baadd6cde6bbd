import { describe, expect, it } from '@jest/globals';
import { type Category } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { masked, maskedData, seesFinancials, sightOf } from './masking.ts';
import { type Standing } from './policy.ts';
import { type Permission, PERMISSIONS, type Role } from './roles.ts';
import { SHOWN_CATEGORIES } from './shown-data.ts';

const CUSTOMER = 'c' as TenantId;
const as = (role: Role): Standing => ({ memberships: [], links: [{ tenantId: CUSTOMER, role }] });

describe('amounts', () => {
  it('are seen by every role but Support', () => {
    const roles: readonly Role[] = ['admin', 'regular', 'readOnly', 'support', 'sales'];
    expect(roles.filter((role) => !seesFinancials(as(role), [CUSTOMER]))).toEqual(['support']);
    expect(seesFinancials(as('admin'), ['other' as TenantId])).toBe(false);
  });

  it('are null in a row for whoever may not see them, the rest is not', () => {
    const row = { id: 'c', name: 'Customer', mrr: '12.5', ports: 3 };
    expect(masked(row, ['mrr'], true)).toEqual(row);
    expect(masked(row, ['mrr'], false)).toEqual({ id: 'c', name: 'Customer', mrr: null, ports: 3 });
  });
});

describe('data of an event', () => {
  const AMOUNTS: readonly Permission[] = ['financials:read', 'contracts:read', 'usage:read', 'bills:read'];
  /** One whose role in the customer has these permissions, and no others. */
  const may = (...permissions: readonly Permission[]): Standing => ({
    ...as('custom:r' as Role),
    bundles: new Map([['custom:r' as Role, new Set(permissions)]]),
  });
  const seen = (category: string, data: Readonly<Record<string, unknown>>, standing: Standing, path: readonly TenantId[]) =>
    maskedData(category as Category, data, sightOf(standing, path));

  it('keeps, where it may hold amounts, only what is known to be none', () => {
    const drafted = { tenantId: 'c', contractId: 'k', terms: { price: '10' }, somethingNew: 1 };
    expect(seen('contracts.tenantContracts', drafted, may(...AMOUNTS), [CUSTOMER])).toEqual(drafted);
    const free = { tenantId: 'c', contractId: 'k', terms: null, somethingNew: null };
    expect(seen('contracts.tenantContracts', drafted, as('support'), [CUSTOMER])).toEqual(free);
    expect(seen('contracts.tenantContracts', drafted, may('contracts:read'), [CUSTOMER])).toEqual(free);
    expect(seen('contracts.tenantContracts', drafted, may('financials:read'), [CUSTOMER])).toEqual(free);
  });

  it.each<[string, Readonly<Record<string, unknown>>, readonly Permission[], readonly string[]]>([
    ['tenants.tenant', { tenantId: 'c', name: 'Customer' }, ['tenants:read'], ['tenantId']],
    [
      'tenants.contacts',
      { tenantId: 'c', contactId: 'k', contactType: 'billing', name: 'Bill', email: 'b@example.com' },
      ['contacts:read'],
      ['tenantId', 'contactId', 'contactType'],
    ],
    ['ingestion.import', { tenantId: 'c', importId: 'i', rows: 3 }, ['usage:read', 'financials:read'], ['tenantId', 'importId']],
    ['invoicing.bill', { tenantId: 'c', month: '2026-01', net: 1 }, ['bills:read', 'financials:read'], ['tenantId', 'month']],
    ['access-control.membership', { tenantId: 'c', userId: 'u', role: 'admin' }, ['users:read'], ['tenantId']],
    ['access-control.visits', { tenantId: 'c', userId: 'u', method: 'password' }, ['users:read'], ['tenantId', 'method']],
    [
      'access-control.invitation',
      { tenantId: 'c', invitationId: 'i', role: 'admin', userId: 'u', round: 2 },
      ['users:read'],
      ['tenantId', 'invitationId'],
    ],
    ['access-control.accessSettings', { tenantId: 'c', accessModel: 'carryOver' }, ['users:read'], ['tenantId']],
    [
      'access-control.role',
      { tenantId: 'c', roleId: 'r', name: 'Clerk', permissions: ['users:read'] },
      ['users:read'],
      ['tenantId', 'roleId'],
    ],
    [
      'access-control.serviceAccount',
      { tenantId: 'c', serviceAccountId: 's', name: 'Books', permissions: ['users:read'], number: 1 },
      ['service-accounts:write'],
      ['tenantId', 'serviceAccountId'],
    ],
    [
      'access-control.impersonation',
      { tenantId: 'c', impersonationId: 'i', userId: 'u', reason: 'Help' },
      ['activity:read'],
      ['tenantId', 'impersonationId'],
    ],
  ])('of %s is whole for whoever may read it from its route, and harmless for others', (category, data, needed, free) => {
    expect(seen(category, data, may(...needed), [CUSTOMER])).toEqual(data);
    const others = PERMISSIONS.filter((permission) => !needed.includes(permission));
    expect(seen(category, data, may(...others), [CUSTOMER])).toEqual(
      Object.fromEntries(Object.entries(data).map(([key, value]) => [key, free.includes(key) ? value : null])),
    );
  });

  it('of a link is whole for whoever may read users of the tenant above', () => {
    const linked = { tenantId: 'c', userId: 'u', role: 'support' };
    const free = { tenantId: 'c', userId: null, role: null };
    const above = 'a' as TenantId;
    const salesAbove: Standing = { memberships: [{ tenantId: above, role: 'sales' }], links: [] };
    expect(seen('access-control.customerLink', linked, salesAbove, [above, CUSTOMER])).toEqual(linked);
    expect(seen('access-control.customerLink', linked, as('admin'), [above, CUSTOMER])).toEqual(free);
    expect(seen('access-control.customerLink', linked, as('admin'), [CUSTOMER])).toEqual(linked);
  });

  it('of an access for a while is whole for whoever decides about it as one of the tenant’s own users', () => {
    const asked = { tenantId: 'c', delegatedAccessId: 'd', userId: 'u', role: 'admin', reason: 'Help' };
    const free = { tenantId: 'c', delegatedAccessId: 'd', userId: null, role: null, reason: null };
    const above = 'a' as TenantId;
    const of = (tenantId: TenantId | 'platform', role: Role): Standing => ({ memberships: [{ tenantId, role }], links: [] });
    const told = (standing: Standing) => seen('access-control.delegatedAccess', asked, standing, [above, CUSTOMER]);
    for (const own of [of(CUSTOMER, 'admin'), of('platform', 'operator')]) expect(told(own)).toEqual(asked);
    const switched: Standing = { ...of(CUSTOMER, 'admin'), within: of(above, 'admin') };
    for (const other of [of(CUSTOMER, 'readOnly'), of(above, 'admin'), as('admin'), switched]) expect(told(other)).toEqual(free);
    // Nor for somebody of a tenant above who is one of its users, too.
    for (const [here, there] of [
      ['support', 'admin'],
      ['admin', 'admin'],
      ['admin', 'regular'],
    ] as const) {
      const both: Standing = { memberships: [...of(CUSTOMER, here).memberships, ...of(above, there).memberships], links: [] };
      for (const other of [both, { ...of(CUSTOMER, 'admin'), within: both }]) expect(told(other)).toEqual(free);
    }
  });

  it('is seen as the role says that one has there', () => {
    const granted = { tenantId: 'c', userId: 'u', role: 'admin' };
    const told = (role: Role) => seen('access-control.membership', granted, as(role), [CUSTOMER])['userId'] !== null;
    const roles: readonly Role[] = ['admin', 'regular', 'readOnly', 'support', 'sales'];
    expect(roles.filter(told)).toEqual(['admin', 'readOnly', 'sales']);
    expect(seen('access-control.membership', granted, as('admin'), ['other' as TenantId])['userId']).toBeNull();
  });

  it('is nothing where nobody has said who may read it', () => {
    expect(seen('tenants.news', { tenantId: 'c', name: 'x' }, may(...PERMISSIONS), [CUSTOMER])).toEqual({
      tenantId: null,
      name: null,
    });
  });

  it('has a rule wherever it is shown', () => {
    const sight = sightOf({ memberships: [{ tenantId: 'platform', role: 'operator' }], links: [] }, [CUSTOMER]);
    expect(SHOWN_CATEGORIES.filter((category) => maskedData(category, { somethingNew: 1 }, sight)['somethingNew'] !== 1)).toEqual(
      [],
    );
  });
});
