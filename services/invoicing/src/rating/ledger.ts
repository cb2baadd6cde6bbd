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

export const currencyLedger = (ledger: TenantLedger, currency: Currency): CurrencyLedger =>
  entryOf(ledger.currencies, currency, emptyCurrency);

/** Puts one cell into the books of every tenant that it passes. */
export const post = (cell: Cell, ledgerOf: (tenant: RatedTenant) => TenantLedger): void => {
  const charges = chargesOf(cell);
  charges.forEach((charge, at) => {
    const stage = cell.route.stages[at];
    if (!stage) return;
    const ledger = ledgerOf(stage.tenant);
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
    const part = entryOf(books.marginParts, reason, () => ({ amount: Decimal.zero, sourceAmount: Decimal.zero }));
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
