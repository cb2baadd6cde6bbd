import fc from 'fast-check';
import { currency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type CustomLineItem, type PriceRule, type Scope, type Terms } from '#libs/published/contract-terms';
import { addDays, day } from '#libs/time/time';
import { type RatedContract, type RatedTenant, type RatingInput } from '../rating-input.ts';
import {
  accountId,
  C1,
  C2,
  C3,
  charge,
  contract,
  D1,
  discount,
  EVERY_MONTH,
  exclude,
  fixed,
  fixedRate,
  line,
  type Line,
  once,
  percentage,
  price,
  priceBook,
  R1,
  R2,
  rating,
  recurring,
  ruleId,
  source,
  support,
  tax,
  tenant,
  terms,
  unitRate,
  USD,
  where,
} from './scenario.ts';

/** Any tree, contracts and usage, small enough that everything meets everything. */

const R3 = tenant('R3', 'reseller', R1);
const C4 = tenant('C4', 'endCustomer', R3);
const TENANTS = [D1, R1, R2, R3, C1, C2, C3, C4];
export const SOURCES = [source('p1', D1), source('p2', R1), source('p3', C1)];
const EUR = currency('EUR');

/** Around the ends of January, and a day long before. */
const anyDay = fc.oneof(
  fc.integer({ min: -4, max: 34 }).map((days) => addDays(day('2026-01-01'), days)),
  fc.constant(day('2025-06-15')),
);
const dayOrNone = fc.option(anyDay, { nil: undefined, freq: 2 });
const amount = fc
  .tuple(fc.bigInt({ min: -99_999n, max: 999_999n }), fc.constantFrom(0, 2, 5, 18))
  .map(([digits, places]) => Decimal.scaled(digits, places).toString());
const positive = fc.integer({ min: 0, max: 9_999 }).map((cents) => Decimal.scaled(BigInt(cents), 2).toString());
const percent = fc.integer({ min: 0, max: 200_000 }).map((parts) => Decimal.scaled(BigInt(parts), 3).toString());
const account = fc.constantFrom('a', 'b', 'c');
const payer = fc.constantFrom('p1', 'p2', 'p3');
const accounts = fc.oneof(
  { weight: 3, arbitrary: fc.constant('all' as const) },
  fc.subarray(['p1', 'p2', 'p3'].map(accountId), { minLength: 1 }),
);

const scope: fc.Arbitrary<Scope> = fc.oneof(
  fc.constant(where({})),
  fc.constantFrom('EC2', 'S*', '*').map((service) => where({ ServiceName: service })),
  fc.constantFrom('Usage', 'Credit', 'Tax', 'A*').map((category) => where({ ChargeCategory: category })),
  fc
    .constantFrom('A OR B', 'A AND NOT B', 'NOT (A OR B)')
    .map((formula) => where({ RegionId: 'eu*', ResourceId: '*1' }, formula)),
);

const pricing: fc.Arbitrary<PriceRule['pricing']> = fc.oneof(
  percent.map(discount),
  percent.map(charge),
  positive.map(unitRate),
  amount.map(fixedRate),
);
const priceRules = fc.array(fc.tuple(scope, pricing, fc.boolean(), fc.boolean(), fc.boolean()), { maxLength: 3 }).map((rules) =>
  rules.map(([which, how, includeCredits, excludeMarketplace, apart], index) =>
    price(`p${String(index)}`, index, which, how, {
      includeCredits,
      excludeMarketplace,
      separateLine: apart ? 'difference' : null,
    }),
  ),
);

const frequency = fc.constantFrom(EVERY_MONTH, once('2026-01-15'), once('2026-02-15'), recurring('2025-12', '2026-01'));
const item: fc.Arbitrary<CustomLineItem> = fc
  .tuple(
    fc.constantFrom('fixed', 'percentage', 'support', 'tax'),
    positive,
    percent,
    fc.boolean(),
    fc.boolean(),
    accounts,
    frequency,
  )
  .map(([kind, money, part, one, other, managementAccounts, often]) => {
    const shared = { managementAccounts, frequency: often };
    if (kind === 'fixed')
      return fixed('fixed', money, { ...shared, prorate: one, type: other ? 'fixedDiscount' : 'fixedCharge' });
    if (kind === 'percentage')
      return percentage('percentage', part, { ...shared, includeCredits: one, includeMarketplace: other });
    if (kind === 'support')
      return support('support', { ...shared, resolution: one ? 'customer' : 'managementAccount', includeCredits: other });
    return tax('tax', part, often);
  });

const anyTerms: fc.Arbitrary<Terms> = fc
  .record({
    rules: fc.oneof({ weight: 3, arbitrary: fc.constant<Scope[]>([]) }, fc.array(scope, { maxLength: 2 })),
    prices: priceRules,
    basis: fc.constantFrom('LIST' as const, 'UPSTREAM' as const),
    items: fc.array(item, { maxLength: 3 }),
    window: fc.tuple(fc.oneof(fc.constant(day('2025-06-15')), anyDay), fc.option(fc.integer({ min: 0, max: 40 }), { freq: 1 })),
    managementAccounts: accounts,
    renewalPolicy: fc.constantFrom('fixed-term' as const, 'auto-renewal' as const),
  })
  .map(({ rules, prices, basis, items, window: [start, length], ...more }) =>
    terms({
      ...more,
      start,
      ...(length === null ? {} : { end: addDays(start, length) }),
      billingRules: rules.map((which, index) => exclude(`r${String(index)}`, which)),
      priceBooks: prices.length === 0 ? [] : [priceBook(prices, { basis })],
      customLineItems: items.map((one, index) => ({ ...one, id: ruleId(`${one.name} ${String(index)}`) })),
    }),
  );

const contractsOf = (of: RatedTenant): fc.Arbitrary<readonly RatedContract[]> =>
  fc.array(fc.tuple(anyTerms, fc.option(fc.tuple(anyDay, anyTerms)), dayOrNone), { minLength: 1, maxLength: 2 }).map((all) =>
    all.map(([first, second, endedOn], index) =>
      contract(of, second ? [first, { from: second[0], terms: { ...second[1], start: first.start } }] : first, {
        id: `${of.name} ${String(index)}`,
        ...(endedOn === undefined ? {} : { endedOn }),
      }),
    ),
  );

const anyInput: fc.Arbitrary<RatingInput> = fc
  .record({
    contracts: fc
      .tuple(...TENANTS.map((of) => fc.oneof({ weight: 4, arbitrary: contractsOf(of) }, fc.constant([]))))
      .map((all) => all.flat()),
    /** By account: to whom before a day and from it on. */
    holders: fc.array(fc.tuple(payer, account, fc.constantFrom(...TENANTS, null), fc.constantFrom(...TENANTS, null), anyDay), {
      minLength: 4,
      maxLength: 9,
    }),
    automatic: fc.option(fc.tuple(payer, fc.constantFrom(...TENANTS), dayOrNone)),
    mode: fc.constantFrom('as-of' as const, 'current' as const),
  })
  .map(({ contracts, holders, automatic, mode }) => {
    const byAccount = new Map(holders.map((held) => [`${held[0]}~${held[1]}`, held]));
    return rating({
      tenants: TENANTS,
      dataSources: SOURCES,
      contracts,
      mode,
      links: [...byAccount.values()].flatMap(([of, linked, before, after, change]) => [
        ...(before ? [{ dataSourceId: idOf(of), accountId: linked as never, tenantId: before.id, from: null, to: change }] : []),
        ...(after ? [{ dataSourceId: idOf(of), accountId: linked as never, tenantId: after.id, from: change, to: null }] : []),
      ]),
      autoAssignments: automatic
        ? [{ dataSourceId: idOf(automatic[0]), tenantId: automatic[1].id, from: automatic[2] ?? null, to: null, exclude: ['c*'] }]
        : [],
    });
  });

const idOf = (of: string) => source(of).id;

const anyLine: fc.Arbitrary<Line> = fc
  .record({
    payer,
    account,
    cost: amount,
    quantity: fc.option(amount),
    on: anyDay,
    service: fc.constantFrom('EC2', 'S3', ''),
    category: fc.constantFrom('Usage', 'Usage', 'Credit', 'Tax', 'Adjustment', 'Purchase'),
    marketplace: fc.boolean(),
    of: fc.constantFrom(USD, USD, USD, USD, EUR),
    region: fc.constantFrom('', 'eu-1', 'us-1'),
    resource: fc.constantFrom('', 'i-1', 'i-2'),
  })
  .map(({ payer: from, cost, on, of, region, resource, ...more }) =>
    line(from, cost, { ...more, day: on, currency: of, more: { RegionId: region, ResourceId: resource } }),
  );

/** A rating input of any tree, and any lines for it. */
export const anyMonth = fc.tuple(anyInput, fc.array(anyLine, { minLength: 5, maxLength: 30 }));
