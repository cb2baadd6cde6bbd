import { describe, expect, it } from '@jest/globals';
import {
  type AccessSettingsEvent,
  type CustomerLinkEvent,
  type MembershipEvent,
  type RoleEvent,
  type UserAccessEvent,
} from '#libs/published/access-control';
import { type RoleId, type SessionId, type TenantId, type UserId } from '#libs/published/ids';
import { type TenantEvent } from '#libs/published/tenants';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { type Instant } from '#libs/time/time';
import { accessSettings } from './access-settings.projection.ts';
import { customRoles } from './custom-roles.projection.ts';
import { customerLinks } from './customer-links.projection.ts';
import { memberships } from './memberships.projection.ts';
import { tenantTree } from './tenant-tree.projection.ts';
import { tenantRegistered } from './testing/tenant-registered.ts';
import { userAccess } from './user-access.projection.ts';

const ROOT = 'r' as TenantId;
const CUSTOMER = 'c' as TenantId;
const ADA = 'ada' as UserId;
const BOB = 'bob' as UserId;
const CLERK = 'clerk' as RoleId;
const GONE = 'gone' as RoleId;
const NOON = '2026-01-31T12:00:00.000Z' as Instant;
const LATER = '2026-01-31T13:00:00.000Z' as Instant;
const MUCH_LATER = '2026-01-31T14:00:00.000Z' as Instant;

const registered = (path: readonly TenantId[], name: string) => tenantRegistered(path, { name });

const trees = [
  history<TenantEvent>(`tenants.tenant-${ROOT}`, registered([ROOT], 'Root')),
  history<TenantEvent>(`tenants.tenant-${CUSTOMER}`, registered([ROOT, CUSTOMER], 'Before'), {
    type: 'TenantProfileChanged',
    data: { tenantId: CUSTOMER, path: [ROOT, CUSTOMER], name: 'After', customerCode: 'C-1', primaryDomain: 'after.example' },
  }),
];

const members = [
  history<MembershipEvent>(
    'access-control.membership-r~ada',
    { type: 'MembershipGranted', data: { tenantId: ROOT, userId: ADA, role: 'sales' } },
    { type: 'CommandAccepted', data: {} },
    {
      type: 'MembershipGranted',
      data: { tenantId: ROOT, userId: ADA, role: 'admin', extras: ['billingUtilities'], childTenantRole: 'sales' },
    },
    { type: 'MembershipDisabled', data: { tenantId: ROOT, userId: ADA } },
  ),
  history<MembershipEvent>(
    'access-control.membership-c~bob',
    { type: 'MembershipGranted', data: { tenantId: CUSTOMER, userId: BOB, role: 'sales' } },
    { type: 'MembershipRevoked', data: { tenantId: CUSTOMER, userId: BOB } },
  ),
];

const sessionRevoked = (session: string, revokedAt: Instant, until: Instant): UserAccessEvent => ({
  type: 'SessionTokensRevoked',
  data: { userId: ADA, sessionId: session as SessionId, revokedAt, until },
});

const accesses = [
  history<UserAccessEvent>(
    'access-control.userAccess-ada',
    { type: 'AccessOpened', data: { userId: ADA } },
    { type: 'TokensRevoked', data: { userId: ADA, issuedBefore: NOON } },
    sessionRevoked('first', NOON, LATER),
    sessionRevoked('second', NOON, MUCH_LATER),
    sessionRevoked('third', LATER, MUCH_LATER),
  ),
  history<UserAccessEvent>(
    'access-control.userAccess-bob',
    { type: 'AccessOpened', data: { userId: BOB } },
    { type: 'AccessClosed', data: { userId: BOB } },
  ),
];

const linked = [
  history<CustomerLinkEvent>(
    'access-control.customerLink-c~ada',
    {
      type: 'CustomerLinked',
      data: { tenantId: CUSTOMER, path: [ROOT, CUSTOMER], userId: ADA, memberOf: ROOT, role: 'support', linkedBy: BOB },
    },
    {
      type: 'CustomerLinkRoleChanged',
      data: { tenantId: CUSTOMER, userId: ADA, role: 'custom', roleId: CLERK },
    },
  ),
  history<CustomerLinkEvent>(
    'access-control.customerLink-c~bob',
    {
      type: 'CustomerLinked',
      data: { tenantId: CUSTOMER, path: [ROOT, CUSTOMER], userId: BOB, memberOf: ROOT, role: 'regular', linkedBy: ADA },
    },
    { type: 'CustomerLinkRevoked', data: { tenantId: CUSTOMER, userId: BOB } },
  ),
];

const chosen = [
  history<AccessSettingsEvent>(
    'access-control.accessSettings-r',
    { type: 'AccessModelChosen', data: { tenantId: ROOT, accessModel: 'carryOver' } },
    { type: 'ActivityMirrorChosen', data: { tenantId: ROOT, mirror: true } },
  ),
];

const defined = (roleId: RoleId, name: string): RoleEvent => ({
  type: 'RoleDefined',
  data: { tenantId: ROOT, path: [ROOT], roleId, name, permissions: ['bills:read'] },
});

const bundles = [
  history<RoleEvent>('access-control.role-clerk', defined(CLERK, 'Clerk'), defined(CLERK, 'Billing clerk')),
  history<RoleEvent>('access-control.role-gone', defined(GONE, 'Gone'), {
    type: 'RoleRemoved',
    data: { tenantId: ROOT, roleId: GONE },
  }),
];

projectionTwins(customerLinks, linked);
projectionTwins(accessSettings, chosen);
projectionTwins(customRoles, bundles);
projectionTwins(tenantTree, trees);
projectionTwins(memberships, members);
projectionTwins(userAccess, accesses);

describe('the tenant tree', () => {
  it('shows each tenant with its place and its present profile', () => {
    expect(rowsOf(tenantTree, trees)).toEqual([
      expect.objectContaining({
        id: CUSTOMER,
        parentId: ROOT,
        rootId: ROOT,
        path: [ROOT, CUSTOMER],
        name: 'After',
        customerCode: 'C-1',
        mode: 'add',
      }),
      expect.objectContaining({ id: ROOT, parentId: null, rootId: ROOT, path: [ROOT], name: 'Root', tier: 'distributor' }),
    ]);
  });
});

describe('memberships', () => {
  it('show the role held at present, and none that was revoked', () => {
    expect(rowsOf(memberships, members)).toEqual([
      {
        id: 'r~ada',
        tenantId: ROOT,
        userId: ADA,
        role: 'admin',
        extras: ['billingUtilities'],
        childTenantRole: 'sales',
        adminBelow: false,
        enabled: false,
        since: 0,
      },
    ]);
  });

  it('say since when they have lasted without a break', () => {
    const granted = (role: 'sales' | 'support'): MembershipEvent => ({
      type: 'MembershipGranted',
      data: { tenantId: CUSTOMER, userId: BOB, role },
    });
    const of = { tenantId: CUSTOMER, userId: BOB };
    const since = (...events: readonly MembershipEvent[]) =>
      rowsOf(memberships, [history<MembershipEvent>('access-control.membership-c~bob', ...events)]).map((row) => row.since);
    const shutOut: readonly MembershipEvent[] = [
      { type: 'MembershipDisabled', data: of },
      { type: 'MembershipEnabled', data: of },
    ];
    expect(since(granted('sales'), granted('support'), ...shutOut)).toEqual([0]);
    expect(since(granted('sales'), { type: 'MembershipRevoked', data: of }, granted('sales'), granted('support'))).toEqual([2]);
  });
});

describe('customer links', () => {
  it('show the role given, and none that was revoked', () => {
    expect(rowsOf(customerLinks, linked)).toEqual([
      {
        id: 'c~ada',
        tenantId: CUSTOMER,
        path: [ROOT, CUSTOMER],
        userId: ADA,
        memberOf: ROOT,
        role: 'custom:clerk',
        linkedBy: BOB,
      },
    ]);
  });
});

describe('access settings', () => {
  it('show what the tenant chose', () => {
    expect(rowsOf(accessSettings, chosen)).toEqual([{ id: ROOT, accessModel: 'carryOver', activityMirror: true }]);
  });
});

describe('custom roles', () => {
  it('show what they are at present, and none that was removed', () => {
    expect(rowsOf(customRoles, bundles)).toEqual([
      expect.objectContaining({ id: CLERK, tenantId: ROOT, path: [ROOT], name: 'Billing clerk', permissions: ['bills:read'] }),
    ]);
  });
});

describe('access of users', () => {
  it('shows who may be logged in, since when tokens count, and of which sessions none does while there may be one', () => {
    expect(rowsOf(userAccess, accesses)).toEqual([
      { id: ADA, open: true, issuedSince: NOON, endedSessions: { second: MUCH_LATER, third: MUCH_LATER } },
      { id: BOB, open: false, issuedSince: null, endedSessions: {} },
    ]);
  });
});
