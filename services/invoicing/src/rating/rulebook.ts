import { Decimal } from '#libs/money/decimal';
import { type BillingRule, type PriceBook, type PriceRule } from '#libs/published/contract-terms';
import { type ManagementAccountId } from '#libs/published/ids';
import { sabotaged } from '#libs/sabotage';
import { isInScope } from './coverage.ts';
import { type LineSignature, type Signatures } from './line-signature.ts';
import { type RatedVersion } from './rating-input.ts';

/** A price rule with what it makes of a line's amount. */
export type Pricing = Readonly<{
  rule: PriceRule;
  basis: PriceBook['basis'];
  /** Exact. A fixed rate leaves the line as it is: its one amount a month is a line of its own. */
  amount: (before: Decimal, quantity: Decimal) => Decimal;
}>;

/** The rules of one contract version for one management account. Answers are kept by signature. */
export type Rulebook = Readonly<{
  /** The first billing rule that removes the line. */
  excludedBy: (signature: LineSignature) => BillingRule | null;
  /** The first price rule that matches, by ascending priority. */
  pricing: (signature: LineSignature) => Pricing | null;
  /** `LIST` without a price book. */
  basis: PriceBook['basis'];
}>;

const ONE = Decimal.of(1);

const percentageFactor = (percentage: string, direction: 'discount' | 'charge'): Decimal => {
  const part = Decimal.of(percentage).percentOf(ONE);
  return direction === 'charge' ? ONE.plus(part) : ONE.minus(part);
};

const product = (): ((amount: Decimal, factor: Decimal) => Decimal) =>
  sabotaged('float')
    ? (amount, factor) => Decimal.of(String(Number(amount.toString()) * Number(factor.toString())))
    : (amount, factor) => amount.times(factor);

const amountBy = ({ pricing }: PriceRule): Pricing['amount'] => {
  const times = product();
  switch (pricing.type) {
    case 'percentageDiscount':
    case 'percentageCharge': {
      const factor = percentageFactor(pricing.percentage, pricing.type === 'percentageCharge' ? 'charge' : 'discount');
      return (before) => times(before, factor);
    }
    case 'unitRate': {
      const rate = Decimal.of(pricing.rate);
      return (_before, quantity) => times(quantity, rate);
    }
    case 'fixedRate':
      return (before) => before;
  }
};

export const isCredit = (chargeCategory: string): boolean => chargeCategory === 'Credit';
export const isTax = (chargeCategory: string): boolean => chargeCategory === 'Tax';

/** Whether the rule can see the line at all, before its conditions are asked. */
const sees = (rule: PriceRule, { group }: LineSignature): boolean =>
  (rule.includeCredits || !isCredit(group.chargeCategory)) &&
  !(rule.excludeMarketplace && group.marketplace) &&
  (rule.pricing.type !== 'unitRate' || group.unitRateApplies);

const remembered = <Answer>(answer: (signature: LineSignature) => Answer): ((signature: LineSignature) => Answer) => {
  const known = new Map<number, Answer>();
  return (signature) => {
    const before = known.get(signature.id);
    if (before !== undefined) return before;
    const fresh = answer(signature);
    known.set(signature.id, fresh);
    return fresh;
  };
};

const rulebookOf = (rules: readonly BillingRule[], book: PriceBook | undefined, signatures: Signatures): Rulebook => {
  const exclusions = rules.map((rule) => ({ rule, matches: signatures.test(rule.scope) }));
  const prices = (book?.rules ?? [])
    .toSorted((a, b) => a.priority - b.priority)
    .map((rule) => ({
      matches: signatures.test(rule.scope),
      pricing: { rule, basis: book?.basis ?? 'LIST', amount: amountBy(rule) },
    }));
  return {
    excludedBy: remembered((signature) => exclusions.find(({ matches }) => matches(signature))?.rule ?? null),
    pricing: remembered(
      (signature) => prices.find(({ pricing, matches }) => sees(pricing.rule, signature) && matches(signature))?.pricing ?? null,
    ),
    basis: book?.basis ?? 'LIST',
  };
};

/** Rulebooks by version and management account; accounts with the same rules share one. */
export class Rulebooks {
  readonly #signatures: Signatures;
  readonly #byVersion = new Map<RatedVersion, Map<string, Rulebook>>();

  constructor(signatures: Signatures) {
    this.#signatures = signatures;
  }

  of(version: RatedVersion, account: ManagementAccountId): Rulebook {
    const rules = version.terms.billingRules.filter(({ managementAccounts }) => isInScope(managementAccounts, account));
    const book = version.terms.priceBooks.find(({ managementAccounts }) => isInScope(managementAccounts, account));
    const key = JSON.stringify([book?.id, rules.map(({ id }) => id)]);
    const books = this.#byVersion.get(version) ?? new Map<string, Rulebook>();
    this.#byVersion.set(version, books);
    const known = books.get(key);
    if (known) return known;
    const rulebook = rulebookOf(rules, book, this.#signatures);
    books.set(key, rulebook);
    return rulebook;
  }
}
