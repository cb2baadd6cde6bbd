import { isSetUp } from '#libs/access-policy/set-up';
import { type Revision } from '#libs/event-sourcing/event';
import { type Currency } from '#libs/money/currency';
import { type ContractsEvent, type ContractStatus } from '#libs/published/contracts';
import { type ContractId, type TenantId, type UserId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import {
  type CreationMode,
  type OnboardingEvent,
  type OnboardingTask,
  type SourceDataEvent,
  type TenantEvent,
  type Tier,
} from '#libs/published/tenants';
import { type TenantActivityEvent } from '#libs/published/acting';
import { alphabetical } from '#libs/read-models/alphabetical';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';
import { adminsOf, type Onboarding, onboarding as onboardingOf, type Progress, progressOf } from '../onboarding/onboarding.ts';
import { HEALTH_STATUSES } from '../source-data/source-data.ts';

export type ContractCounts = Readonly<Record<ContractStatus, number>>;

type ProfileRow = Readonly<{
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
  /** The tenant's own revision, its ETag. */
  revision: Revision;
}>;

export type CustomerRow = ProfileRow &
  Readonly<{
    /** `alphabetical`: what lists sort and search the name, the code and the domain by. */
    nameOrder: string;
    customerCodeOrder: string | null;
    primaryDomainOrder: string | null;
    /** False for one that was invited, until somebody has accepted and set up the account: then it is on no list of customers. */
    listed: boolean;
    /** On whose lists it stands: its path while it is listed, else nobody. */
    within: readonly TenantId[];
    /** The list of direct customers on which it stands: `listUnder` its parent, or `listOfInvitedUnder` it. */
    list: string | null;
    contracts: ContractCounts;
    /** The first of its contracts to look at. */
    firstContracts: readonly ContractSummary[];
    /** How far its onboarding is. */
    onboarding: Progress;
    /** The position in it, or `complete`: what lists filter by. */
    status: OnboardingTask | 'complete';
    /** The worst of its sources and those of everybody below it. */
    sourceData: HealthStatus;
    /** What lists sort it by: 0 is the worst. */
    sourceDataRank: number;
    /** When one of its own users was last about; null: never. */
    lastActivity: Instant | null;
    /** The last that speaks for an active customer: it was about, it ordered something, or it came to be. */
    lastSign: Instant;
    /** Its own active admins, the first invited one first. */
    adminIds: readonly UserId[];
  }>;

export const listUnder = (parentId: TenantId): string => parentId;
export const listOfInvitedUnder = (parentId: TenantId): string => `invited ${parentId}`;

type KnownContracts = Readonly<Record<ContractId, ContractStatus>>;

export type ContractSummary = Readonly<{ id: ContractId; status: ContractStatus }>;

/** A document per tenant, from its own streams. */
const PARTS = {
  tenant: part<TenantEvent, ProfileRow | undefined>('tenants.tenant', {
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
  contracts: part<ContractsEvent, KnownContracts>('contracts.tenantContracts', {
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
  sourceData: part<SourceDataEvent, HealthStatus>('tenants.sourceData', {
    document: ({ data }) => data.tenantId,
    evolve: (_before, { data }) => data.status,
  }),
  activity: part<TenantActivityEvent, Instant>('access-control.tenantActivity', {
    document: ({ data }) => data.tenantId,
    evolve: (before, { data }) => (before === undefined || data.at > before ? data.at : before),
  }),
};

type Parts = Readonly<{
  tenant?: ProfileRow | undefined;
  contracts?: KnownContracts | undefined;
  onboarding?: Onboarding | undefined;
  sourceData?: HealthStatus | undefined;
  activity?: Instant | undefined;
}>;

const rowOf = (parts: Parts): CustomerRow | undefined => {
  const { tenant, contracts = {}, onboarding = onboardingOf.initial, sourceData = 'Not available', activity = null } = parts;
  if (!tenant) return undefined;
  const counts = countsOf(contracts);
  const progress = progressOf({ tier: tenant.tier, isRoot: tenant.parentId === null, contracts: counts }, onboarding);
  const listed = isSetUp(tenant.mode, onboarding.admins.length > 0);
  return {
    ...tenant,
    nameOrder: alphabetical(tenant.name),
    customerCodeOrder: tenant.customerCode && alphabetical(tenant.customerCode),
    primaryDomainOrder: tenant.primaryDomain && alphabetical(tenant.primaryDomain),
    listed,
    within: listed ? tenant.path : [],
    list: tenant.parentId && (listed ? listUnder : listOfInvitedUnder)(tenant.parentId),
    contracts: counts,
    firstContracts: firstOf(contracts),
    onboarding: progress,
    status: progress.position ?? 'complete',
    sourceData,
    sourceDataRank: HEALTH_STATUSES.indexOf(sourceData),
    lastActivity: activity,
    lastSign: activity !== null && activity > tenant.registeredAt ? activity : tenant.registeredAt,
    adminIds: adminsOf(onboarding),
  };
};

/** The Customers page: a document per tenant. */
export const customerList = projection({
  name: 'customer-list',
  version: 6,
  parts: PARTS,
  row: rowOf,
  indexes: [['list', 'nameOrder'], ['nameOrder'], ['parentId', 'sourceData']],
  elements: ['within'],
});

const countsOf = (contracts: KnownContracts): ContractCounts => {
  const counts = { draft: 0, scheduled: 0, active: 0, expired: 0, cancelled: 0, superseded: 0 };
  for (const status of Object.values(contracts)) counts[status] += 1;
  return counts;
};

const SHOWN = 3;
/** What counts now comes first. */
const BY_WEIGHT: readonly ContractStatus[] = ['active', 'scheduled', 'draft', 'superseded', 'expired', 'cancelled'];

/** The newest first where the status is the same. */
const firstOf = (contracts: KnownContracts): readonly ContractSummary[] =>
  Object.entries(contracts)
    .map(([id, status]) => ({ id: id as ContractId, status }))
    .toReversed()
    .toSorted((a, b) => BY_WEIGHT.indexOf(a.status) - BY_WEIGHT.indexOf(b.status))
    .slice(0, SHOWN);
