import { describe, expect, it } from '@jest/globals';
import { type DelegatedAccessEvent, type ImpersonationEvent, type ServiceAccountEvent } from '#libs/published/acting';
import {
  type DelegatedAccessId,
  type ImpersonationId,
  type ServiceAccountId,
  type TenantId,
  type UserId,
} from '#libs/published/ids';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { type Instant } from '#libs/time/time';
import { delegatedAccesses } from './delegated-accesses.projection.ts';
import { impersonations } from './impersonations.projection.ts';
import { keyCounts } from './service-account.ts';
import { serviceAccounts } from './service-accounts.projection.ts';

const NOON = '2026-01-31T12:00:00.000Z' as Instant;
const LATER = '2026-01-31T12:30:00.000Z' as Instant;
const ROOT = 'r' as TenantId;
const CUSTOMER = 'c' as TenantId;
const ADA = 'ada' as UserId;
const CLEO = 'cleo' as UserId;
const place = { tenantId: CUSTOMER, path: [ROOT, CUSTOMER] };

const started = (id: string): ImpersonationEvent => ({
  type: 'ImpersonationStarted',
  data: {
    impersonationId: id as ImpersonationId,
    ...place,
    userId: CLEO,
    actorId: ADA,
    reason: 'Ticket',
    startedAt: NOON,
    until: LATER,
  },
});
const acted = [
  history<ImpersonationEvent>('access-control.impersonation-i', started('i')),
  history<ImpersonationEvent>('access-control.impersonation-j', started('j'), {
    type: 'ImpersonationEnded',
    data: { impersonationId: 'j' as ImpersonationId, tenantId: CUSTOMER, userId: CLEO, actorId: ADA, endedAt: NOON },
  }),
];

const of = (id: string) => ({ delegatedAccessId: id as DelegatedAccessId, tenantId: CUSTOMER, userId: ADA });
const requested = (id: string): DelegatedAccessEvent => ({
  type: 'DelegatedAccessRequested',
  data: { ...of(id), path: place.path, memberOf: ROOT, role: 'support', hours: 12, reason: 'Ticket', requestedAt: NOON },
});
const accesses = [
  history<DelegatedAccessEvent>('access-control.delegatedAccess-a', requested('a'), {
    type: 'DelegatedAccessApproved',
    data: { ...of('a'), from: NOON, until: LATER },
  }),
  history<DelegatedAccessEvent>('access-control.delegatedAccess-d', requested('d'), {
    type: 'DelegatedAccessDeclined',
    data: { ...of('d'), declinedAt: NOON },
  }),
  history<DelegatedAccessEvent>('access-control.delegatedAccess-e', requested('e'), {
    type: 'DelegatedAccessEnded',
    data: { ...of('e'), endedAt: NOON },
  }),
];

const account = (id: string) => ({ serviceAccountId: id as ServiceAccountId, tenantId: CUSTOMER });
const created = (id: string): ServiceAccountEvent => ({
  type: 'ServiceAccountCreated',
  data: { ...account(id), path: place.path, name: 'ERP', permissions: ['bills:read'], createdAt: NOON },
});
const key = (number: number, until: Instant | null): ServiceAccountEvent => ({
  type: 'ServiceAccountKeyIssued',
  data: { ...account('s'), number, issuedAt: NOON, until },
});
const accounts = [
  history<ServiceAccountEvent>(
    'access-control.serviceAccount-s',
    created('s'),
    key(1, null),
    key(2, LATER),
    { type: 'ServiceAccountKeyRevoked', data: { ...account('s'), number: 1, revokedAt: NOON } },
    { type: 'ServiceAccountScopeChanged', data: { ...account('s'), name: 'Books', permissions: ['usage:read'] } },
  ),
  history<ServiceAccountEvent>('access-control.serviceAccount-t', created('t'), {
    type: 'ServiceAccountRemoved',
    data: { ...account('t'), removedAt: NOON },
  }),
];

projectionTwins(impersonations, acted);
projectionTwins(delegatedAccesses, accesses);
projectionTwins(serviceAccounts, accounts);

describe('impersonations', () => {
  it('say whether they were ended before their time', () => {
    expect(rowsOf(impersonations, acted).map(({ id, endedAt }) => [id, endedAt])).toEqual([
      ['i', null],
      ['j', NOON],
    ]);
  });
});

describe('delegated accesses', () => {
  it('say what became of them', () => {
    expect(rowsOf(delegatedAccesses, accesses).map(({ id, status, until }) => [id, status, until])).toEqual([
      ['a', 'approved', LATER],
      ['d', 'declined', null],
      ['e', 'ended', null],
    ]);
  });
});

describe('service accounts', () => {
  const rows = rowsOf(serviceAccounts, accounts);
  it('say what they may do now, and whether they are still there', () => {
    expect(rows).toMatchObject([
      { id: 's', tenantId: CUSTOMER, name: 'Books', permissions: ['usage:read'], removedAt: null },
      { id: 't', name: 'ERP', removedAt: NOON },
    ]);
  });
  it('know which of their keys count', () => {
    const [row] = rows;
    if (!row) throw new Error('no row');
    const counting = (now: Instant): readonly boolean[] => [1, 2, 3].map((number) => keyCounts(row, number, now));
    expect(counting(NOON)).toEqual([false, true, false]);
    expect(counting(LATER)).toEqual([false, false, false]);
  });
  it('show every key that counts, and of those that no longer do the last ten', () => {
    const rotated = Array.from({ length: 50 }, (_, n): ServiceAccountEvent[] => [
      key(n + 2, null),
      { type: 'ServiceAccountKeyRevoked', data: { ...account('s'), number: n + 2, revokedAt: NOON } },
    ]);
    const events = [created('s'), key(1, null), ...rotated.flat(), key(52, LATER)];
    const [row] = rowsOf(serviceAccounts, [history<ServiceAccountEvent>('access-control.serviceAccount-s', ...events)]);
    expect(row?.keys.map(({ number }) => number)).toEqual([1, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52]);
    if (!row) throw new Error('no row');
    expect([1, 2, 51, 52].map((number) => keyCounts(row, number, NOON))).toEqual([true, false, false, true]);
  });
});
