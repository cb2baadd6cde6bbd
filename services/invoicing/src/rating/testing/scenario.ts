import { currency, type Currency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import {
  type BillingRule,
  type Condition,
  type CustomLineItem,
  type Frequency,
  type PriceBook,
  type PriceRule,
  type Scope,
  type Terms,
} from '#libs/published/contract-terms';
import { type ContractTier } from '#libs/published/contracts';
import {
  type ContractId,
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type RuleId,
  type TenantId,
} from '#libs/published/ids';
import { type Bill } from '#libs/published/invoicing';
import { type Tier } from '#libs/published/tenants';
import { conditionTest } from '#libs/rules/condition';
import { day, type Day, month, type Month } from '#libs/time/time';
import {
  type AutoAssignment,
  type Group,
  type Link,
  type RatedContract,
  type RatedSource,
  type RatedTenant,
  type RatingInput,
} from '../rating-input.ts';
import { type RatedMonth } from '../rate.ts';
import { cutsOf, dimensionsOf, segmentOf } from '../signature.ts';

/** Small trees and usage, written down in a few words. Names are ids; a management account's data source has its name. */

export const JANUARY = month('2026-01');
export const USD = currency('USD');

export const tenant = (name: string, tier: Tier, parent?: RatedTenant, of: Currency = USD): RatedTenant => {
  const id = name as TenantId;
  return { id, path: [...(parent?.path ?? []), id], tier, name, currency: of };
};

export const D1 = tenant('D1', 'distributor');
export const R1 = tenant('R1', 'reseller', D1);
export const R2 = tenant('R2', 'reseller', D1);
export const C1 = tenant('C1', 'endCustomer', R1);
export const C2 = tenant('C2', 'endCustomer', R1);
export const C3 = tenant('C3', 'endCustomer', R2);

export const accountId = (id: string): ManagementAccountId => id as ManagementAccountId;

export const source = (account: string, owner: RatedTenant = D1, names: Readonly<Record<string, string>> = {}): RatedSource => ({
  id: account as DataSourceId,
  managementAccountId: accountId(account),
  ownerId: owner.id,
  slice: { importId: `import of ${account}` as ImportId, files: [] },
  accounts: Object.entries(names).map(([id, name]) => ({ accountId: id as LinkedAccountId, name })),
});

type Days = Readonly<{ from?: string; to?: string }>;
const dayOrNull = (text: string | undefined): Day | null => (text === undefined ? null : day(text));

/** The account of the same name unless another is given. */
export const link = (
  to: RatedTenant,
  managementAccount: string,
  { account = managementAccount, ...days }: Days & { account?: string } = {},
): Link => ({
  dataSourceId: managementAccount as DataSourceId,
  accountId: account as LinkedAccountId,
  tenantId: to.id,
  from: dayOrNull(days.from),
  to: dayOrNull(days.to),
});

export const takesIn = (
  to: RatedTenant,
  managementAccount: string,
  { exclude = [], ...days }: Days & { exclude?: readonly string[] } = {},
): AutoAssignment => ({
  dataSourceId: managementAccount as DataSourceId,
  tenantId: to.id,
  from: dayOrNull(days.from),
  to: dayOrNull(days.to),
  exclude,
});

/** `{ ServiceName: 'Lambda', x_LineItemType: ['Fee', 'Tax'] }`: lettered in order. */
export const where = (
  conditions: Readonly<Record<string, string | readonly string[]>>,
  formula: string | null = null,
): Scope => ({
  conditions: Object.entries(conditions).map(([dimension, values], index): Condition => ({
    letter: String.fromCharCode(65 + index),
    dimension,
    values: typeof values === 'string' ? [values] : values,
  })),
  formula,
});
export const EVERYTHING: Scope = { conditions: [], formula: null };

export const ruleId = (id: string): RuleId => id as RuleId;

export const exclude = (name: string, scope: Scope): BillingRule => ({
  id: ruleId(name),
  name,
  managementAccounts: 'all',
  scope,
});

export const price = (
  name: string,
  priority: number,
  scope: Scope,
  pricing: PriceRule['pricing'],
  more: Partial<Pick<PriceRule, 'includeCredits' | 'excludeMarketplace' | 'separateLine'>> = {},
): PriceRule => ({
  id: ruleId(name),
  name,
  priority,
  scope,
  includeCredits: false,
  excludeMarketplace: false,
  separateLine: null,
  pricing,
  ...more,
});
export const discount = (percentage: string): PriceRule['pricing'] => ({ type: 'percentageDiscount', percentage });
export const charge = (percentage: string): PriceRule['pricing'] => ({ type: 'percentageCharge', percentage });
export const unitRate = (rate: string): PriceRule['pricing'] => ({ type: 'unitRate', rate });
export const fixedRate = (amount: string): PriceRule['pricing'] => ({ type: 'fixedRate', amount });

export const priceBook = (rules: readonly PriceRule[], more: Partial<PriceBook> = {}): PriceBook => ({
  id: ruleId('price book'),
  name: 'Prices',
  managementAccounts: 'all',
  basis: 'LIST',
  rules,
  ...more,
});

export const EVERY_MONTH: Frequency = { type: 'recurring', from: month('2000-01'), to: null };
export const once = (on: string): Frequency => ({ type: 'once', on: day(on) });
export const recurring = (from: string, to: string | null = null): Frequency => ({
  type: 'recurring',
  from: month(from),
  to: to === null ? null : month(to),
});

type Shared = Partial<{ frequency: Frequency; managementAccounts: Terms['managementAccounts']; description: string }>;
const shared = (name: string, { frequency = EVERY_MONTH, managementAccounts = 'all', description }: Shared) => ({
  id: ruleId(name),
  name,
  description: description ?? null,
  frequency,
  managementAccounts,
});

export const fixed = (
  name: string,
  amount: string,
  { prorate = false, type = 'fixedCharge', ...more }: Shared & { prorate?: boolean; type?: 'fixedCharge' | 'fixedDiscount' } = {},
): CustomLineItem => ({ ...shared(name, more), type, amount, prorate });

type Ticks = Partial<{ includeCredits: boolean; includeMarketplace: boolean }>;
const ticked = ({ includeCredits = false, includeMarketplace = false }: Ticks) => ({ includeCredits, includeMarketplace });

export const percentage = (
  name: string,
  percent: string,
  { type = 'percentageCharge', ...more }: Shared & Ticks & { type?: 'percentageCharge' | 'percentageDiscount' } = {},
): CustomLineItem => ({ ...shared(name, more), ...ticked(more), type, percentage: percent });

const BUSINESS_SUPPORT = {
  minimum: '100',
  bands: [
    { upTo: '10000', percentage: '10' },
    { upTo: '80000', percentage: '7' },
    { upTo: '250000', percentage: '5' },
    { upTo: null, percentage: '3' },
  ],
} as const;

export const support = (
  name: string,
  { resolution = 'customer', ...more }: Shared & Ticks & { resolution?: 'customer' | 'managementAccount' } = {},
): CustomLineItem => ({ ...shared(name, more), ...ticked(more), ...BUSINESS_SUPPORT, type: 'supportBands', resolution });

export const tax = (name: string, percent: string, frequency: Frequency = EVERY_MONTH): CustomLineItem => ({
  id: ruleId(name),
  name,
  description: null,
  type: 'tax',
  percentage: percent,
  frequency,
});

export const terms = (more: Partial<Omit<Terms, 'start' | 'end'>> & { start?: string; end?: string } = {}): Terms => {
  const { start = '2026-01-01', end, ...rest } = more;
  return {
    name: 'Terms',
    managementAccounts: 'all',
    renewalPolicy: 'fixed-term',
    entitlements: [],
    invoicePrefix: null,
    billingDetails: null,
    billingRules: [],
    priceBooks: [],
    customLineItems: [],
    ...rest,
    start: day(start),
    end: end === undefined ? null : day(end),
  };
};

const TIERS: Readonly<Record<Tier, ContractTier>> = { distributor: 'T1', reseller: 'T2', endCustomer: 'T3' };

type Version = Terms | Readonly<{ from: string; terms: Terms }>;

/** Versions in the order they were saved; the first is in force from the contract's start. */
export const contract = (
  of: RatedTenant,
  versions: Version | readonly Version[],
  more: { id?: string; endedOn?: string } = {},
): RatedContract => {
  const all: readonly Version[] = Array.isArray(versions) ? versions : [versions as Version];
  return {
    id: (more.id ?? `contract of ${of.name}`) as ContractId,
    tenantId: of.id,
    tier: of.path.length === 1 ? 'T1' : TIERS[of.tier],
    versions: all.map((version, index) => {
      const [effectiveFrom, saved] = 'terms' in version ? [day(version.from), version.terms] : [version.start, version];
      return { version: index + 1, effectiveFrom, terms: saved };
    }),
    endedOn: dayOrNull(more.endedOn),
  };
};

/** A usage line as the store keeps it, what most tests do not care about filled in. */
export type Line = Readonly<{
  source: string;
  account: string;
  day: Day;
  service: string;
  category: string;
  cost: string;
  quantity: string | null;
  marketplace: boolean;
  currency: Currency;
  more: Readonly<Record<string, string>>;
}>;

export const line = (
  managementAccount: string,
  cost: string,
  more: Partial<Omit<Line, 'source' | 'day'>> & { day?: string } = {},
): Line => ({
  source: managementAccount,
  account: managementAccount,
  service: 'EC2',
  category: 'Usage',
  cost,
  quantity: null,
  marketplace: false,
  currency: USD,
  more: {},
  ...more,
  day: day(more.day ?? '2026-01-10'),
});

const textOf = (of: Line, dimension: string): string => of.more[dimension] ?? '';

/** Groups one line as the usage store groups: the signature, and the sums of one line. */
const groupOf = (input: RatingInput, of: Line): Group => {
  const { values, truths } = dimensionsOf(input);
  const [cost, quantity] = [Decimal.of(of.cost), of.quantity === null ? null : Decimal.of(of.quantity)];
  return {
    dataSourceId: of.source as DataSourceId,
    accountId: of.account as LinkedAccountId,
    segment: segmentOf(cutsOf(input), of.day),
    currency: of.currency,
    serviceName: of.service,
    chargeCategory: of.category,
    marketplace: of.marketplace,
    values: Object.fromEntries(values.map((dimension) => [dimension, textOf(of, dimension)])),
    truths: Object.fromEntries(truths.map((asked) => [asked.key, conditionTest(asked.values)(textOf(of, asked.dimension))])),
    unitRateApplies: quantity !== null && quantity.sign() * cost.sign() >= 0,
    lines: 1,
    billedCost: cost,
    pricingQuantity: quantity ?? Decimal.zero,
    firstDay: of.day,
    lastDay: of.day,
  };
};

const signatureText = (group: Group): string =>
  JSON.stringify([
    group.dataSourceId,
    group.accountId,
    group.segment,
    group.currency,
    group.serviceName,
    group.chargeCategory,
    group.marketplace,
    group.values,
    group.truths,
    group.unitRateApplies,
  ]);

/** Each line as a group of its own. */
export const ungrouped = (input: RatingInput, lines: readonly Line[]): readonly Group[] =>
  lines.map((one) => groupOf(input, one));

/** Lines of one signature summed, as the usage store hands them over. */
export const grouped = (input: RatingInput, lines: readonly Line[]): readonly Group[] => {
  const groups = new Map<string, Group>();
  for (const group of ungrouped(input, lines)) {
    const key = signatureText(group);
    const known = groups.get(key);
    groups.set(
      key,
      known
        ? {
            ...known,
            lines: known.lines + 1,
            billedCost: known.billedCost.plus(group.billedCost),
            pricingQuantity: known.pricingQuantity.plus(group.pricingQuantity),
            firstDay: known.firstDay < group.firstDay ? known.firstDay : group.firstDay,
            lastDay: known.lastDay > group.lastDay ? known.lastDay : group.lastDay,
          }
        : group,
    );
  }
  return [...groups.values()];
};

export const rating = (more: Partial<Omit<RatingInput, 'month'>> & { month?: Month } = {}): RatingInput => ({
  month: JANUARY,
  mode: 'as-of',
  tenants: [D1, R1, R2, C1, C2, C3],
  dataSources: [],
  links: [],
  autoAssignments: [],
  contracts: [],
  ...more,
});

export const billOf = ({ bills }: RatedMonth, of: RatedTenant): Bill => {
  const bill = bills.find(({ tenantId }) => tenantId === of.id);
  if (!bill) throw new Error(`there is no bill of ${of.name}`);
  return bill;
};

/** Figures in the tenant's own currency, excluded summed over who excludes. */
export const figuresOf = (rated: RatedMonth, of: RatedTenant, inCurrency: Currency = of.currency) => {
  const figures = billOf(rated, of).figures.find((one) => one.currency === inCurrency);
  if (!figures) throw new Error(`${of.name} has no figures in ${inCurrency}`);
  return { ...figures, excluded: Decimal.sum(figures.excluded.map(({ amount }) => Decimal.of(amount))).toString() };
};

export const proformaOf = (rated: RatedMonth, of: RatedTenant) => {
  const { proforma, reason } = billOf(rated, of);
  if (!proforma) throw new Error(`${of.name} has no proforma: ${reason?.message ?? ''}`);
  return proforma;
};

/** Amounts of the printed lines, in print order. */
export const printed = (rated: RatedMonth, of: RatedTenant): readonly string[] =>
  proformaOf(rated, of).lines.map(({ amount }) => amount);
