import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type RoleEvent } from '#libs/published/access-control';
import { type RoleId, type TenantId } from '#libs/published/ids';
import { NEEDS, type TenantPermission } from '#libs/access-policy/roles';
import { customRoleOf, define, nameToClaim, redefine, remove } from './role.ts';

const TENANT = { id: 't' as TenantId, path: ['r', 't'] as TenantId[] };
const OTHER = { id: 'o' as TenantId, path: ['r', 'o'] as TenantId[] };
const CLERK = 'clerk' as RoleId;
const defined = (name: string, ...permissions: TenantPermission[]): RoleEvent => ({
  type: 'RoleDefined',
  data: { tenantId: TENANT.id, path: TENANT.path, roleId: CLERK, name, permissions },
});
const removed: RoleEvent = { type: 'RoleRemoved', data: { tenantId: TENANT.id, roleId: CLERK } };
const wanted = { name: 'Clerk', permissions: ['tenants:read', 'users:read', 'tenants:read'] } as const;

const NEEDED = Object.values(NEEDS) as TenantPermission[];

describe('defining a role', () => {
  it('keeps each permission once, in order', () => {
    given(customRoleOf)
      .when(define(TENANT, CLERK, wanted))
      .then(defined('Clerk', 'tenants:read', 'users:read'));
  });
  it.each(Object.keys(NEEDS) as TenantPermission[])('gives no %s without what it needs', (permission) => {
    const alone = { name: 'Clerk', permissions: ['activity:read', permission] } as const;
    given(customRoleOf)
      .when(define(TENANT, CLERK, alone))
      .thenRejected('permission-needs-another');
    const permissions = [...new Set([permission, ...NEEDED])];
    given(customRoleOf)
      .when(define(TENANT, CLERK, { name: 'Clerk', permissions }))
      .then(defined('Clerk', ...permissions.toSorted()));
  });
  it.each(['Admin', 'ADMIN', 'operator', 'Read-Only', 'read only', 'readOnly', 'Sales', ' support '])(
    'does not take the name %j of one that every tenant has',
    (name) => {
      given(customRoleOf)
        .when(define(TENANT, CLERK, { ...wanted, name }))
        .thenRejected('role-name-built-in');
      given(customRoleOf, defined('Clerk', 'users:read'))
        .when(redefine(TENANT, CLERK, { ...wanted, name }, name))
        .thenRejected('role-name-built-in');
    },
  );
  it('may have one in its name, or keep the one it had before', () => {
    given(customRoleOf)
      .when(define(TENANT, CLERK, { ...wanted, name: 'Admin of bills' }))
      .then(defined('Admin of bills', 'tenants:read', 'users:read'));
    given(customRoleOf, defined('Admin', 'users:read'))
      .when(redefine(TENANT, CLERK, { ...wanted, name: 'Admin' }, null))
      .then(defined('Admin', 'tenants:read', 'users:read'));
  });
  it('does not replace one', () => {
    given(customRoleOf, defined('Clerk'))
      .when(define(TENANT, CLERK, wanted))
      .thenRejected('role-exists');
  });
});

describe('changing a role', () => {
  it('says anew what it is', () => {
    given(customRoleOf, defined('Clerk', 'users:read'))
      .when(redefine(TENANT, CLERK, { name: 'Biller', permissions: ['users:read'] }, 'Biller'))
      .then(defined('Biller', 'users:read'));
  });
  it('needs a claim for a name that is not its own', () => {
    const biller = { name: 'Biller', permissions: ['users:read'] } as const;
    for (const claimed of [null, 'Clerk'])
      given(customRoleOf, defined('Clerk', 'users:read'))
        .when(redefine(TENANT, CLERK, biller, claimed))
        .thenRejected('lost-race');
    given(customRoleOf, defined('biller', 'tenants:read'))
      .when(redefine(TENANT, CLERK, biller, null))
      .then(defined('Biller', 'users:read'));
    expect(nameToClaim({ name: 'Clerk', permissions: [] }, biller)).toBe('Biller');
    expect(nameToClaim({ name: 'BILLER', permissions: [] }, biller)).toBeNull();
  });
  it('does nothing when it is so already', () => {
    given(customRoleOf, defined('Clerk', 'tenants:read', 'users:read'))
      .when(redefine(TENANT, CLERK, wanted, null))
      .thenNothing();
    given(customRoleOf, defined('Clerk', 'bills:read'))
      .when(redefine(TENANT, CLERK, { name: 'Clerk', permissions: ['bills:read'] }, null))
      .thenNothing();
  });
  it('says nothing that does not count', () => {
    const bills = { name: 'Clerk', permissions: ['bills:read'] } as const;
    given(customRoleOf, defined('Clerk', 'tenants:read'))
      .when(redefine(TENANT, CLERK, bills, null))
      .thenRejected('permission-needs-another');
  });
  it('is its own tenant’s business only', () => {
    given(customRoleOf, defined('Clerk'))
      .when(redefine(OTHER, CLERK, wanted, null))
      .thenRejected('role-not-found');
    given(customRoleOf)
      .when(redefine(TENANT, CLERK, wanted, null))
      .thenRejected('role-not-found');
  });
});

describe('removing a role', () => {
  it('ends it', () => {
    given(customRoleOf, defined('Clerk')).when(remove(TENANT.id, CLERK)).then(removed);
  });
  it('finds none that is another tenant’s or gone', () => {
    given(customRoleOf, defined('Clerk')).when(remove(OTHER.id, CLERK)).thenRejected('role-not-found');
    given(customRoleOf, defined('Clerk'), removed).when(remove(TENANT.id, CLERK)).thenRejected('role-not-found');
  });
});
