import { type Books } from './books.ts';
import { type Contract, type CustomLineItem, type DataSource, type TreeMonth } from './case.ts';
import { daysOf } from './days.ts';
import { Exact, percent } from './exact.ts';
import { type InForce, inScope } from './in-force.ts';
import { known } from './keyed.ts';

type OfType<Type extends CustomLineItem['type']> = Extract<CustomLineItem, { type: Type }>;
type FixedItem = OfType<'fixedDiscount' | 'fixedCharge'>;
type Percentage = OfType<'percentageDiscount' | 'percentageCharge'>;
type SupportBands = OfType<'supportBands'>;

const appliesIn = ({ frequency }: CustomLineItem, month: string): boolean =>
  frequency.type === 'once'
    ? frequency.on.slice(0, 7) === month
    : frequency.from <= month && (frequency.to === null || month <= frequency.to);

const banded = ({ bands, minimum }: SupportBands, base: Exact): Exact => {
  if (base.lte(0)) return new Exact(0);
  let amount = new Exact(0);
  let from = new Exact(0);
  for (const { upTo, percentage } of bands) {
    const to = upTo === null ? base : Exact.min(base, upTo);
    if (to.gt(from)) {
      amount = amount.plus(percent(percentage, to.minus(from)));
      from = to;
    }
  }
  return Exact.max(amount, minimum);
};

/** The custom line items of one contract. */
class ContractItems {
  readonly #month: TreeMonth;
  readonly #contract: Contract;
  readonly #mine: Books;
  readonly #inForce: InForce;
  /** By management account; a stray line's day too, where it is rated. */
  readonly #coveredDays: ReadonlyMap<string, readonly string[]>;

  constructor(month: TreeMonth, contract: Contract, mine: Books, inForce: InForce) {
    this.#month = month;
    this.#contract = contract;
    this.#mine = mine;
    this.#inForce = inForce;
    const monthDays = daysOf(month.month);
    this.#coveredDays = new Map(
      month.dataSources.map(({ managementAccountId: account }) => {
        const days = monthDays.filter((day) => inForce.covers(contract, account, day));
        return [account, [...new Set([...days, ...mine.ratedDays(contract.id, account)])]];
      }),
    );
  }

  print(): void {
    // The text calls the day of an unassigned line no covered day, but what is billed for it needs a document: it is taken for one
    // here, except where accounts are counted.
    const strayOfNobody = this.#mine.strayOfNobody(this.#contract.id);
    const every = [...[...this.#coveredDays.values()].flat(), ...strayOfNobody].sort();
    const last = every.findLast((day) => this.#inMonth(day)) ?? every.at(-1);
    if (last === undefined) return;
    this.#mine.hasCoveredDay = true;
    for (const item of this.#inForce.termsOn(this.#contract, last).customLineItems) {
      if (!appliesIn(item, this.#month.month)) continue;
      if (item.type === 'tax') this.#mine.taxItems.push({ contractId: this.#contract.id, item });
      else for (const customer of this.#customers) this.#printFor(customer, item);
    }
  }

  #printFor(customer: string, item: Exclude<CustomLineItem, { type: 'tax' }>): void {
    const sources = this.#month.dataSources.filter(({ managementAccountId }) =>
      inScope(item.managementAccounts, managementAccountId),
    );
    switch (item.type) {
      case 'fixedDiscount':
      case 'fixedCharge':
        for (const source of sources) if (this.#counts(customer, source, true)) this.#printFixed(customer, source, item);
        return;
      case 'percentageDiscount':
      case 'percentageCharge':
        for (const source of sources) if (this.#counts(customer, source, false)) this.#printPercentage(customer, source, item);
        return;
      case 'supportBands':
        this.#printBands(
          customer,
          sources.filter((source) => this.#counts(customer, source, false)),
          item,
        );
    }
  }

  #printFixed(customer: string, { managementAccountId }: DataSource, item: FixedItem): void {
    const monthDays = daysOf(this.#month.month).length;
    const days = this.#days(managementAccountId).filter((day) => this.#inMonth(day)).length;
    const whole = new Exact(item.amount);
    const amount = item.prorate ? whole.times(days).div(monthDays).toDecimalPlaces(18, Exact.ROUND_HALF_UP) : whole;
    const signed = item.type === 'fixedCharge' ? amount : amount.negated();
    this.#printItem(customer, managementAccountId, this.#mine.tenant.currency, item, signed);
  }

  #printPercentage(customer: string, { managementAccountId }: DataSource, item: Percentage): void {
    for (const currency of this.#mine.currencies) {
      const base = this.#base(customer, managementAccountId, currency, item);
      const amount = base.gt(0) ? percent(item.percentage, base) : new Exact(0);
      const signed = item.type === 'percentageCharge' ? amount : amount.negated();
      this.#printItem(customer, managementAccountId, currency, item, signed);
    }
  }

  #printBands(customer: string, sources: readonly DataSource[], item: SupportBands): void {
    for (const currency of this.#mine.currencies) {
      const bases = sources.map(({ managementAccountId: account }) => ({
        account,
        base: this.#base(customer, account, currency, item),
      }));
      if (item.resolution === 'managementAccount')
        for (const { account, base } of bases) this.#printItem(customer, account, currency, item, banded(item, base));
      else if (bases.length > 0) {
        const base = bases.reduce((sum, one) => sum.plus(one.base), new Exact(0));
        this.#printItem(customer, null, currency, item, banded(item, base));
      }
    }
  }

  #printItem(customer: string, account: string | null, currency: string, item: CustomLineItem, unrounded: Exact): void {
    this.#mine.print(currency, {
      kind: 'customLineItem',
      contractId: this.#contract.id,
      customerId: this.#contract.tier === 'T2' ? customer : null,
      managementAccountId: account,
      serviceName: null,
      chargeCategory: null,
      ruleId: item.id,
      unrounded,
      sourceLines: 0,
    });
  }

  #base(customer: string, account: string, currency: string, item: Percentage | SupportBands): Exact {
    return this.#mine
      .base(this.#contract.id, account, customer, currency)
      .filter(
        ({ credit, marketplace, always }) =>
          always || ((!credit || item.includeCredits) && (!marketplace || item.includeMarketplace)),
      )
      .reduce((sum, { amount }) => sum.plus(amount), new Exact(0));
  }

  /** On a reseller's contract everybody from the reseller itself downwards. */
  get #customers(): readonly string[] {
    const { id } = this.#mine.tenant;
    if (this.#contract.tier !== 'T2') return [id];
    return this.#month.tenants.filter(({ path }) => path.includes(id)).map((tenant) => tenant.id);
  }

  #counts(customer: string, { id, managementAccountId }: DataSource, inMonth: boolean): boolean {
    return this.#days(managementAccountId).some(
      (day) => (!inMonth || this.#inMonth(day)) && this.#inForce.holdsAccount(customer, id, day),
    );
  }

  #days(account: string): readonly string[] {
    return known(this.#coveredDays, account);
  }

  #inMonth(day: string): boolean {
    return day.startsWith(this.#month.month);
  }
}

export const printCustomLineItems = (month: TreeMonth, contract: Contract, mine: Books, inForce: InForce): void => {
  new ContractItems(month, contract, mine, inForce).print();
};
