import { type Revision } from '#libs/event-sourcing/event';
import { type Currency } from '#libs/money/currency';
import { type ContractsEvent, type ContractStatus } from '#libs/published/contracts';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { type TenantEvent, type Tier } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';

export type ContractCounts = Readonly<Record<ContractStatus, number>>;

export type CustomerRow = Readonly<{
  id: TenantId;
  name: string;
  customerCode: string | null;
  tier: Tier;
  parentId: TenantId | null;
  /** From the root to the tenant itself. */
  path: readonly TenantId[];
  currency: Currency;
  primaryDomain: string | null;
  registeredAt: Instant;
  /** The tenant's own revision, its ETag. */
  revision: Revision;
  contracts: ContractCounts;
}>;

type TenantPart = Omit<CustomerRow, 'contracts'>;
type StatusOfContract = Readonly<Record<ContractId, ContractStatus>>;

/** The Customers page: a document per tenant, with its contracts counted from their one stream. */
export const customerList = projection({
  name: 'customer-list',
  version: 2,
  parts: {
    tenant: part<TenantEvent, TenantPart | undefined>('tenants.tenant', {
      document: ({ data }) => data.tenantId,
      evolve: (before, event) => {
        switch (event.type) {
          case 'TenantRegistered': {
            const { tenantId: id, path, tier, name, customerCode, currency, primaryDomain, registeredAt } = event.data;
            const profile = { name, customerCode, tier, parentId: path.at(-2) ?? null, path, currency, primaryDomain };
            return { id, ...profile, registeredAt, revision: event.revision };
          }
          case 'TenantProfileChanged': {
            const { name, customerCode, primaryDomain } = event.data;
            return before && { ...before, name, customerCode, primaryDomain, revision: event.revision };
          }
        }
      },
    }),
    contracts: part<ContractsEvent, StatusOfContract>('contracts.tenantContracts', {
      document: ({ data }) => data.tenantId,
      evolve: (before = {}, event) => {
        switch (event.type) {
          case 'ContractDrafted':
            return { ...before, [event.data.contractId]: 'draft' };
          case 'ContractStatusChanged':
            return { ...before, [event.data.contractId]: event.data.to };
          case 'ContractVersionSaved':
            return before;
        }
      },
    }),
  },
  row: ({ tenant, contracts }): CustomerRow | undefined => tenant && { ...tenant, contracts: countsOf(contracts ?? {}) },
  indexes: [['parentId', 'name'], ['name']],
  elements: ['path'],
});

const countsOf = (contracts: StatusOfContract): ContractCounts => {
  const counts = { draft: 0, scheduled: 0, active: 0, expired: 0, cancelled: 0, superseded: 0 };
  for (const status of Object.values(contracts)) counts[status] += 1;
  return counts;
};
