import { type BillingDetails, type PriceBook, type PriceRule, type Terms } from '#libs/published/contract-terms';
import { type ContractsEvent, type ContractStatus, type ContractTier } from '#libs/published/contracts';
import { type ContractId, type RuleId, type TenantId } from '#libs/published/ids';
import { day, type Day, type Instant, startOf } from '#libs/time/time';

export const root = 'root' as TenantId;
export const reseller = 'reseller' as TenantId;
export const customer = 'customer' as TenantId;
export const path = [root, reseller, customer];

export const contractId = (name: string): ContractId => name as ContractId;
export const ruleId = (name: string): RuleId => name as RuleId;
export const noon = (on: string): Instant => `${on}T12:00:00.000Z` as Instant;

const billingDetails: BillingDetails = {
  profileName: 'Accounts payable',
  address: { country: 'US', state: null, city: 'Springfield', street: '1 Main Street', zip: '12345' },
  invoiceContactId: null,
  contractContactId: null,
};

/** Terms of the year 2026 for everything, with no rules. */
export const terms = (changed: Partial<Terms> = {}): Terms => ({
  name: 'Agreement',
  start: day('2026-01-01'),
  end: day('2026-12-31'),
  managementAccounts: 'all',
  renewalPolicy: 'fixed-term',
  entitlements: [],
  invoicePrefix: null,
  billingDetails,
  billingRules: [],
  priceBooks: [],
  customLineItems: [],
  ...changed,
});

export const priceRule = (changed: Partial<PriceRule> = {}): PriceRule => ({
  id: ruleId('r1'),
  name: 'All',
  priority: 10,
  scope: { conditions: [], formula: null },
  includeCredits: false,
  excludeMarketplace: false,
  separateLine: null,
  pricing: { type: 'percentageDiscount', percentage: '8' },
  ...changed,
});

export const priceBook = (changed: Partial<PriceBook> = {}): PriceBook => ({
  id: ruleId('b1'),
  name: 'Prices',
  managementAccounts: 'all',
  basis: 'LIST',
  rules: [priceRule()],
  ...changed,
});

const named = (id: ContractId) => ({ tenantId: customer, rootId: root, contractId: id });

export const drafted = (id: ContractId, of: Terms = terms(), tier: ContractTier = 'T3'): ContractsEvent => ({
  type: 'ContractDrafted',
  data: { ...named(id), path, tier, terms: of, draftedAt: noon('2025-12-01') },
});

export const statusChanged = (
  id: ContractId,
  from: ContractStatus,
  to: ContractStatus,
  effectiveFrom: string,
  rest: Readonly<{ at?: Instant; reason?: string; supersededBy?: ContractId }> = {},
): ContractsEvent => ({
  type: 'ContractStatusChanged',
  data: {
    ...named(id),
    from,
    to,
    effectiveFrom: day(effectiveFrom),
    reason: rest.reason ?? 'signed',
    changedAt: rest.at ?? noon('2025-12-01'),
    ...(rest.supersededBy === undefined ? {} : { supersededBy: rest.supersededBy }),
  },
});

export const versionSaved = (
  id: ContractId,
  version: number,
  of: Terms,
  effectiveFrom: string,
  at: Instant,
  reason: 'saved' | 'renewed' = 'saved',
): ContractsEvent => ({
  type: 'ContractVersionSaved',
  data: { ...named(id), version, effectiveFrom: day(effectiveFrom), terms: of, savedAt: at, reason },
});

export const midnight = (on: string): Instant => startOf(on as Day);
