import { type Revision } from '#libs/event-sourcing/event';
import { type Currency } from '#libs/money/currency';
import { type ContractsEvent, type ContractStatus } from '#libs/published/contracts';
import { type ContractId, type TenantId, type UserId } from '#libs/published/ids';
import { type CreationMode, type OnboardingEvent, type TenantEvent, type Tier } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';
import { type Onboarding, onboarding as onboardingOf, type Progress, progressOf } from '../onboarding/onboarding.ts';

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
  mode: CreationMode;
  /** False for one that was invited, until somebody has accepted and set up the account: then it is on no list of customers. */
  listed: boolean;
  /** On whose lists it stands: its path while it is listed, else nobody. */
  within: readonly TenantId[];
  /** Its parent while it is listed. */
  listedUnder: TenantId | null;
  /** Its parent while it is not. */
  pendingUnder: TenantId | null;
  /** The tenant's own revision, its ETag. */
  revision: Revision;
  contracts: ContractCounts;
  /** How far its onboarding is. */
  onboarding: Progress;
  /** The position in it, or `complete`: what lists filter by. */
  status: string;
  /** Its own active admins, in the order in which they came to be. */
  adminIds: readonly UserId[];
}>;

type Derived = 'contracts' | 'onboarding' | 'status' | 'adminIds' | 'listed' | 'within' | 'listedUnder' | 'pendingUnder';
type TenantPart = Omit<CustomerRow, Derived>;
type StatusOfContract = Readonly<Record<ContractId, ContractStatus>>;

/** A document per tenant, from its own streams. */
const PARTS = {
  tenant: part<TenantEvent, TenantPart | undefined>('tenants.tenant', {
    document: ({ data }) => data.tenantId,
    evolve: (before, event) => {
      switch (event.type) {
        case 'TenantRegistered': {
          const { tenantId: id, path, tier, name, customerCode, currency, primaryDomain, registeredAt } = event.data;
          const profile = { name, customerCode, tier, parentId: path.at(-2) ?? null, path, currency, primaryDomain };
          return { id, ...profile, registeredAt, mode: event.data.mode ?? 'add', revision: event.revision };
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
  onboarding: part<OnboardingEvent, Onboarding>('tenants.onboarding', {
    document: ({ data }) => data.tenantId,
    evolve: (before = onboardingOf.initial, event) => onboardingOf.evolve(before, event, event.revision),
  }),
};

type Parts = Readonly<{
  tenant?: TenantPart | undefined;
  contracts?: StatusOfContract | undefined;
  onboarding?: Onboarding | undefined;
}>;

const rowOf = ({ tenant, contracts = {}, onboarding = onboardingOf.initial }: Parts): CustomerRow | undefined => {
  if (!tenant) return undefined;
  const counts = countsOf(contracts);
  const progress = progressOf({ tier: tenant.tier, isRoot: tenant.parentId === null, contracts: counts }, onboarding);
  const listed = tenant.mode !== 'invite' || onboarding.admins.length > 0;
  return {
    ...tenant,
    listed,
    within: listed ? tenant.path : [],
    listedUnder: listed ? tenant.parentId : null,
    pendingUnder: listed ? null : tenant.parentId,
    contracts: counts,
    onboarding: progress,
    status: progress.position ?? 'complete',
    adminIds: onboarding.admins.filter(({ active }) => active).map(({ userId }) => userId),
  };
};

/** The Customers page: a document per tenant. */
export const customerList = projection({
  name: 'customer-list',
  version: 3,
  parts: PARTS,
  row: rowOf,
  indexes: [['listedUnder', 'name'], ['pendingUnder', 'name'], ['listed', 'name'], ['name']],
  elements: ['within'],
});

const countsOf = (contracts: StatusOfContract): ContractCounts => {
  const counts = { draft: 0, scheduled: 0, active: 0, expired: 0, cancelled: 0, superseded: 0 };
  for (const status of Object.values(contracts)) counts[status] += 1;
  return counts;
};
