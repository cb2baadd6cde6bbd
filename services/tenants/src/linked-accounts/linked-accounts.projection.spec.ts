import { describe, expect, it } from '@jest/globals';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type DataSourceId, type LinkedAccountId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type LinkedAccountEvent } from '#libs/published/tenants';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { type Day } from '#libs/time/time';
import { linkedAccounts } from './linked-accounts.projection.ts';

const identity = (tenantId: string) => ({
  dataSourceId: 's' as DataSourceId,
  managementAccountId: 'payer' as ManagementAccountId,
  accountId: 'a/1-2' as LinkedAccountId,
  tenantId: tenantId as TenantId,
  rootId: 'r' as TenantId,
});
const linked = (tenant: string, from: string | null, to: string | null, ...takenFrom: string[]): LinkedAccountEvent => ({
  type: 'LinkedAccountLinked',
  data: {
    ...identity(tenant),
    path: ['r', tenant] as TenantId[],
    from: from as Day | null,
    to: to as Day | null,
    takenFrom: takenFrom as TenantId[],
  },
});
const unlinked = (tenant: string, from: string): LinkedAccountEvent => ({
  type: 'LinkedAccountUnlinked',
  data: { ...identity(tenant), from: from as Day },
});

const linkedTo = (accountId: string, tenant: string, ...takenFrom: string[]): DomainEvent => {
  const { type, data } = linked(tenant, null, null, ...takenFrom);
  return { type, data: { ...data, accountId } };
};

projectionTwins(linkedAccounts, [
  history('tenants.linkedAccount-s~a/1-2', linked('c1', null, null), linked('c2', '2026-01-16', '2026-03-01', 'c1')),
  history('tenants.linkedAccount-s~b', linkedTo('b', 'c1'), linkedTo('b', 'c3', 'c1')),
  history('tenants.linkedAccount-s~a/1-2', unlinked('c1', '2026-01-01'), linked('c3', null, null, 'c1', 'c2')),
]);

const days = (...events: LinkedAccountEvent[]) =>
  rowsOf(linkedAccounts, [history('tenants.linkedAccount-s~a/1-2', ...events)]).map(({ tenantId, intervals, until }) => [
    tenantId,
    intervals.map(({ from, to }) => `${from ?? ''}..${to ?? ''}`).join(' '),
    until,
  ]);

describe('the linked accounts', () => {
  it('have a row per account and tenant, with the days that are its', () => {
    expect(days(linked('c1', null, null), linked('c2', '2026-01-16', null, 'c1'))).toEqual([
      ['c1', '..2026-01-16', '2026-01-16'],
      ['c2', '2026-01-16..', '9999-12-31'],
    ]);
  });

  it('show an account again at a tenant that it came back to', () => {
    expect(days(linked('c1', null, null), linked('c2', '2026-02-01', '2026-03-01', 'c1'))).toEqual([
      ['c1', '..2026-02-01 2026-03-01..', '9999-12-31'],
      ['c2', '2026-02-01..2026-03-01', '2026-03-01'],
    ]);
  });

  it('keep what was before an unlinking, and nothing of a link that never had a day', () => {
    expect(days(linked('c1', '2026-01-01', null), unlinked('c1', '2026-01-10'))).toEqual([
      ['c1', '2026-01-01..2026-01-10', '2026-01-10'],
    ]);
    expect(days(linked('c1', '2026-01-01', null), unlinked('c1', '2026-01-01'))).toEqual([]);
  });
});
