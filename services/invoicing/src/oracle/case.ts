import { type Brand } from '#libs/brand';
import { type Terms as PublishedTerms } from '#libs/published/contract-terms';
import { type ContractTier } from '#libs/published/contracts';
import { type Tier } from '#libs/published/tenants';

/** Plain JSON: days are `YYYY-MM-DD`, months `YYYY-MM`, numbers decimal text, and no text has a brand. */
export type Unbranded<T> = T extends Brand<string, string> ? string : T extends object ? { [K in keyof T]: Unbranded<T[K]> } : T;

export type Terms = Unbranded<PublishedTerms>;
export type AccountScope = Terms['managementAccounts'];
export type Scope = Terms['billingRules'][number]['scope'];
export type PriceBook = Terms['priceBooks'][number];
export type PriceRule = PriceBook['rules'][number];
export type CustomLineItem = Terms['customLineItems'][number];

/** `path` runs from the root to the tenant itself. */
export type Tenant = Readonly<{ id: string; path: readonly string[]; tier: Tier; name: string; currency: string }>;

export type DataSource = Readonly<{
  id: string;
  managementAccountId: string;
  ownerId: string;
  /** Whether anything was imported for the month, be it without a line. */
  imported: boolean;
  /** Those with a line in the month. */
  accounts: readonly Readonly<{ accountId: string; name: string | null }>[];
}>;

/** `from` inclusive, null: since ever; `to` exclusive, null: without end. */
type Interval = Readonly<{ dataSourceId: string; tenantId: string; from: string | null; to: string | null }>;
export type Link = Interval & Readonly<{ accountId: string }>;
export type AutoAssignment = Interval & Readonly<{ exclude: readonly string[] }>;

type Version = Readonly<{ version: number; effectiveFrom: string; terms: Terms }>;

/** Marked active, at some time. `endedOn`: first day no longer covered because of a cancellation or superseding. */
export type Contract = Readonly<{
  id: string;
  tenantId: string;
  tier: ContractTier;
  /** In the order they were saved; at least one. */
  versions: readonly Version[];
  endedOn: string | null;
}>;

/** A month of one tree, without its usage. */
export type TreeMonth = Readonly<{
  month: string;
  mode: 'as-of' | 'current';
  tenants: readonly Tenant[];
  dataSources: readonly DataSource[];
  links: readonly Link[];
  autoAssignments: readonly AutoAssignment[];
  contracts: readonly Contract[];
}>;

/** One usage line of the month. */
export type UsageLine = Readonly<{
  dataSourceId: string;
  /** SubAccountId; null: the management account itself. */
  subAccountId: string | null;
  day: string;
  currency: string;
  serviceName: string;
  chargeCategory: string;
  marketplace: boolean;
  /** Other dimensions of conditions; absent: null. */
  columns: Readonly<Record<string, string>>;
  billedCost: string;
  pricingQuantity: string | null;
}>;

export type Case = Readonly<{ input: TreeMonth; lines: readonly UsageLine[] }>;
