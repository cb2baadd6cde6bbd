import { describe, expect, it } from '@jest/globals';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type StreamFact } from '#libs/event-sourcing/stream-facts';
import { currency } from '#libs/money/currency';
import { type ContractStatus } from '#libs/published/contracts';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { type TenantEvent } from '#libs/published/tenants';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { type Instant } from '#libs/time/time';
import { customerList } from './customer-list.projection.ts';

const D = 'd' as TenantId;
const R = 'r' as TenantId;

const registered: TenantEvent = {
  type: 'TenantRegistered',
  data: {
    tenantId: R,
    path: [D, R],
    tier: 'reseller',
    name: 'Rho',
    customerCode: 'R-1',
    currency: currency('USD'),
    primaryDomain: 'rho.example',
    registeredAt: '2026-01-01T00:00:00.000Z' as Instant,
  },
};
const renamed: TenantEvent = {
  type: 'TenantProfileChanged',
  data: { tenantId: R, path: [D, R], name: 'Rho Ltd', customerCode: null, primaryDomain: 'rho.example' },
};
const accepted: StreamFact = { type: 'CommandAccepted', data: {} };

const drafted = (contractId: string): DomainEvent => ({ type: 'ContractDrafted', data: { tenantId: R, contractId } });
const became = (contractId: string, to: ContractStatus): DomainEvent => ({
  type: 'ContractStatusChanged',
  data: { tenantId: R, contractId: contractId as ContractId, to },
});
const contracts = history(
  'contracts.tenantContracts-r',
  drafted('k1'),
  drafted('k2'),
  became('k1', 'active'),
  drafted('k3'),
  became('k1', 'superseded'),
  became('k2', 'active'),
);

projectionTwins(customerList, [
  history('tenants.tenant-r', registered, accepted, renamed),
  contracts,
  history('tenants.tenant-d', { ...registered, data: { ...registered.data, tenantId: D, path: [D] } }),
]);

describe('the customer list', () => {
  it('shows a tenant with its place in the tree, and its newest profile with its revision', () => {
    expect(rowsOf(customerList, [history('tenants.tenant-r', registered, accepted, renamed, accepted)])).toEqual([
      expect.objectContaining({ id: R, parentId: D, path: [D, R], name: 'Rho Ltd', customerCode: null, revision: 2 }),
    ]);
  });

  it("counts the tenant's contracts by status", () => {
    const [row] = rowsOf(customerList, [history('tenants.tenant-r', registered), contracts]);
    expect(row?.contracts).toEqual({ draft: 1, scheduled: 0, active: 1, expired: 0, cancelled: 0, superseded: 1 });
  });

  it('has no row for contracts whose tenant it does not know yet', () => {
    expect(rowsOf(customerList, [contracts])).toEqual([]);
  });
});
