import { Decimal } from '#libs/money/decimal';
import { type Currency } from '#libs/money/currency';
import { type PriceRule } from '#libs/published/contract-terms';
import { type ContractId, type ManagementAccountId, type RuleId, type TenantId } from '#libs/published/ids';
import { type MarginReason } from '#libs/published/invoicing';
import { type Day } from '#libs/time/time';
import { type Cell, type Charge, chargesOf } from './cells.ts';
import { type InForce } from './coverage.ts';
import { entryOf } from './entry-of.ts';
import { type RatedContract, type RatedTenant } from './rating-input.ts';
import { isCredit, isTax } from './rulebook.ts';

/** One cell as one stage is billed for it. */
export type Post = Readonly<{ cell: Cell; at: number; charge: Extract<Charge, { bucket: 'rated' }>; inForce: InForce }>;

/** What a fixed-rate rule of one management account stands on: the amount is that of the version of the last matching day. */
export type FixedRate = { rule: PriceRule; amount: Decimal; inForce: InForce; lastDay: Day; posts: Post[] };

/** Lines of one management account under one contract, for one customer. */
export type AccountLedger = {
  readonly managementAccountId: ManagementAccountId;
  /** Without tax. */
  readonly posts: Post[];
  readonly fixedRates: Map<RuleId, FixedRate>;
};

type CustomerLedger = Readonly<{ customer: RatedTenant; accounts: Map<ManagementAccountId, AccountLedger> }>;

export type ContractLedger = {
  readonly contract: RatedContract;
  /** On an end customer's own contract: only itself. */
  readonly customers: Map<TenantId, CustomerLedger>;
  /** Days of lines of linked accounts, tax included, one per segment: covered even outside the month. */
  readonly ratedDays: Map<ManagementAccountId, Set<Day>>;
  lastDay: Day;
};

type MarginPart = { amount: Decimal; sourceAmount: Decimal };

/** Of one tenant, in one currency. Everything is a source amount but `billed` (ex tax) and the margin parts' amounts. */
export type CurrencyLedger = {
  source: Decimal;
  sourceTax: Decimal;
  rated: Decimal;
  unbilled: Decimal;
  unassigned: Decimal;
  readonly excluded: Map<TenantId, Decimal>;
  billed: Decimal;
  passThroughTax: Decimal;
  readonly marginParts: Map<MarginReason, MarginPart>;
  /** Lines that the tenant is billed for, tax included. */
  billedLines: number;
};

export type TenantLedger = Readonly<{
  tenant: RatedTenant;
  currencies: Map<Currency, CurrencyLedger>;
  contracts: Map<ContractId, ContractLedger>;
  /** Cells that pass here, whatever becomes of them. */
  cells: Cell[];
  /** Cells in the bucket *unbilled*. */
  unbilled: Cell[];
}>;

const emptyCurrency = (): CurrencyLedger => ({
  source: Decimal.zero,
  sourceTax: Decimal.zero,
  rated: Decimal.zero,
  unbilled: Decimal.zero,
  unassigned: Decimal.zero,
  excluded: new Map(),
  billed: Decimal.zero,
  passThroughTax: Decimal.zero,
  marginParts: new Map(),
  billedLines: 0,
});

export const emptyLedger = (tenant: RatedTenant): TenantLedger => ({
  tenant,
  currencies: new Map([[tenant.currency, emptyCurrency()]]),
  contracts: new Map(),
  cells: [],
  unbilled: [],
});

/**
 * The books of a tenant over all shares of usage that pass it. Customers of one share occur in no other; lists come in the order of the
 * parts.
 */
export const mergedLedger = (tenant: RatedTenant, parts: readonly TenantLedger[]): TenantLedger => {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const whole = emptyLedger(tenant);
  for (const { currencies, contracts, cells, unbilled } of parts) {
    for (const [currency, books] of currencies) addBooks(currencyLedger(whole, currency), books);
    for (const [id, { contract, customers, ratedDays, lastDay }] of contracts) {
      const own = entryOf(whole.contracts, id, (): ContractLedger => ({
        contract,
        customers: new Map(),
        ratedDays: new Map(),
        lastDay,
      }));
      if (lastDay > own.lastDay) own.lastDay = lastDay;
      for (const [customerId, customer] of customers) own.customers.set(customerId, customer);
      for (const [account, days] of ratedDays) {
        const all = entryOf(own.ratedDays, account, () => new Set<Day>());
        for (const day of days) all.add(day);
      }
    }
    for (const cell of cells) whole.cells.push(cell);
    for (const cell of unbilled) whole.unbilled.push(cell);
  }
  return whole;
};

const addBooks = (whole: CurrencyLedger, part: CurrencyLedger): void => {
  whole.source = whole.source.plus(part.source);
  whole.sourceTax = whole.sourceTax.plus(part.sourceTax);
  whole.rated = whole.rated.plus(part.rated);
  whole.unbilled = whole.unbilled.plus(part.unbilled);
  whole.unassigned = whole.unassigned.plus(part.unassigned);
  whole.billed = whole.billed.plus(part.billed);
  whole.passThroughTax = whole.passThroughTax.plus(part.passThroughTax);
  whole.billedLines += part.billedLines;
  for (const [by, amount] of part.excluded) whole.excluded.set(by, (whole.excluded.get(by) ?? Decimal.zero).plus(amount));
  for (const [reason, { amount, sourceAmount }] of part.marginParts) {
    const own = entryOf(whole.marginParts, reason, noMargin);
    own.amount = own.amount.plus(amount);
    own.sourceAmount = own.sourceAmount.plus(sourceAmount);
  }
};

const noMargin = (): MarginPart => ({ amount: Decimal.zero, sourceAmount: Decimal.zero });

export const currencyLedger = (ledger: TenantLedger, currency: Currency): CurrencyLedger =>
  entryOf(ledger.currencies, currency, emptyCurrency);

/** Puts one cell into the books of every tenant that it passes, the root's first. */
export const post = (cell: Cell, ledgers: readonly TenantLedger[]): void => {
  const charges = chargesOf(cell);
  charges.forEach((charge, at) => {
    const stage = cell.route.stages[at];
    const ledger = ledgers[at];
    if (!stage || !ledger) return;
    ledger.cells.push(cell);
    const books = currencyLedger(ledger, cell.currency);
    books.source = books.source.plus(cell.billedCost);
    if (isTax(cell.chargeCategory)) books.sourceTax = books.sourceTax.plus(cell.billedCost);
    fillBucket(books, cell, charge);
    if (charge.bucket === 'unbilled' && !cell.route.unassigned) ledger.unbilled.push(cell);
    if (charge.bucket === 'rated') {
      books.billedLines += cell.lines;
      if (isTax(cell.chargeCategory)) books.passThroughTax = books.passThroughTax.plus(charge.amount);
      else books.billed = books.billed.plus(charge.amount);
      if (at > 0 && stage.inForce) postUnderContract(ledger, { cell, at, charge, inForce: stage.inForce });
    }
    postMarginPart(books, stage.tenant, cell, charge, charges[at + 1]);
  });
};

/** Every line falls in exactly one bucket of a tenant, the first that applies. */
const fillBucket = (books: CurrencyLedger, { route, excluded, billedCost }: Cell, { bucket }: Charge): void => {
  if (route.unassigned) books.unassigned = books.unassigned.plus(billedCost);
  else if (bucket === 'rated') books.rated = books.rated.plus(billedCost);
  else if (bucket === 'unbilled') books.unbilled = books.unbilled.plus(billedCost);
  else {
    const by = excluded && route.stages[excluded.at]?.tenant.id;
    if (by) books.excluded.set(by, (books.excluded.get(by) ?? Decimal.zero).plus(billedCost));
  }
};

const postUnderContract = (ledger: TenantLedger, posted: Post): void => {
  const { cell, charge, inForce } = posted;
  const { contract } = inForce;
  const { route, chargeCategory, lastDay } = cell;
  const customer = route.stages.at(-1)?.tenant ?? ledger.tenant;
  const contractLedger = entryOf(ledger.contracts, contract.id, (): ContractLedger => ({
    contract,
    customers: new Map(),
    ratedDays: new Map(),
    lastDay,
  }));
  if (lastDay > contractLedger.lastDay) contractLedger.lastDay = lastDay;
  const customers = entryOf(contractLedger.customers, customer.id, (): CustomerLedger => ({ customer, accounts: new Map() }));
  const { managementAccountId } = route.source;
  const account = entryOf(customers.accounts, managementAccountId, (): AccountLedger => ({
    managementAccountId,
    posts: [],
    fixedRates: new Map(),
  }));
  if (!route.unassigned) {
    const days = entryOf(contractLedger.ratedDays, managementAccountId, () => new Set<Day>());
    for (const { firstDay } of cell.groups) days.add(firstDay);
  }
  if (isTax(chargeCategory)) return;
  account.posts.push(posted);
  const rule = charge.pricing?.rule;
  if (rule?.pricing.type !== 'fixedRate') return;
  const amount = Decimal.of(rule.pricing.amount);
  const fixed = entryOf(account.fixedRates, rule.id, (): FixedRate => ({ rule, amount, inForce, lastDay, posts: [] }));
  fixed.posts.push(posted);
  if (lastDay > fixed.lastDay) Object.assign(fixed, { rule, amount, inForce, lastDay });
};

/** What is charged on one side only, because of who is charged and not because of a price or an exclusion. */
const postMarginPart = (
  books: CurrencyLedger,
  tenant: RatedTenant,
  { route: { unassigned }, chargeCategory, billedCost }: Cell,
  charge: Charge,
  downstream: Charge | undefined,
): void => {
  if (tenant.tier === 'endCustomer' || isTax(chargeCategory)) return;
  const add = (reason: MarginReason, amount: Decimal): void => {
    const part = entryOf(books.marginParts, reason, noMargin);
    part.amount = part.amount.plus(amount);
    part.sourceAmount = part.sourceAmount.plus(billedCost);
  };
  if (charge.bucket === 'unbilled' && downstream?.bucket === 'rated') add('upstream-unbilled', downstream.amount);
  if (charge.bucket !== 'rated' || downstream?.bucket === 'rated' || downstream?.bucket === 'excluded') return;
  if (unassigned) add('unassigned', charge.amount.negated());
  else add(downstream ? 'unbilled' : 'own-use', charge.amount.negated());
};

/** The parts of a percentage's base that ticks take in or leave out. */
export const countsForBase = (
  { chargeCategory, marketplace }: Cell,
  { includeCredits, includeMarketplace }: Readonly<{ includeCredits: boolean; includeMarketplace: boolean }>,
): boolean => (includeCredits || !isCredit(chargeCategory)) && (includeMarketplace || !marketplace);
