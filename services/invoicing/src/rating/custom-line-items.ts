import { type Currency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type CustomLineItem, type Frequency } from '#libs/published/contract-terms';
import { type ManagementAccountId } from '#libs/published/ids';
import { addDays, type Day, daysBetween, daysIn, type Month, monthOf } from '#libs/time/time';
import { type Contracts, type Holders, isInScope } from './coverage.ts';
import { type AccountLedger, type ContractLedger, countsForBase, type Post } from './ledger.ts';
import { type RatedContract, type RatedSource, type RatedTenant, type RatedVersion } from './rating-input.ts';

export type TaxItem = Extract<CustomLineItem, { type: 'tax' }>;
type LineItem = Exclude<CustomLineItem, TaxItem>;
type FixedItem = Extract<LineItem, { amount: string }>;
type PercentageItem = Extract<LineItem, { percentage: string }>;
type BandsItem = Extract<LineItem, { type: 'supportBands' }>;

/** What a percentage is taken of, for one management account: its lines after the price book and its fixed rates. */
export type AccountBase = Readonly<{
  managementAccountId: ManagementAccountId;
  lines: number;
  amount: Decimal;
  fixedRates: Decimal;
  posts: readonly Post[];
}>;

/** How an item's amount came about. */
type ItemDerivation =
  | Readonly<{ of: 'fixed'; prorated: Readonly<{ coveredDays: number; days: number }> | null }>
  | Readonly<{ of: 'percentage'; percentage: string; bases: readonly AccountBase[] }>
  | Readonly<{
      of: 'bands';
      bases: readonly AccountBase[];
      bands: readonly Readonly<{ percentage: string; part: Decimal; amount: Decimal }>[];
      /** Null: the bands come to more, or there is nothing to take them of. */
      minimumApplied: string | null;
    }>;

/** One printed custom line item, before rounding. */
export type ItemLine = Readonly<{
  item: LineItem;
  version: RatedVersion;
  customer: RatedTenant;
  /** Null: one amount over all of the customer's accounts. */
  managementAccountId: ManagementAccountId | null;
  currency: Currency;
  amount: Decimal;
  derivation: ItemDerivation;
}>;

/** A contract in a month: the version whose items apply, and where its lines lie. */
export type ContractMonth = Readonly<{ contract: RatedContract; version: RatedVersion; ledger: ContractLedger | undefined }>;

/** A management account of one customer under a contract. */
type Account = Readonly<{
  managementAccountId: ManagementAccountId;
  /** The customer has a linked account there on a covered day of the month. */
  linkedInMonth: boolean;
  /** The customer has a linked account there on a covered day, stray ones too. */
  linked: boolean;
  /** The covered days that lie in the month. */
  coveredDays: number;
  ledger: AccountLedger | undefined;
}>;

export const appliesIn = (frequency: Frequency, month: Month): boolean =>
  frequency.type === 'once'
    ? monthOf(frequency.on) === month
    : frequency.from <= month && (frequency.to === null || month <= frequency.to);

/**
 * The contract's version for custom line items: the one in force on the last covered day inside the month or, if there is none, on the
 * last one outside it, the day of a stray line. Undefined: the contract has no covered day.
 */
export const contractMonth = (
  contracts: Contracts,
  contract: RatedContract,
  ledger: ContractLedger | undefined,
): ContractMonth | undefined => {
  const over = contracts.monthOf(contract)?.to;
  const lastCovered: Day | undefined = over ? addDays(over, -1) : ledger?.lastDay;
  return lastCovered && { contract, version: contracts.versionOn(contract, lastCovered), ledger };
};

/** Custom line items of months of contracts, taxes apart. */
export class CustomLineItems {
  readonly #month: Month;
  readonly #contracts: Contracts;
  readonly #holders: Holders;
  readonly #sources: readonly RatedSource[];

  constructor(month: Month, contracts: Contracts, holders: Holders, sources: readonly RatedSource[]) {
    this.#month = month;
    this.#contracts = contracts;
    this.#holders = holders;
    this.#sources = sources.toSorted((a, b) => (a.managementAccountId < b.managementAccountId ? -1 : 1));
  }

  /** `customers`: an end customer's contract counts for itself only, a reseller's for each customer below it and its own use. */
  of(tenant: RatedTenant, covered: ContractMonth, customers: readonly RatedTenant[]): readonly ItemLine[] {
    const items = covered.version.terms.customLineItems.filter((item): item is LineItem => item.type !== 'tax');
    const applying = items.filter(({ frequency }) => appliesIn(frequency, this.#month));
    if (applying.length === 0) return [];
    return customers.flatMap((customer) => {
      const accounts = this.#accountsOf(covered, customer);
      return applying.flatMap((item) => this.#linesOf(item, tenant, covered, customer, accounts));
    });
  }

  #accountsOf({ contract, ledger }: ContractMonth, customer: RatedTenant): readonly Account[] {
    const ledgers = ledger?.customers.get(customer.id)?.accounts;
    const held = this.#holders.sourcesOf(customer.id);
    return this.#sources.flatMap((source) => {
      const { managementAccountId } = source;
      const account = ledgers?.get(managementAccountId);
      if (!held.has(source.id) && !account) return [];
      const days = this.#contracts.inMonth(contract, managementAccountId);
      const linkedInMonth = days !== undefined && this.#holders.hasAccount(customer.id, source, days);
      const ratedDays = [...(ledger?.ratedDays.get(managementAccountId) ?? [])];
      return {
        managementAccountId,
        linkedInMonth,
        linked:
          linkedInMonth ||
          ratedDays.some((day) => this.#holders.hasAccount(customer.id, source, { from: day, to: addDays(day, 1) })),
        coveredDays: days?.from && days.to ? daysBetween(days.from, days.to) : 0,
        ledger: account,
      };
    });
  }

  #linesOf(
    item: LineItem,
    tenant: RatedTenant,
    { version }: ContractMonth,
    customer: RatedTenant,
    accounts: readonly Account[],
  ): readonly ItemLine[] {
    const inScope = accounts.filter(({ managementAccountId }) => isInScope(item.managementAccounts, managementAccountId));
    const following = inScope.filter(({ linked }) => linked);
    const line = (
      managementAccountId: ManagementAccountId | null,
      currency: Currency,
      charged: Readonly<{ amount: Decimal; derivation: ItemDerivation }>,
    ): ItemLine => ({ item, version, customer, managementAccountId, currency, ...charged });
    switch (item.type) {
      case 'fixedCharge':
      case 'fixedDiscount':
        return inScope
          .filter(({ linkedInMonth }) => linkedInMonth)
          .map((account) => line(account.managementAccountId, tenant.currency, this.#fixed(item, account.coveredDays)));
      case 'percentageCharge':
      case 'percentageDiscount':
        return following.flatMap((account) =>
          currenciesOf([account], tenant.currency).map((currency) =>
            line(account.managementAccountId, currency, percentageOf(item, [baseOf(item, account, currency, tenant.currency)])),
          ),
        );
      case 'supportBands': {
        const shares = item.resolution === 'customer' ? (following.length > 0 ? [following] : []) : following.map((one) => [one]);
        return shares.flatMap((share) =>
          currenciesOf(share, tenant.currency).map((currency) => {
            const bases = share.map((account) => baseOf(item, account, currency, tenant.currency));
            const account = item.resolution === 'customer' ? null : (share[0]?.managementAccountId ?? null);
            return line(account, currency, bandsOf(item, bases));
          }),
        );
      }
    }
  }

  #fixed(item: FixedItem, coveredDays: number): Pick<ItemLine, 'amount' | 'derivation'> {
    const whole = signed(item, Decimal.of(item.amount));
    if (!item.prorate || item.frequency.type === 'once') return { amount: whole, derivation: { of: 'fixed', prorated: null } };
    const days = daysIn(this.#month);
    const amount = whole.times(Decimal.of(coveredDays)).dividedBy(Decimal.of(days), PLACES_OF_A_SHARE);
    return { amount, derivation: { of: 'fixed', prorated: { coveredDays, days } } };
  }
}

/** To how many decimals a quotient that may not end is rounded. */
const PLACES_OF_A_SHARE = 18;

/** Amounts and percentages are positive: the type gives the sign. */
const signed = ({ type }: FixedItem | PercentageItem, amount: Decimal): Decimal =>
  type === 'fixedDiscount' || type === 'percentageDiscount' ? amount.negated() : amount;

/** The tenant's own currency first; others only where lines lie. */
const currenciesOf = (accounts: readonly Account[], own: Currency): readonly Currency[] => {
  const others = accounts.flatMap(({ ledger }) => ledger?.posts ?? []).map(({ cell }) => cell.currency);
  return [own, ...[...new Set(others)].filter((currency) => currency !== own).sort()];
};

const baseOf = (item: PercentageItem | BandsItem, account: Account, currency: Currency, own: Currency): AccountBase => {
  const posts = (account.ledger?.posts ?? []).filter(({ cell }) => cell.currency === currency && countsForBase(cell, item));
  const rates = currency === own ? [...(account.ledger?.fixedRates.values() ?? [])] : [];
  const fixedRates = Decimal.sum(rates.map(({ amount }) => amount));
  return {
    managementAccountId: account.managementAccountId,
    lines: posts.reduce((lines, { cell }) => lines + cell.lines, 0),
    amount: Decimal.sum(posts.map(({ charge }) => charge.amount)).plus(fixedRates),
    fixedRates,
    posts,
  };
};

const percentageOf = (item: PercentageItem, bases: readonly AccountBase[]): Pick<ItemLine, 'amount' | 'derivation'> => {
  const base = Decimal.sum(bases.map(({ amount }) => amount));
  const { percentage } = item;
  const amount = base.sign() > 0 ? signed(item, Decimal.of(percentage).percentOf(base)) : Decimal.zero;
  return { amount, derivation: { of: 'percentage', percentage, bases } };
};

const bandsOf = (item: BandsItem, bases: readonly AccountBase[]): Pick<ItemLine, 'amount' | 'derivation'> => {
  const base = Decimal.sum(bases.map(({ amount }) => amount));
  if (base.sign() <= 0) return { amount: Decimal.zero, derivation: { of: 'bands', bases, bands: [], minimumApplied: null } };
  let below = Decimal.zero;
  const bands = item.bands.flatMap(({ upTo, percentage }) => {
    const limit = upTo === null ? base : smaller(base, Decimal.of(upTo));
    const part = limit.minus(below);
    if (part.sign() <= 0) return [];
    below = limit;
    return { percentage, part, amount: Decimal.of(percentage).percentOf(part) };
  });
  const charged = Decimal.sum(bands.map(({ amount }) => amount));
  const minimum = Decimal.of(item.minimum);
  const isBelow = charged.compare(minimum) < 0;
  return {
    amount: isBelow ? minimum : charged,
    derivation: { of: 'bands', bases, bands, minimumApplied: isBelow ? item.minimum : null },
  };
};

const smaller = (a: Decimal, b: Decimal): Decimal => (a.compare(b) <= 0 ? a : b);
