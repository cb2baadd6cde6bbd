import { type Currency } from '#libs/money/currency';
import { type Terms } from '#libs/published/contract-terms';
import { type ContractTier } from '#libs/published/contracts';
import {
  type ContractId,
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type TenantId,
} from '#libs/published/ids';
import { type UsageFile } from '#libs/published/ingestion';
import { type Tier } from '#libs/published/tenants';
import { type Day, type Month } from '#libs/time/time';
import { type UsageGroup } from '#libs/usage-store/usage-group';

/** Everything that rating a month of one tree depends on besides the usage itself: plain JSON, so it can be kept and rated again. */
export type RatingInput = Readonly<{
  month: Month;
  /** `as-of`: the version in force on each day; `current`: the newest one for every day. */
  mode: 'as-of' | 'current';
  tenants: readonly RatedTenant[];
  dataSources: readonly RatedSource[];
  links: readonly Link[];
  autoAssignments: readonly AutoAssignment[];
  contracts: readonly RatedContract[];
}>;

/** `path` runs from the root to the tenant itself. */
export type RatedTenant = Readonly<{ id: TenantId; path: readonly TenantId[]; tier: Tier; name: string; currency: Currency }>;

/** A data source and what serves it in this month; null: nothing was imported for the month. */
export type RatedSource = Readonly<{
  id: DataSourceId;
  managementAccountId: ManagementAccountId;
  ownerId: TenantId;
  slice: Readonly<{ importId: ImportId; files: readonly UsageFile[] }> | null;
  /** Names of the accounts as the usage gives them: exclusion patterns of automatic links look at these. */
  accounts: readonly Readonly<{ accountId: LinkedAccountId; name: string | null }>[];
}>;

/** Intervals of one account never overlap. `from` inclusive, null: since ever; `to` exclusive, null: without end. */
export type Link = Readonly<{
  dataSourceId: DataSourceId;
  accountId: LinkedAccountId;
  tenantId: TenantId;
  from: Day | null;
  to: Day | null;
}>;

export type AutoAssignment = Readonly<{
  dataSourceId: DataSourceId;
  tenantId: TenantId;
  from: Day | null;
  to: Day | null;
  exclude: readonly string[];
}>;

/** A contract that was marked active or scheduled and not set back to draft: only those cover anything. */
export type RatedContract = Readonly<{
  id: ContractId;
  tenantId: TenantId;
  tier: ContractTier;
  /** Ascending by version number, in the order they were saved; start, end, renewal and accounts are the last one's. */
  versions: readonly RatedVersion[];
  /** First day no longer covered because of a cancellation or superseding. */
  endedOn: Day | null;
}>;

export type RatedVersion = Readonly<{ version: number; effectiveFrom: Day; terms: Terms }>;

/** Lines of one slice that no rule of the tree can tell apart: grouped by `cutsOf(input)` and `dimensionsOf(input)`. */
export type Group = UsageGroup;
