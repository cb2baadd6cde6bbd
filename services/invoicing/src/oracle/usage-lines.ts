import { add, type Books, list } from './books.ts';
import { type Contract, type DataSource, type PriceRule, type Terms, type UsageLine } from './case.ts';
import { Exact, percent } from './exact.ts';
import { type InForce, inScope } from './in-force.ts';
import { known } from './keyed.ts';
import { scopeMatches } from './matching.ts';

/** A usage line with what it is asked for. */
class Line {
  readonly usage: UsageLine;
  readonly source: DataSource;
  readonly managementAccount: string;
  readonly account: string;
  readonly cost: Exact;
  readonly quantity: Exact | null;
  readonly isTax: boolean;
  readonly isCredit: boolean;
  /** Null: the account is nobody's on that day. */
  readonly holder: string | null;

  constructor(usage: UsageLine, source: DataSource, inForce: InForce) {
    this.usage = usage;
    this.source = source;
    this.managementAccount = source.managementAccountId;
    this.account = usage.subAccountId ?? source.managementAccountId;
    this.cost = new Exact(usage.billedCost);
    this.quantity = usage.pricingQuantity === null ? null : new Exact(usage.pricingQuantity);
    this.isTax = usage.chargeCategory === 'Tax';
    this.isCredit = usage.chargeCategory === 'Credit';
    this.holder = inForce.linkedTo(source.id, this.account, usage.day);
  }

  readonly #textOf = (dimension: string): string => {
    switch (dimension) {
      case 'SubAccountId':
        return this.account;
      case 'BillingAccountId':
        return this.managementAccount;
      case 'BillingCurrency':
        return this.usage.currency;
      case 'ServiceName':
        return this.usage.serviceName;
      case 'ChargeCategory':
        return this.usage.chargeCategory;
      case 'x_Marketplace':
        return String(this.usage.marketplace);
      default:
        return this.usage.columns[dimension] ?? '';
    }
  };

  isExcludedBy({ billingRules }: Terms): boolean {
    return billingRules.some(
      ({ managementAccounts, scope }) => inScope(managementAccounts, this.managementAccount) && scopeMatches(scope, this.#textOf),
    );
  }

  /** The quantity, where a unit rate may match: given, and not of the opposite sign to the cost (zero has no sign). */
  get #ratable(): boolean {
    if (this.quantity === null) return false;
    return this.quantity.isZero() || this.cost.isZero() || this.quantity.isNegative() === this.cost.isNegative();
  }

  matches(rule: PriceRule): boolean {
    if (this.isCredit && !rule.includeCredits) return false;
    if (this.usage.marketplace && rule.excludeMarketplace) return false;
    if (rule.pricing.type === 'unitRate' && !this.#ratable) return false;
    return scopeMatches(rule.scope, this.#textOf);
  }
}

const priced = ({ pricing }: PriceRule, before: Exact, { quantity }: Line): Exact => {
  switch (pricing.type) {
    case 'percentageDiscount':
      return before.minus(percent(pricing.percentage, before));
    case 'percentageCharge':
      return before.plus(percent(pricing.percentage, before));
    case 'unitRate':
      return new Exact(quantity ?? 0).times(pricing.rate);
    case 'fixedRate':
      return before;
  }
};

/** Prices and prints a line for one tenant that is billed it; gives its amount. */
const bill = (line: Line, mine: Books, contract: Contract, terms: Terms, upstream: Exact, endOfChain: string): Exact => {
  const { usage, managementAccount, cost } = line;
  const book = terms.priceBooks.find(({ managementAccounts }) => inScope(managementAccounts, managementAccount));
  const rule = book?.rules.toSorted((one, other) => one.priority - other.priority).find((one) => line.matches(one));
  const before = book?.basis === 'UPSTREAM' ? upstream : cost;
  const after = rule ? priced(rule, before, line) : before;
  const customerId = contract.tier === 'T2' ? endOfChain : null;
  const printed = {
    contractId: contract.id,
    customerId,
    managementAccountId: null,
    serviceName: usage.serviceName,
    chargeCategory: usage.chargeCategory,
    ruleId: rule?.id ?? null,
    sourceLines: 1,
  };
  if (rule && rule.separateLine !== null && rule.pricing.type !== 'fixedRate') {
    mine.print(usage.currency, { ...printed, kind: 'usage', unrounded: before });
    mine.print(usage.currency, { ...printed, kind: 'separate', unrounded: after.minus(before) });
  } else mine.print(usage.currency, { ...printed, kind: 'usage', unrounded: after });
  const part = { credit: line.isCredit, marketplace: usage.marketplace, always: false, amount: after };
  mine.addToBase(contract.id, managementAccount, customerId ?? mine.tenant.id, usage.currency, part);
  if (rule?.pricing.type === 'fixedRate') mine.matchedFixedRate(contract, rule.id, managementAccount, customerId, usage.day);
  return after;
};

/** What became of a line at one tier; `amount` null: not billed there. */
type Outcome = Readonly<{ books: Books; bucket: 'excluded' | 'unbilled' | 'rated'; amount: Exact | null }>;

/** Margins with one side only carry the reason. */
const noteMarginParts = ({ usage, cost, holder }: Line, outcomes: readonly Outcome[]): void => {
  outcomes.forEach(({ books, amount: here }, index) => {
    if (!books.resells) return;
    const below = outcomes[index + 1];
    const part = (reason: string, amount: Exact): void => {
      books.addMarginPart(reason, usage.currency, amount, cost);
    };
    if (!below) {
      if (here !== null) part(holder === null ? 'unassigned' : 'own-use', here.negated());
    } else if (here !== null && below.bucket === 'unbilled')
      // The text leaves open which of the two an unassigned line is that a tier between does not bill.
      part(holder === null ? 'unassigned' : 'unbilled', here.negated());
    else if (here === null && below.amount !== null) part('upstream-unbilled', below.amount);
  });
};

/** Rates one line from the root down to the end of its chain: the holder, or the source's owner for nobody's. */
const rateLine = (line: Line, inForce: InForce, books: ReadonlyMap<string, Books>, rootId: string): void => {
  const { usage, source, managementAccount, account, cost, holder, isTax } = line;
  const { currency, day } = usage;
  const endOfChain = holder ?? source.ownerId;
  // Nobody's, and no contract covers the owner: billed to nobody below the root.
  const nobodys =
    holder === null && source.ownerId !== rootId && inForce.contractOn(source.ownerId, managementAccount, day) === null;
  let excludedBy: string | null = null;
  let upstream = cost;
  const outcomes: Outcome[] = [];
  for (const tenantId of known(books, endOfChain).tenant.path) {
    const mine = known(books, tenantId);
    const figures = mine.in(currency);
    const contract = inForce.contractOn(tenantId, managementAccount, day);
    const terms = contract && inForce.termsOn(contract, day);
    const excluder: string | null = excludedBy ?? (terms && line.isExcludedBy(terms) ? tenantId : null);
    excludedBy = excluder;
    if (tenantId === rootId) {
      if (holder === null) figures.unassigned = figures.unassigned.plus(cost);
      else figures.rated = figures.rated.plus(cost);
      if (!isTax) figures.billed = figures.billed.plus(cost);
      outcomes.push({ books: mine, bucket: 'rated', amount: cost });
      continue;
    }
    const bucket = excluder !== null ? 'excluded' : contract === null || nobodys ? 'unbilled' : 'rated';
    if (holder === null) figures.unassigned = figures.unassigned.plus(cost);
    else if (excluder !== null) add(figures.excluded, excluder, cost);
    else if (bucket === 'unbilled') {
      figures.unbilled = figures.unbilled.plus(cost);
      list(mine.unbilled, usage, account);
    } else figures.rated = figures.rated.plus(cost);
    if (bucket !== 'rated' || contract === null || terms === null) {
      outcomes.push({ books: mine, bucket, amount: null });
      continue;
    }
    if (currency !== mine.tenant.currency) mine.refused = true;
    mine.rated(contract.id, managementAccount, day, holder !== null);
    if (isTax) {
      add(mine.passThroughTax, currency, cost);
      outcomes.push({ books: mine, bucket, amount: cost });
      continue;
    }
    upstream = bill(line, mine, contract, terms, upstream, endOfChain);
    outcomes.push({ books: mine, bucket, amount: upstream });
  }
  if (!isTax) noteMarginParts(line, outcomes);
  if (holder === null) list(known(books, source.ownerId).unassigned, usage, account);
};

/** Every line by itself, on its day. */
export const rateLines = (
  lines: readonly UsageLine[],
  sources: readonly DataSource[],
  inForce: InForce,
  books: ReadonlyMap<string, Books>,
  rootId: string,
): void => {
  const byId = new Map(sources.map((source) => [source.id, source]));
  for (const usage of lines) rateLine(new Line(usage, known(byId, usage.dataSourceId), inForce), inForce, books, rootId);
};
