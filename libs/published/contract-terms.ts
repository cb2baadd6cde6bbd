import { type Day, type Month } from '#libs/time/time';
import { type ManagementAccountId, type RuleId } from './ids.ts';

/**
 * The terms of one contract version. Amounts, percentages and rates are exact decimal text. Which fields a tier may use is checked
 * where contracts are saved: T1 (and a root that is a reseller) has billing rules only.
 */
export type Terms = Readonly<{
  name: string;
  /** Inclusive; `end` null: without end. */
  start: Day;
  end: Day | null;
  managementAccounts: AccountScope;
  renewalPolicy: 'auto-renewal' | 'manual-renewal' | 'fixed-term';
  /** Entitlements of the AWS programmes, e.g. `SPP`, `PPA`. Information only. */
  entitlements: readonly string[];
  /** T3 only: `^[A-Za-z0-9._-]{1,10}$`. */
  invoicePrefix: string | null;
  billingDetails: BillingDetails | null;
  billingRules: readonly BillingRule[];
  priceBooks: readonly PriceBook[];
  customLineItems: readonly CustomLineItem[];
}>;

/** Which management accounts: all that come, or only these (at least one). */
export type AccountScope = 'all' | readonly ManagementAccountId[];

/** Names and e-mails of people do not occur here: contacts are named by id. */
export type BillingDetails = Readonly<{
  profileName: string;
  address: Readonly<{ country: string; state: string | null; city: string; street: string; zip: string }>;
  invoiceContactId: string | null;
  contractContactId: string | null;
}>;

/** One lettered condition: a FOCUS column of the usage store, an `x_` column, or `Tags/<key>`; any value matches, `*` is a wildcard. */
export type Condition = Readonly<{ letter: string; dimension: string; values: readonly string[] }>;

/** No condition: every line. Without a formula all conditions must match. */
export type Scope = Readonly<{ conditions: readonly Condition[]; formula: string | null }>;

/** An exclusion: matching cost is removed from billing. At least one condition. */
export type BillingRule = Readonly<{ id: RuleId; name: string; managementAccounts: AccountScope; scope: Scope }>;

export type PriceBook = Readonly<{
  id: RuleId;
  name: string;
  managementAccounts: AccountScope;
  basis: 'LIST' | 'UPSTREAM';
  rules: readonly PriceRule[];
}>;

export type PriceRule = Readonly<{
  id: RuleId;
  name: string;
  /** Ascending; unique in the price book; the first rule that matches wins. */
  priority: number;
  scope: Scope;
  includeCredits: boolean;
  excludeMarketplace: boolean;
  /** Description of the second printed line, null: no separate line. Not with basis UPSTREAM, not for fixed rates. */
  separateLine: string | null;
  pricing:
    | Readonly<{ type: 'percentageDiscount' | 'percentageCharge'; percentage: string }>
    | Readonly<{ type: 'unitRate'; rate: string }>
    /** Negative: a discount. */
    | Readonly<{ type: 'fixedRate'; amount: string }>;
}>;

export type CustomLineItem = Readonly<{ id: RuleId; name: string; description: string | null }> &
  (
    | (Readonly<{ type: 'fixedDiscount' | 'fixedCharge'; amount: string; prorate: boolean; managementAccounts: AccountScope }> & {
        readonly frequency: Frequency;
      })
    | (Readonly<{ type: 'percentageDiscount' | 'percentageCharge'; percentage: string }> & PercentageBase)
    | (Readonly<{
        type: 'supportBands';
        minimum: string;
        /** Ascending; `upTo` null on the last: the percentage of the part of the base inside the band. */
        bands: readonly Readonly<{ upTo: string | null; percentage: string }>[];
        resolution: 'customer' | 'managementAccount';
      }> &
        PercentageBase)
    | Readonly<{ type: 'tax'; percentage: string; frequency: Frequency }>
  );

type PercentageBase = Readonly<{
  managementAccounts: AccountScope;
  includeCredits: boolean;
  includeMarketplace: boolean;
  frequency: Frequency;
}>;

/** `to` null: without end. */
export type Frequency = Readonly<{ type: 'once'; on: Day }> | Readonly<{ type: 'recurring'; from: Month; to: Month | null }>;
