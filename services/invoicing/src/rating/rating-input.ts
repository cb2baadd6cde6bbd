import { type Decimal } from '#libs/money/decimal';
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

/**
 * Lines of one slice that no rule of the tree can tell apart, summed exactly. `segment` counts the cuts (`cutsOf(input)`, days on
 * which a link, contract or version begins or ends) that are ≤ the line's day; segment 0 lies before the first cut.
 */
export type Group = Readonly<{
  dataSourceId: DataSourceId;
  accountId: LinkedAccountId;
  segment: number;
  currency: Currency;
  serviceName: string;
  chargeCategory: string;
  marketplace: boolean;
  /** Text of every dimension in `dimensionsOf(input).values`; null columns and absent tags are ''. */
  values: Readonly<Record<string, string>>;
  /** Truth of every condition in `dimensionsOf(input).truths`, by `conditionKey(condition)`. */
  truths: Readonly<Record<string, boolean>>;
  /** The quantity is given and not of the opposite sign to BilledCost on every one of these lines. */
  unitRateApplies: boolean;
  lines: number;
  billedCost: Decimal;
  pricingQuantity: Decimal;
  /** First and last day of the lines: days inside one segment, so no rule depends on them; they bound covered stray days. */
  firstDay: Day;
  lastDay: Day;
}>;
