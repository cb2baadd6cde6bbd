import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type TenantId } from '#libs/published/ids';
import {
  decide,
  decideAnywhere,
  decideFromAbove,
  decideOnPlatform,
  effective,
  type Membership,
  permissionsIn,
  type Standing,
} from './policy.ts';
import { BUNDLES, type BuiltInRole, type CustomRole, NEEDS, type Permission, PERMISSIONS, type Role, unmetIn } from './roles.ts';

const [root, reseller, customer, other] = ['root', 'reseller', 'customer', 'other'] as TenantId[] as [
  TenantId,
  TenantId,
  TenantId,
  TenantId,
];
const TO_RESELLER = [root, reseller];
const TO_CUSTOMER = [root, reseller, customer];

type Options = Omit<Membership, 'tenantId' | 'role'>;
const member = (tenantId: TenantId | 'platform', role: Role, options: Options = {}): Standing => ({
  memberships: [{ tenantId, role, ...options }],
  links: [],
});
const linked = (tenantId: TenantId, role: Role): Standing => ({ memberships: [], links: [{ tenantId, role }] });
const both = (...standings: readonly Standing[]): Standing => ({
  memberships: standings.flatMap(({ memberships }) => memberships),
  links: standings.flatMap(({ links }) => links),
});
const rolesIn = (standing: Standing, path: readonly TenantId[]): readonly Role[] => effective(standing, path)?.roles ?? [];

describe('what the roles may do', () => {
  const ROWS: readonly (readonly [ability: string, permission: Permission, who: readonly BuiltInRole[]])[] = [
    ['view customers', 'tenants:read', ['admin', 'regular', 'readOnly', 'support', 'sales']],
    ['view services', 'services:read', ['admin', 'regular', 'readOnly', 'support', 'sales']],
    ['see amounts', 'financials:read', ['admin', 'regular', 'readOnly', 'sales']],
    ['see invoices', 'bills:read', ['admin', 'regular', 'readOnly', 'sales']],
    ['see contracts', 'contracts:read', ['admin', 'regular', 'readOnly', 'sales']],
    ['create, upgrade and delete services', 'services:write', ['admin', 'regular']],
    ['troubleshoot', 'services:troubleshoot', ['admin', 'regular', 'support']],
    ['make quotes', 'quotes:write', ['admin', 'sales']],
    ['add and edit customers', 'tenants:write', ['admin']],
    ['edit contracts', 'contracts:write', ['admin']],
    ['invite, edit and delete users', 'users:write', ['admin']],
    ['see the list of users', 'users:read', ['admin', 'readOnly', 'sales']],
    ['edit the company profile', 'profile:write', ['admin']],
    ['edit contacts', 'contacts:write', ['admin']],
    ['make keys for programs', 'service-accounts:write', ['admin']],
    ['say who has access', 'access:write', ['admin']],
    ['impersonate a user', 'users:impersonate', ['admin']],
    ['start an onboarding task', 'onboarding:write', ['admin']],
    ['recalculate', 'rebilling:write', []],
    ['write contract templates', 'templates:write', []],
    ['make roots of trees', 'roots:write', []],
    ['run the platform', 'operations:write', []],
  ];

  it.each(ROWS)('%s (%s): %j', (_ability, permission, who) => {
    const roles = ['admin', 'regular', 'readOnly', 'support', 'sales'] as const;
    expect(roles.filter((role) => BUNDLES[role].has(permission))).toEqual(who);
    expect(roles.filter((role) => decide(member(customer, role), permission, TO_CUSTOMER) === 'allowed')).toEqual(who);
    expect(decide(member('platform', 'operator'), permission, TO_CUSTOMER)).toBe('allowed');
  });

  it('extras add to an Admin, and to nobody else', () => {
    const extras = ['billingUtilities'] as const;
    expect(decide(member(reseller, 'admin', { extras }), 'rebilling:write', TO_RESELLER)).toBe('allowed');
    expect(decide(member(reseller, 'admin', { extras }), 'rebilling:write', TO_CUSTOMER)).toBe('allowed');
    expect(decide(member(reseller, 'admin', { extras }), 'templates:write', TO_RESELLER)).toBe('denied');
    expect(decide(member(reseller, 'regular', { extras }), 'rebilling:write', TO_RESELLER)).toBe('denied');
    expect(decide(both(member(root, 'admin'), member(other, 'admin', { extras })), 'rebilling:write', TO_RESELLER)).toBe(
      'denied',
    );
    expect(decide(member(root, 'admin', { extras, childTenantRole: 'sales' }), 'rebilling:write', TO_RESELLER)).toBe('denied');
  });

  it('a custom role is what its bundle says, and nothing while nobody knows it', () => {
    const clerk: CustomRole = 'custom:clerk' as CustomRole;
    const bundles = new Map<Role, ReadonlySet<Permission>>([[clerk, new Set<Permission>(['users:read'])]]);
    expect(decide({ ...member(customer, clerk), bundles }, 'users:read', TO_CUSTOMER)).toBe('allowed');
    expect(decide({ ...member(customer, clerk), bundles }, 'tenants:read', TO_CUSTOMER)).toBe('denied');
    expect(decide(member(customer, clerk), 'users:read', TO_CUSTOMER)).toBe('denied');
  });

  it.each(Object.keys(NEEDS) as Permission[])('%s counts together with what it needs only', (permission) => {
    const clerk: CustomRole = 'custom:clerk' as CustomRole;
    const as = (...permissions: Permission[]): Standing => ({
      ...member(customer, clerk),
      bundles: new Map([[clerk, new Set(permissions)]]),
    });
    expect(decide(as(permission), permission, TO_CUSTOMER)).toBe('denied');
    expect(decideAnywhere(as(permission), permission)).toBe('denied');
    expect(permissionsIn(as(permission, 'events:read'), TO_CUSTOMER)).toEqual(new Set(['events:read']));
    const needed = neededFor(permission);
    expect(decide(as(permission, ...needed), permission, TO_CUSTOMER)).toBe('allowed');
    expect(decideAnywhere(as(permission, ...needed), permission)).toBe('allowed');
    for (const one of needed)
      expect(decide(as(permission, ...needed.filter((other) => other !== one)), permission, TO_CUSTOMER)).toBe('denied');
  });

  it('no role that every tenant has lacks what one of its permissions needs', () => {
    for (const bundle of Object.values(BUNDLES)) expect(unmetIn(bundle)).toEqual([]);
  });
});

const neededFor = (permission: Permission): readonly Permission[] => {
  const needs = NEEDS[permission];
  return needs === undefined ? [] : [needs, ...neededFor(needs)];
};

describe('what somebody is in a tenant below', () => {
  it.each<[string, Standing, readonly Role[]]>([
    ['nothing without any word about it', member(reseller, 'regular'), []],
    ['Admin as Admin of a tenant above', member(root, 'admin'), ['admin']],
    ['Sales as Sales of a tenant above', member(root, 'sales'), ['sales']],
    ['what the link says', both(member(reseller, 'readOnly'), linked(customer, 'regular')), ['regular']],
    ['what the link says, without any membership', linked(customer, 'support'), ['support']],
    [
      'Admin as Admin of a tenant above, whatever a link says',
      both(member(root, 'admin'), linked(customer, 'support')),
      ['admin'],
    ],
    ['Admin by a link to a tenant above as Admin', linked(reseller, 'admin'), ['admin']],
    ['nothing by any other link to a tenant above', linked(reseller, 'regular'), []],
    ['the child-tenant role', member(root, 'regular', { childTenantRole: 'admin' }), ['admin']],
    ['the child-tenant role of an Admin', member(root, 'admin', { childTenantRole: 'sales' }), ['sales']],
    ['nothing by the child-tenant role none', member(root, 'admin', { childTenantRole: 'none' }), []],
    ['nothing as Sales with the child-tenant role none', member(root, 'sales', { childTenantRole: 'none' }), []],
    [
      'the child-tenant role of the nearest tenant above',
      both(member(root, 'admin', { childTenantRole: 'admin' }), member(reseller, 'regular', { childTenantRole: 'none' })),
      [],
    ],
    [
      'that of a farther one where the nearest says nothing',
      both(member(root, 'regular', { childTenantRole: 'sales' }), member(reseller, 'regular')),
      ['sales'],
    ],
    [
      'what a link says, before any child-tenant role',
      both(member(reseller, 'regular', { childTenantRole: 'none' }), linked(customer, 'readOnly')),
      ['readOnly'],
    ],
    ['Admin as Admin of a farther tenant above', both(member(root, 'admin'), member(reseller, 'sales')), ['admin']],
    [
      'Admin as Admin of a farther tenant above, whatever child-tenant role a nearer one gives',
      both(member(root, 'admin'), member(reseller, 'sales', { childTenantRole: 'none' })),
      ['admin'],
    ],
    [
      'its own role where the tenant above lets roles carry over',
      member(reseller, 'readOnly', { carriesOver: true }),
      ['readOnly'],
    ],
    [
      'what the link says where roles carry over',
      both(member(reseller, 'readOnly', { carriesOver: true }), linked(customer, 'regular')),
      ['regular'],
    ],
    [
      'nothing where roles carry over but the child-tenant role is none',
      member(reseller, 'readOnly', { carriesOver: true, childTenantRole: 'none' }),
      [],
    ],
    ['nothing by a membership beside it', member(other, 'admin'), []],
  ])('%s', (_rule, standing, roles) => {
    expect(rolesIn(standing, TO_CUSTOMER)).toEqual(roles);
    expect(decide(standing, 'tenants:read', TO_CUSTOMER)).toBe(roles.length > 0 ? 'allowed' : 'hidden');
  });

  it('is nothing upwards or sideways', () => {
    expect(decide(member(customer, 'admin'), 'tenants:read', TO_RESELLER)).toBe('hidden');
    expect(decide(linked(customer, 'admin'), 'tenants:read', TO_RESELLER)).toBe('hidden');
    expect(decide(member(reseller, 'admin'), 'tenants:read', [root, other])).toBe('hidden');
  });

  it('of several roles in one tenant the lowest', () => {
    const standing = both(member(customer, 'regular'), linked(customer, 'support'));
    expect(decide(standing, 'services:troubleshoot', TO_CUSTOMER)).toBe('allowed');
    expect(decide(standing, 'services:write', TO_CUSTOMER)).toBe('denied');
    expect(decide(standing, 'financials:read', TO_CUSTOMER)).toBe('denied');
  });

  it('lets Sales of a tenant above look, and step in only by a child-tenant role', () => {
    expect(decide(member(root, 'sales'), 'tenants:switch', TO_CUSTOMER)).toBe('denied');
    expect(decide(member(root, 'sales', { childTenantRole: 'sales' }), 'tenants:switch', TO_CUSTOMER)).toBe('allowed');
    expect(decide(linked(customer, 'support'), 'tenants:switch', TO_CUSTOMER)).toBe('allowed');
  });

  it('makes them act as a user of the tenant where it comes from', () => {
    expect(effective(member(root, 'admin'), TO_CUSTOMER)?.anchor).toBe(root);
    expect(effective(both(member(reseller, 'regular'), linked(customer, 'regular')), TO_CUSTOMER)?.anchor).toBe(customer);
    expect(effective(member('platform', 'operator'), TO_CUSTOMER)?.anchor).toBe('platform');
  });
});

describe('what is decided about a tenant from above', () => {
  it('is the business of its parent, not its own', () => {
    expect(decideFromAbove(member(reseller, 'admin'), 'contracts:write', TO_CUSTOMER)).toBe('allowed');
    expect(decideFromAbove(member(root, 'admin'), 'contracts:write', TO_CUSTOMER)).toBe('allowed');
    expect(decideFromAbove(member(customer, 'admin'), 'contracts:write', TO_CUSTOMER)).toBe('denied');
    expect(decideFromAbove(linked(customer, 'admin'), 'contracts:write', TO_CUSTOMER)).toBe('denied');
    expect(decideFromAbove(member(reseller, 'sales'), 'contracts:write', TO_CUSTOMER)).toBe('denied');
  });

  it('is for a root its own business', () => {
    expect(decideFromAbove(member(root, 'admin'), 'contracts:write', [root])).toBe('allowed');
  });

  it('is hidden where the tenant is', () => {
    expect(decideFromAbove(member(other, 'admin'), 'contracts:write', TO_CUSTOMER)).toBe('hidden');
    expect(decideFromAbove(member(reseller, 'regular'), 'contracts:write', TO_CUSTOMER)).toBe('hidden');
    expect(decideFromAbove(member(reseller, 'admin', { childTenantRole: 'none' }), 'contracts:write', TO_CUSTOMER)).toBe(
      'hidden',
    );
    expect(decideFromAbove(member(root, 'admin'), 'contracts:write', undefined)).toBe('hidden');
  });
});

describe('what is about no tenant', () => {
  it('is the operator’s on the platform', () => {
    expect(decideOnPlatform(member('platform', 'operator'), 'roots:write')).toBe('allowed');
    expect(decideOnPlatform(member(root, 'admin'), 'roots:write')).toBe('denied');
    expect(decideOnPlatform(member(root, 'admin'), 'tenants:write')).toBe('denied');
  });

  it('is allowed over one’s reach to whoever has the permission somewhere', () => {
    expect(decideAnywhere(both(member(root, 'sales'), member(other, 'admin')), 'tenants:write')).toBe('allowed');
    expect(decideAnywhere(member(root, 'regular', { childTenantRole: 'admin' }), 'tenants:write')).toBe('allowed');
    expect(decideAnywhere(linked(customer, 'support'), 'tenants:read')).toBe('allowed');
    expect(decideAnywhere(member(root, 'sales'), 'tenants:write')).toBe('denied');
    expect(decideAnywhere(both(), 'tenants:read')).toBe('denied');
  });
});

describe('for any standing, permission and tree', () => {
  const tenants = fc.constantFrom(root, reseller, customer, other);
  const roles = fc.constantFrom<BuiltInRole>('admin', 'regular', 'readOnly', 'support', 'sales');
  const memberships = fc.array(
    fc.record(
      {
        tenantId: tenants,
        role: roles,
        childTenantRole: fc.constantFrom('admin', 'sales', 'none'),
        carriesOver: fc.boolean(),
      },
      { requiredKeys: ['tenantId', 'role'] },
    ),
    { maxLength: 4 },
  );
  const standings = fc.record({ memberships, links: fc.array(fc.record({ tenantId: tenants, role: roles }), { maxLength: 3 }) });
  const permissions = fc.constantFrom(...PERMISSIONS);
  const paths = fc.uniqueArray(tenants, { minLength: 1, maxLength: 4 });

  it('a verdict other than hidden needs a membership or link on the way down to the tenant', () => {
    fc.assert(
      fc.property(standings, permissions, paths, (standing, permission, path) => {
        const onTheWay = [...standing.memberships, ...standing.links].some(({ tenantId }) => path.includes(tenantId));
        if (decide(standing, permission, path) !== 'hidden') expect(onTheWay).toBe(true);
      }),
    );
  });

  it('what is hidden does not depend on the permission, and what does not exist is hidden', () => {
    fc.assert(
      fc.property(standings, permissions, permissions, paths, (standing, one, another, path) => {
        expect(decide(standing, one, path) === 'hidden').toBe(decide(standing, another, path) === 'hidden');
        expect(decide(standing, one, undefined)).toBe('hidden');
      }),
    );
  });

  it('nobody in a tenant may do what is the platform’s', () => {
    fc.assert(
      fc.property(standings, paths, (standing, path) => {
        for (const permission of ['roots:write', 'operations:read', 'operations:write'] as const)
          expect(decide(standing, permission, path)).not.toBe('allowed');
      }),
    );
  });

  it('what is held elsewhere changes nothing', () => {
    fc.assert(
      fc.property(standings, permissions, paths, roles, (standing, permission, path, role) => {
        const elsewhere = 'elsewhere' as TenantId;
        const more = both(standing, member(elsewhere, role), linked(elsewhere, role));
        expect(decide(more, permission, path)).toBe(decide(standing, permission, path));
      }),
    );
  });

  it('whoever acts as somebody else may do what both of them may, and nothing else', () => {
    fc.assert(
      fc.property(standings, standings, permissions, paths, (user, person, permission, path) => {
        const acting = { ...user, within: person };
        const verdicts = [user, person].map((one) => decide(one, permission, path));
        const allowed = verdicts.every((verdict) => verdict === 'allowed');
        const lowest = verdicts.includes('hidden') ? 'hidden' : 'denied';
        expect(decide(acting, permission, path)).toBe(allowed ? 'allowed' : lowest);
        expect(permissionsIn(acting, path).has(permission)).toBe(allowed);
      }),
    );
  });

  it('the order in which things were given changes nothing', () => {
    fc.assert(
      fc.property(standings, permissions, paths, ({ memberships, links }, permission, path) => {
        const turned = { memberships: memberships.toReversed(), links: links.toReversed() };
        expect(decide(turned, permission, path)).toBe(decide({ memberships, links }, permission, path));
      }),
    );
  });
});
