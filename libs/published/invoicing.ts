import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Currency } from '#libs/money/currency';
import { type Day, type Instant, type Month } from '#libs/time/time';
import {
  type ContractId,
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type RuleId,
  type TenantId,
} from './ids.ts';
import { type Tier } from './tenants.ts';

/** Why a part of a margin has only one side. */
export type MarginReason = 'unbilled' | 'upstream-unbilled' | 'unassigned' | 'own-use';

/**
 * What a tenant's month comes to, in one currency: exact decimal text, unrounded, ex tax. `rated`, `excluded`, `unbilled` and
 * `unassigned` are source amounts (tax included) and add up to the source. An end customer resells nothing: `resold` and `margin`
 * are null.
 */
export type Figures = Readonly<{
  currency: Currency;
  billed: string;
  resold: string | null;
  margin: string | null;
  rated: string;
  /** By the tenant whose contract excludes: a viewer sees its own and those below it only. */
  excluded: readonly Readonly<{ by: TenantId; amount: string }>[];
  unbilled: string;
  unassigned: string;
  marginParts: readonly Readonly<{ reason: MarginReason; amount: string; sourceAmount: string }>[];
}>;

/** One printed line: `amount` is `unrounded` rounded half away from zero to the currency's minor unit. */
export type ProformaLine = Readonly<{
  /** Derived from what the line is, so it stays the same from revision to revision. */
  id: string;
  kind: 'usage' | 'separate' | 'fixedRate' | 'customLineItem';
  text: string;
  amount: string;
  unrounded: string;
  contractId: ContractId;
  /** On a reseller's document: whose usage it is, the reseller itself for its own use. */
  customerId: TenantId | null;
  managementAccountId: ManagementAccountId | null;
  serviceName: string | null;
  chargeCategory: string | null;
  /** The price rule or custom line item; null: no rule of the price book matched. */
  ruleId: RuleId | null;
  /** How many source lines stand behind it. */
  sourceLines: number;
}>;

export type TaxLine = Readonly<{ id: string; text: string; amount: string; contractId: ContractId; ruleId: RuleId }>;

/** What the tenant would be invoiced. `roundingDifference` = `net` - the unrounded net. */
export type Proforma = Readonly<{
  currency: Currency;
  lines: readonly ProformaLine[];
  net: string;
  roundingDifference: string;
  taxes: readonly TaxLine[];
  passThroughTax: string;
  total: string;
}>;

/** A finding that refuses nothing. `by` is the tenant whose contract causes it: tiers below `by` do not see it. */
export type BillWarning = Readonly<{ code: string; message: string; by: TenantId | null }>;

/** Usage that has no price in a tenant's month: shown and never priced. */
export type UnpricedUsage = Readonly<{
  dataSourceId: DataSourceId;
  managementAccountId: ManagementAccountId;
  accountId: LinkedAccountId;
  currency: Currency;
  /** Source amount, tax included. */
  amount: string;
  lines: number;
  firstDay: Day;
  lastDay: Day;
  reason: Readonly<{ code: string; message: string }>;
}>;

/** A month of one tenant, whole: an event replaces what the earlier one said. */
export type Bill = Readonly<{
  tenantId: TenantId;
  /** From the root to the tenant itself. */
  path: readonly TenantId[];
  tier: Tier;
  name: string;
  month: Month;
  figures: readonly Figures[];
  proforma: Proforma | null;
  /** Why there is no proforma; null with one. */
  reason: Readonly<{ code: string; message: string }> | null;
  /** Versions in force on a day of the month, upstream ones too (`tenantId` says whose). */
  contracts: readonly Readonly<{ tenantId: TenantId; contractId: ContractId; version: number }>[];
  imports: readonly Readonly<{ dataSourceId: DataSourceId; importId: ImportId }>[];
  /** A price book of its own contract has basis `UPSTREAM`: the tenant itself must not learn the source amounts. */
  pricedUpstream: boolean;
  warnings: readonly BillWarning[];
  /** Accounts of data sources of this tenant that are nobody's on the days of their lines. */
  unassigned: readonly UnpricedUsage[];
  /** Usage of accounts linked in its subtree that none of its contracts covers, what an exclusion removes left out. */
  unbilled: readonly UnpricedUsage[];
}>;

/** Stream `invoicing.bill-<tenantId>~<month>`. Rating again without a change appends nothing. */
export type BillEvent = DomainEvent<
  'BillRevised',
  Bill &
    Readonly<{
      /** SHA-256 of the bill's canonical JSON: the same content is the same bill. */
      contentHash: string;
      /** SHA-256 of the rating input it was made from, kept beside the usage: explanations of this revision start there. */
      inputDigest: string;
      revisedAt: Instant;
    }>
>;

/** Stream `invoicing.rating-<rootId>~<month>`: up to which version of its inputs a tree's month is rated. */
export type RatingEvent = DomainEvent<
  'MonthRated',
  Readonly<{
    rootId: TenantId;
    month: Month;
    inputVersion: number;
    inputDigest: string;
    ratedAt: Instant;
    /** How many events the bills of the tree's month have by then: a reader that has seen fewer lacks some of this rating's. */
    billVersion: number;
  }>
>;
