import { type AnyDay } from './any-day.ts';
import {
  type AccountScope,
  type Contract,
  type CustomLineItem,
  type PriceBook,
  type PriceRule,
  type Scope,
  type Terms,
} from './case.ts';
import { addDays } from './days.ts';
import { type Random } from './random.ts';

type Tier = Contract['tier'];
export type Window = Pick<Terms, 'start' | 'end' | 'renewalPolicy' | 'managementAccounts'>;

const DIMENSIONS: readonly (readonly [dimension: string, values: readonly string[]])[] = [
  ['ServiceName', ['EC2', 's3', '*a*', '*', 'AWS *', 'E*2', '*3', 'EC']],
  ['ChargeCategory', ['Usage', 'tax', 'Credit', '*', 'Adjustment', 'P*']],
  ['RegionId', ['us-*', '*west*', '*', 'eu-west-1']],
  ['Tags/team', ['red', '* SP*', 'a.b', 'a*b', '*', 'axb']],
  ['ResourceId', ['i-*', '*2', '*', 'i-1']],
  ['x_Marketplace', ['true', 'false']],
  ['SubAccountId', ['m1', 'm1-a*', '*b', 'm2*', '*-a']],
  ['BillingAccountId', ['m1', 'm2', '*3']],
  ['BillingCurrency', ['USD', 'EUR']],
];

const FORMULAS: readonly (readonly [letters: number, formula: string | null])[] = [
  [1, null],
  [1, null],
  [1, 'A'],
  [1, 'NOT A'],
  [2, null],
  [2, 'A OR B'],
  [2, 'A and not b'],
  [3, 'A OR B AND C'],
  [3, '(A OR B) AND C'],
  [3, 'NOT A AND B OR C'],
  [3, 'NOT (A OR B) OR C'],
];

const BANDS = [
  [
    { upTo: '100', percentage: '10' },
    { upTo: '250', percentage: '7' },
    { upTo: null, percentage: '3' },
  ],
  [{ upTo: null, percentage: '3.333333' }],
  [
    { upTo: '0.5', percentage: '10' },
    { upTo: null, percentage: '0' },
  ],
];

/** Terms of contracts: many rules of every kind, with ids that no other has. */
export class AnyTerms {
  readonly #random: Random;
  readonly #days: AnyDay;
  readonly #accounts: readonly string[];
  #ids = 0;

  constructor(random: Random, days: AnyDay, accounts: readonly string[]) {
    this.#random = random;
    this.#days = days;
    this.#accounts = accounts;
  }

  freshId(kind: string): string {
    this.#ids += 1;
    return `${kind}${String(this.#ids)}`;
  }

  accountScope(): AccountScope {
    return this.#random.chance(0.7) ? 'all' : this.#random.some(this.#accounts);
  }

  first(tier: Tier, { start, end, renewalPolicy, managementAccounts: whole }: Window): Terms {
    const random = this.#random;
    const priced = tier !== 'T1';
    const books = this.#bookScopes(priced);
    const exclusions = random.chance(this.#days.focus === 'any' ? 0.6 : 0.25) ? random.int(1, 2) : 0;
    return {
      name: 'contract',
      start,
      end,
      renewalPolicy,
      managementAccounts: whole,
      entitlements: [],
      invoicePrefix: null,
      billingDetails: null,
      billingRules: Array.from({ length: exclusions }, () => ({
        id: this.freshId('exclusion'),
        name: 'exclusion',
        managementAccounts: tier === 'T3' ? this.accountScope() : 'all',
        scope: this.#scope(true),
      })),
      priceBooks: books.map((managementAccounts) => this.#priceBook(managementAccounts)),
      customLineItems: priced ? Array.from({ length: random.int(0, 3) }, () => this.#customLineItem()) : [],
    };
  }

  /** A later version: rules keep their ids and kinds, their figures and scopes may change; some go, some come. */
  changed(terms: Terms, tier: Tier): Terms {
    const random = this.#random;
    if (random.chance(0.15)) return this.first(tier, terms);
    return {
      ...terms,
      ...this.#changedWindow(terms, tier),
      billingRules: terms.billingRules
        .filter(() => random.chance(0.85))
        .map((one) => (random.chance(0.3) ? { ...one, scope: this.#scope(true) } : one)),
      priceBooks: terms.priceBooks
        .map((old) => ({ ...old, basis: random.chance(0.1) ? random.pick(['LIST', 'UPSTREAM'] as const) : old.basis }))
        .map((book) => ({ ...book, rules: this.#changedRules(book) })),
      customLineItems: terms.customLineItems
        .filter(() => random.chance(0.85))
        .map((one) => (random.chance(0.5) ? one : this.#changedItem(one))),
    };
  }

  /** Start, end, renewal and accounts are the newest version's. */
  #changedWindow({ start, end }: Terms, tier: Tier): Partial<Window> {
    const random = this.#random;
    const window: Partial<Window> = {
      ...(random.chance(0.1) ? { start: addDays(start, random.int(-5, 5)) } : {}),
      ...(random.chance(0.15) && end !== null ? { end: addDays(end, random.int(0, 20)) } : {}),
      ...(random.chance(0.1) ? { renewalPolicy: random.pick(['auto-renewal', 'fixed-term'] as const) } : {}),
      ...(tier === 'T3' && random.chance(0.15) ? { managementAccounts: this.accountScope() } : {}),
    };
    return window.start !== undefined && end !== null && window.start > end ? { ...window, start } : window;
  }

  #changedRules({ basis, rules }: PriceBook): PriceRule[] {
    const random = this.#random;
    return rules
      .map((one) => (basis === 'UPSTREAM' ? { ...one, separateLine: null } : one))
      .filter(() => random.chance(0.9))
      .map((one) => {
        if (random.chance(0.5)) return one;
        const { pricing, separateLine } = this.#priceRule(basis, one.priority);
        return { ...one, scope: random.chance(0.3) ? this.#scope() : one.scope, pricing, separateLine };
      });
  }

  #changedItem(one: CustomLineItem): CustomLineItem {
    switch (one.type) {
      case 'fixedCharge':
      case 'fixedDiscount':
        return { ...one, amount: this.#random.pick(['11', '12.005']) };
      case 'supportBands':
        return one;
      case 'percentageCharge':
      case 'percentageDiscount':
      case 'tax':
        return { ...one, percentage: this.#percentage() };
    }
  }

  /** A management account is in one price book at most. */
  #bookScopes(priced: boolean): readonly AccountScope[] {
    const random = this.#random;
    if (!priced || random.chance(this.#days.focus === 'prices' ? 0 : 0.2)) return [];
    const [first, ...others] = this.#accounts;
    if (first !== undefined && others.length > 0 && random.chance(0.3)) return [[first], others];
    return [this.accountScope()];
  }

  #priceBook(managementAccounts: AccountScope): PriceBook {
    const random = this.#random;
    const basis = random.chance(0.4) ? 'UPSTREAM' : 'LIST';
    const priorities = [10, 20, 30, 40].slice(0, random.int(this.#days.focus === 'prices' ? 2 : 0, 4));
    const rules = priorities.map((priority) => this.#priceRule(basis, priority));
    const id = this.freshId('book');
    return { id, name: 'book', managementAccounts, basis, rules: random.chance(0.3) ? rules.reverse() : rules };
  }

  #priceRule(basis: PriceBook['basis'], priority: number): PriceRule {
    const random = this.#random;
    const type = random.pick(['percentageDiscount', 'percentageCharge', 'unitRate', 'fixedRate'] as const);
    return {
      id: this.freshId('rule'),
      name: 'rule',
      priority,
      scope: this.#scope(),
      includeCredits: random.chance(0.4),
      excludeMarketplace: random.chance(0.3),
      separateLine: basis === 'LIST' && type !== 'fixedRate' && random.chance(0.3) ? 'separately' : null,
      pricing: this.#pricing(type),
    };
  }

  #pricing(type: PriceRule['pricing']['type']): PriceRule['pricing'] {
    const random = this.#random;
    switch (type) {
      case 'unitRate':
        return { type, rate: random.pick(['0.0215', '1', '0.000000000001', '2.5', '0']) };
      case 'fixedRate':
        return { type, amount: random.pick(['10', '-3.005', '0.005', '7.123456']) };
      case 'percentageDiscount':
        return { type, percentage: random.pick(['0', '8', '10', '33.333333', '100']) };
      case 'percentageCharge':
        return { type, percentage: this.#percentage() };
    }
  }

  #percentage(): string {
    return this.#random.pick(['0', '5', '8', '10', '33.333333', '0.000001', '100', '12.5', '150']);
  }

  #scope(atLeastOne = false): Scope {
    const random = this.#random;
    if (!atLeastOne && random.chance(this.#days.focus === 'prices' ? 0.5 : 0.35)) return { conditions: [], formula: null };
    const [letters, formula] = random.pick(FORMULAS);
    const conditions = ['A', 'B', 'C'].slice(0, letters).map((letter) => {
      const [dimension, values] = random.pick(DIMENSIONS);
      return { letter, dimension, values: Array.from({ length: random.int(1, 2) }, () => random.pick(values)) };
    });
    return { conditions, formula };
  }

  #frequency(): CustomLineItem['frequency'] {
    const random = this.#random;
    if (random.chance(0.2)) return { type: 'once', on: this.#days.near() };
    const from = random.pick(['2025-11', '2025-12', '2025-12', '2026-01', '2026-02', '2026-03']);
    const later = ['2025-12', '2026-01', '2026-02', '2026-03'].filter((to) => to >= from);
    return { type: 'recurring', from, to: random.chance(0.6) ? null : random.pick(later) };
  }

  #customLineItem(): CustomLineItem {
    const random = this.#random;
    const common = { id: this.freshId('item'), name: 'item', description: null, frequency: this.#frequency() };
    const base = {
      managementAccounts: this.accountScope(),
      includeCredits: random.chance(0.4),
      includeMarketplace: random.chance(0.4),
    };
    switch (random.int(0, 6)) {
      case 0:
      case 1:
        return {
          ...common,
          type: random.pick(['fixedDiscount', 'fixedCharge'] as const),
          amount: random.pick(['25', '150', '0.005', '33.33']),
          prorate: common.frequency.type === 'recurring' && random.chance(0.5),
          managementAccounts: this.accountScope(),
        };
      case 2:
      case 3:
        return {
          ...common,
          ...base,
          type: random.pick(['percentageDiscount', 'percentageCharge'] as const),
          percentage: this.#percentage(),
        };
      case 4:
        return {
          ...common,
          ...base,
          type: 'supportBands',
          minimum: random.pick(['0', '5', '29']),
          bands: random.pick(BANDS),
          resolution: random.pick(['customer', 'managementAccount'] as const),
        };
      default:
        return { ...common, type: 'tax', percentage: random.pick(['19', '7.5', '0', '20']) };
    }
  }
}
