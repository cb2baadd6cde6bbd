import { describe, expect, it } from '@jest/globals';
import { currency } from '#libs/money/currency';
import { month } from '#libs/time/time';
import { type RatingInput } from './rating-input.ts';
import { type RatedMonth, rate } from './rate.ts';
import { cutsOf, dimensionsOf, segmentOf } from './signature.ts';
import {
  accountId,
  billOf,
  C1,
  C2,
  C3,
  charge,
  contract,
  D1,
  discount,
  EVERYTHING,
  exclude,
  figuresOf,
  fixed,
  fixedRate,
  grouped,
  line,
  type Line,
  link,
  percentage,
  price,
  priceBook,
  printed,
  proformaOf,
  R1,
  R2,
  rating,
  ruleId,
  source,
  support,
  takesIn,
  tax,
  tenant,
  terms,
  ungrouped,
  unitRate,
  where,
} from './testing/scenario.ts';
import { tieOuts } from './tie-outs.ts';

const PAYER = '111111111111';

const input = (more: Partial<RatingInput>): RatingInput =>
  rating({
    dataSources: [source(PAYER)],
    links: [link(C1, PAYER)],
    contracts: [contract(R1, terms()), contract(C1, terms())],
    ...more,
  });

const rated = (of: RatingInput, lines: readonly Line[]): RatedMonth => {
  const result = rate(of, grouped(of, lines));
  expect(tieOuts(result)).toEqual({ ok: true });
  expect(rate(of, ungrouped(of, lines.toReversed())).bills).toEqual(result.bills);
  return result;
};

const withC1 = (of: Parameters<typeof terms>[0], more: Partial<RatingInput> = {}): RatingInput =>
  input({ contracts: [contract(R1, terms()), contract(C1, terms(of))], ...more });

describe('automatic links', () => {
  const auto = (more: Partial<RatingInput>) =>
    input({ links: [], contracts: [contract(R1, terms()), contract(C1, terms()), contract(C2, terms())], ...more });

  it('take in every account that no other link holds on that day', () => {
    const of = auto({ links: [link(C2, PAYER, { account: 'a', from: '2026-01-16' })], autoAssignments: [takesIn(C1, PAYER)] });
    const result = rated(of, [
      line(PAYER, '1', { account: 'a', day: '2026-01-15' }),
      line(PAYER, '2', { account: 'a', day: '2026-01-16' }),
      line(PAYER, '4', { account: 'b', day: '2026-01-16' }),
    ]);
    expect(figuresOf(result, C1).billed).toBe('5');
    expect(figuresOf(result, C2).billed).toBe('2');
  });

  it('have an interval', () => {
    const of = auto({ autoAssignments: [takesIn(C1, PAYER, { from: '2026-01-10', to: '2026-01-20' })] });
    const result = rated(
      of,
      ['09', '10', '19', '20'].map((day) => line(PAYER, day.replace(/^0/, ''), { day: `2026-01-${day}` })),
    );
    expect(figuresOf(result, C1).billed).toBe('29');
    expect(figuresOf(result, D1).unassigned).toBe('29');
  });

  it('leave out accounts whose name, or id without one, matches a pattern', () => {
    const of = auto({
      dataSources: [source(PAYER, D1, { a: 'PRODSP1', b: 'Production' })],
      autoAssignments: [takesIn(C1, PAYER, { exclude: ['* SP*', 'c'] })],
    });
    const result = rated(of, [
      line(PAYER, '1', { account: 'a' }),
      line(PAYER, '2', { account: 'b' }),
      line(PAYER, '4', { account: 'c' }),
    ]);
    expect(figuresOf(result, C1).billed).toBe('2');
    expect(billOf(result, D1).unassigned.map((usage) => usage.accountId)).toEqual(['a', 'c']);
  });

  it('count a management account for fixed items by its accounts with a line in the slice only', () => {
    const of = auto({
      dataSources: [source(PAYER), source('empty')],
      autoAssignments: [takesIn(C1, PAYER), takesIn(C1, 'empty')],
      contracts: [contract(C1, terms({ customLineItems: [fixed('Item', '10')] }))],
    });
    expect(printed(rated(of, [line(PAYER, '1')]), C1)).toEqual(['1.00', '10.00']);
    expect(printed(rated(of, []), C1)).toEqual([]);
  });

  it('do not count it when another link holds its accounts on all covered days', () => {
    const of = auto({
      links: [link(C2, PAYER, { from: '2026-01-05' })],
      autoAssignments: [takesIn(C1, PAYER)],
      contracts: [contract(C1, terms({ start: '2026-01-05', customLineItems: [fixed('Item', '10')] }))],
    });
    expect(printed(rated(of, [line(PAYER, '1')]), C1)).toEqual([]);
  });
});

describe('lines whose day lies outside their month', () => {
  const october = month('2024-10');
  const stray = line(PAYER, '100', { day: '2024-09-30' });

  it('are rated by what was in force on their day', () => {
    const of = {
      ...withC1({}),
      month: october,
      contracts: [
        contract(R1, terms({ start: '2024-01-01' })),
        contract(C1, [
          terms({ start: '2024-01-01', priceBooks: [priceBook([price('p', 1, EVERYTHING, discount('10'))])] }),
          { from: '2024-10-01', terms: terms({ start: '2024-01-01' }) },
        ]),
      ],
    };
    expect(printed(rated(of, [stray, line(PAYER, '100', { day: '2024-10-01' })]), C1).toSorted()).toEqual(['100.00', '90.00']);
  });

  it('are unbilled when the contract begins in the month', () => {
    const of = { ...withC1({ start: '2024-10-01' }), month: october };
    const result = rated({ ...of, contracts: [contract(C1, terms({ start: '2024-10-01' }))] }, [stray]);
    expect(figuresOf(result, C1)).toMatchObject({ billed: '0', unbilled: '100' });
    expect(billOf(result, C1).proforma?.net).toBe('0.00');
  });

  it('make a covered day for percentages, bands and tax, but not for fixed items', () => {
    const items = [fixed('Fixed', '7'), percentage('Percent', '10'), support('Support'), tax('VAT', '19')];
    const ended = terms({ start: '2024-01-01', end: '2024-09-30', customLineItems: items });
    const of = { ...input({ contracts: [contract(R1, terms({ start: '2024-01-01' })), contract(C1, ended)] }), month: october };
    const result = rated(of, [stray]);
    expect(proformaOf(result, C1)).toMatchObject({
      lines: [{ amount: '100.00' }, { text: 'Percent', amount: '10.00' }, { text: 'Support', amount: '100.00' }],
      taxes: [{ amount: '39.90' }],
    });
  });

  it('make the day covered for every customer of the contract with an account there, used or not', () => {
    const partner = terms({ start: '2024-10-01', customLineItems: [percentage('Percent', '10')] });
    const of = {
      ...input({
        dataSources: [source(PAYER, R1)],
        links: [link(C1, PAYER, { account: 'used' }), link(R1, PAYER, { account: 'unused' })],
        contracts: [contract(R1, partner), contract(C1, terms())],
      }),
      month: month('2024-09'),
    };
    const lines = ['used', 'of nobody'].map((account) => line(PAYER, '100', { account, day: '2024-10-05' }));
    expect(proformaOf(rated(of, lines), R1).lines.map(({ amount }) => amount)).toEqual(['100.00', '10.00', '100.00', '10.00']);
  });

  it('follow an account that has moved since', () => {
    const of = {
      ...input({
        links: [link(C1, PAYER, { to: '2024-10-01' }), link(C2, PAYER, { from: '2024-10-01' })],
        contracts: [R1, C1, C2].map((one) => contract(one, terms({ start: '2024-01-01' }))),
      }),
      month: october,
    };
    const result = rated(of, [stray, line(PAYER, '1', { day: '2024-10-01' })]);
    expect([figuresOf(result, C1).billed, figuresOf(result, C2).billed]).toEqual(['100', '1']);
  });
});

describe('contract windows', () => {
  const renewing = (more: Parameters<typeof terms>[0]) => terms({ renewalPolicy: 'auto-renewal', ...more });
  const days = (...all: readonly number[]) =>
    all.map((day) => line(PAYER, String(day), { day: `2026-01-${String(day).padStart(2, '0')}` }));

  it('run on, term by term, with auto-renewal', () => {
    const of = withC1({ renewalPolicy: 'auto-renewal', start: '2025-01-01', end: '2025-06-30' });
    expect(
      figuresOf(
        rated(
          { ...of, contracts: [contract(R1, terms()), contract(C1, renewing({ start: '2025-01-01', end: '2025-06-30' }))] },
          days(10),
        ),
        C1,
      ).billed,
    ).toBe('10');
  });

  it('end with fixed term and manual renewal', () => {
    const of = withC1({ renewalPolicy: 'manual-renewal', start: '2025-01-01', end: '2026-01-15' });
    expect(figuresOf(rated(of, days(15, 16)), C1)).toMatchObject({ rated: '15', unbilled: '16' });
  });

  it('of a renewing contract are over on the day before another covers the account, and do not come back', () => {
    const of = input({
      contracts: [
        contract(C1, renewing({ start: '2025-01-01', end: '2025-12-31' }), { id: 'old' }),
        contract(C1, terms({ start: '2026-01-10', end: '2026-01-20' }), { id: 'new' }),
      ],
    });
    const result = rated(of, days(9, 10, 20, 21));
    expect(proformaOf(result, C1).lines.map(({ contractId, amount }) => `${contractId} ${amount}`)).toEqual([
      'old 9.00',
      'new 30.00',
    ]);
    expect(figuresOf(result, C1).unbilled).toBe('21');
  });

  it('of a renewing contract go on for accounts that the other one does not cover', () => {
    const of = input({
      dataSources: [source(PAYER), source('other')],
      links: [link(C1, PAYER), link(C1, 'other')],
      contracts: [
        contract(C1, renewing({ start: '2025-01-01', end: '2025-12-31' }), { id: 'old' }),
        contract(C1, terms({ start: '2026-01-10', managementAccounts: [accountId(PAYER)] }), { id: 'new' }),
      ],
    });
    const result = rated(of, [...days(20), line('other', '7', { day: '2026-01-20' })]);
    expect(proformaOf(result, C1).lines.map(({ contractId, amount }) => `${contractId} ${amount}`)).toEqual([
      'old 7.00',
      'new 20.00',
    ]);
  });

  it('of a renewing contract survive another one that was cancelled before it covered a day', () => {
    const of = input({
      contracts: [
        contract(C1, renewing({ start: '2025-01-01', end: '2025-12-31' }), { id: 'old' }),
        contract(C1, terms({ start: '2026-01-10' }), { id: 'new', endedOn: '2026-01-10' }),
      ],
    });
    expect(figuresOf(rated(of, days(20)), C1).billed).toBe('20');
  });

  it('are the newest version’s, whenever that takes effect', () => {
    const of = input({
      contracts: [contract(C1, [terms({ end: '2026-01-15' }), { from: '2026-03-01', terms: terms({ end: '2026-01-31' }) }])],
    });
    expect(figuresOf(rated(of, days(20)), C1).billed).toBe('20');
  });

  it('cover selected management accounts only', () => {
    const of = input({
      dataSources: [source(PAYER), source('other')],
      links: [link(C1, PAYER), link(C1, 'other')],
      contracts: [contract(C1, terms({ managementAccounts: [accountId('other')] }))],
    });
    expect(figuresOf(rated(of, [line(PAYER, '1'), line('other', '2')]), C1)).toMatchObject({ rated: '2', unbilled: '1' });
  });
});

describe('versions', () => {
  const discounted = (percent: string) => terms({ priceBooks: [priceBook([price('p', 1, EVERYTHING, discount(percent))])] });

  it('that were saved last win among those in effect', () => {
    const of = input({
      contracts: [
        contract(C1, [
          discounted('1'),
          { from: '2026-01-20', terms: discounted('2') },
          { from: '2026-01-10', terms: discounted('3') },
        ]),
      ],
    });
    const result = rated(of, [line(PAYER, '100', { day: '2026-01-05' }), line(PAYER, '100', { day: '2026-01-25' })]);
    expect(printed(result, C1)).toEqual(['196.00']);
  });

  it('that begin later than a covered day leave it to the first', () => {
    const of = input({
      contracts: [
        contract(C1, [
          { from: '2026-02-01', terms: discounted('1') },
          { from: '2026-03-01', terms: discounted('2') },
        ]),
      ],
    });
    expect(printed(rated(of, [line(PAYER, '100')]), C1)).toEqual(['99.00']);
  });

  it('give custom line items by the last covered day of the month', () => {
    const priced = (amount: string) => terms({ end: '2026-01-20', customLineItems: [fixed('Item', amount)] });
    const of = input({
      contracts: [
        contract(C1, [priced('1'), { from: '2026-01-20', terms: priced('2') }, { from: '2026-01-21', terms: priced('3') }]),
      ],
    });
    expect(printed(rated(of, []), C1)).toEqual(['2.00']);
    expect(printed(rated({ ...of, mode: 'current' }, []), C1)).toEqual(['3.00']);
  });
});

describe('price rules in detail', () => {
  const priced = (rules: readonly ReturnType<typeof price>[], ...lines: readonly Line[]) =>
    printed(rated(withC1({ priceBooks: [priceBook(rules)] }), lines), C1);
  const rest = price('rest', 99, EVERYTHING, charge('100'));

  it.each([
    ['a given quantity', { cost: '10', quantity: '4' }, ['2.00']],
    ['no quantity', { cost: '10', quantity: null }, ['20.00']],
    ['a quantity of the opposite sign', { cost: '-10', quantity: '4' }, ['-20.00']],
    ['both negative, as refunds are', { cost: '-10', quantity: '-4' }, ['-2.00']],
    ['a quantity of zero, which has no sign', { cost: '10', quantity: '0' }, ['0.00']],
    ['a cost of zero', { cost: '0', quantity: '4' }, ['2.00']],
  ])('unit rates and lines with %s', (_what, { cost, quantity }, expected) => {
    expect(priced([price('unit', 1, EVERYTHING, unitRate('0.5')), rest], line(PAYER, cost, { quantity }))).toEqual(expected);
  });

  it('do not see credits unless they include them', () => {
    const credit = line(PAYER, '-10', { category: 'Credit' });
    expect(priced([price('p', 1, EVERYTHING, discount('50'))], credit)).toEqual(['-10.00']);
    expect(priced([price('p', 1, EVERYTHING, discount('50'), { includeCredits: true })], credit)).toEqual(['-5.00']);
    expect(priced([price('p', 1, EVERYTHING, discount('50')), { ...rest, includeCredits: true }], credit)).toEqual(['-20.00']);
  });

  it('do not see marketplace lines when they exclude them', () => {
    const software = line(PAYER, '10', { marketplace: true });
    expect(priced([price('p', 1, EVERYTHING, discount('50'))], software)).toEqual(['5.00']);
    expect(priced([price('p', 1, EVERYTHING, discount('50'), { excludeMarketplace: true }), rest], software)).toEqual(['20.00']);
  });

  it('price refunds like what they correct', () => {
    expect(priced([price('p', 1, EVERYTHING, discount('10'))], line(PAYER, '-10', { category: 'Adjustment' }))).toEqual([
      '-9.00',
    ]);
  });

  it('print the difference apart, each of the two rounded by itself', () => {
    const result = rated(
      withC1({ priceBooks: [priceBook([price('p', 1, EVERYTHING, discount('5'), { separateLine: 'Five percent off' })])] }),
      [line(PAYER, '10.10')],
    );
    expect(proformaOf(result, C1).lines).toMatchObject([
      { kind: 'usage', unrounded: '10.1', amount: '10.10', text: 'EC2, Usage: p' },
      { kind: 'separate', unrounded: '-0.505', amount: '-0.51', text: 'EC2, Usage: Five percent off' },
    ]);
  });

  it('are those of the price book of the line’s management account', () => {
    const book = (id: string, account: string, percent: string) =>
      priceBook([price(`rule of ${id}`, 1, EVERYTHING, discount(percent))], {
        id: ruleId(id),
        managementAccounts: [accountId(account)],
      });
    const of = withC1(
      { priceBooks: [book('one', PAYER, '10'), book('two', 'other', '20')] },
      {
        dataSources: [source(PAYER), source('other'), source('third')],
        links: [link(C1, PAYER), link(C1, 'other'), link(C1, 'third')],
      },
    );
    expect(printed(rated(of, [line(PAYER, '100'), line('other', '100'), line('third', '100')]), C1)).toEqual([
      '90.00',
      '80.00',
      '100.00',
    ]);
  });
});

describe('fixed rates', () => {
  const flat = (amount: string, more: Parameters<typeof terms>[0] = {}) =>
    terms({ priceBooks: [priceBook([price('flat', 1, where({ ServiceName: 'EC2' }), fixedRate(amount))])], ...more });

  it('add one amount per rule and management account when a line matches, and leave the lines alone', () => {
    const of = input({
      dataSources: [source(PAYER), source('other'), source('third')],
      links: [link(C1, PAYER), link(C1, 'other'), link(C1, 'third')],
      contracts: [contract(C1, flat('-5'))],
    });
    const result = rated(of, [line(PAYER, '100'), line(PAYER, '50'), line('other', '10'), line('third', '1', { service: 'S3' })]);
    expect(proformaOf(result, C1).lines.map(({ kind, text, amount }) => `${kind}, ${text}, ${amount}`)).toEqual([
      'usage, EC2, Usage: flat, 160.00',
      'usage, S3, Usage, 1.00',
      'fixedRate, flat (111111111111), -5.00',
      'fixedRate, flat (other), -5.00',
    ]);
  });

  it('are those of the version of the last day on which a line matched', () => {
    const of = input({
      contracts: [contract(C1, [flat('1'), { from: '2026-01-16', terms: flat('2') }, { from: '2026-01-25', terms: flat('3') }])],
    });
    expect(printed(rated(of, [line(PAYER, '10', { day: '2026-01-10' }), line(PAYER, '10', { day: '2026-01-20' })]), C1)).toEqual([
      '20.00',
      '2.00',
    ]);
  });

  it('belong to the base of percentages', () => {
    const of = input({ contracts: [contract(C1, flat('50', { customLineItems: [percentage('Fee', '10')] }))] });
    expect(printed(rated(of, [line(PAYER, '100')]), C1)).toEqual(['100.00', '50.00', '15.00']);
  });

  it('on a reseller’s contract count for each end customer', () => {
    const of = input({ links: [link(C1, PAYER), link(C2, PAYER, { account: 'b' })], contracts: [contract(R1, flat('7'))] });
    const result = rated(of, [line(PAYER, '100'), line(PAYER, '10', { account: 'b' })]);
    expect(proformaOf(result, R1).lines.map(({ text, amount }) => `${text} ${amount}`)).toEqual([
      'C1: EC2, Usage: flat 100.00',
      'C1: flat 7.00',
      'C2: EC2, Usage: flat 10.00',
      'C2: flat 7.00',
    ]);
  });
});

describe('basis UPSTREAM', () => {
  const upstream = (percent: string) =>
    terms({ priceBooks: [priceBook([price('plus', 1, EVERYTHING, charge(percent))], { basis: 'UPSTREAM' })] });

  it('starts from the amount that the tier above is billed for the same line', () => {
    const of = input({
      contracts: [
        contract(R1, terms({ priceBooks: [priceBook([price('p', 1, EVERYTHING, discount('10'))])] })),
        contract(C1, upstream('50')),
      ],
    });
    expect(figuresOf(rated(of, [line(PAYER, '100')]), C1).billed).toBe('135');
  });

  it('starts from the nearest billed tier above when the one above is unbilled', () => {
    const R3 = tenant('R3', 'reseller', R1);
    const C4 = tenant('C4', 'endCustomer', R3);
    const of = rating({
      tenants: [D1, R1, R3, C4],
      dataSources: [source(PAYER)],
      links: [link(C4, PAYER)],
      contracts: [
        contract(R1, terms({ priceBooks: [priceBook([price('p', 1, EVERYTHING, discount('10'))])] })),
        contract(C4, upstream('50')),
      ],
    });
    const result = rated(of, [line(PAYER, '100')]);
    expect(figuresOf(result, C4).billed).toBe('135');
    expect(figuresOf(result, R3)).toMatchObject({ billed: '0', unbilled: '100', resold: '135' });
  });

  it('keeps the upstream amount of a line that no rule matches', () => {
    const book = priceBook([price('plus', 1, where({ ServiceName: 'S3' }), charge('50'))], { basis: 'UPSTREAM' });
    const of = input({
      contracts: [
        contract(R1, terms({ priceBooks: [priceBook([price('p', 1, EVERYTHING, discount('10'))])] })),
        contract(C1, terms({ priceBooks: [book] })),
      ],
    });
    expect(figuresOf(rated(of, [line(PAYER, '100')]), C1).billed).toBe('90');
  });
});

describe('resellers', () => {
  const OWN = 'own account';
  const t2 = terms({
    customLineItems: [fixed('Fee', '25'), percentage('Partner discount', '3', { type: 'percentageDiscount' }), tax('VAT', '10')],
  });

  it('are billed custom line items for each customer, with one or without a contract, and for their own use', () => {
    const of = input({
      links: [link(C1, PAYER), link(R1, PAYER, { account: OWN }), link(C3, PAYER, { account: 'of another reseller' })],
      contracts: [contract(R1, t2), contract(R2, terms())],
    });
    const result = rated(of, [line(PAYER, '100'), line(PAYER, '10', { account: OWN })]);
    expect(proformaOf(result, R1).lines.map(({ text, unrounded }) => `${text} ${unrounded}`)).toEqual([
      'C1: EC2, Usage 100',
      'C1: Fee 25',
      'C1: Partner discount -3',
      'R1: EC2, Usage 10',
      'R1: Fee 25',
      'R1: Partner discount -0.3',
    ]);
    expect(proformaOf(result, R1).taxes.map(({ amount }) => amount)).toEqual(['15.67']);
    expect(figuresOf(result, R1).marginParts).toEqual([
      { reason: 'unbilled', amount: '-100', sourceAmount: '100' },
      { reason: 'own-use', amount: '-10', sourceAmount: '10' },
    ]);
  });

  it('are billed no fixed item for an account that is linked to nobody', () => {
    const of = input({ dataSources: [source(PAYER, R1)], links: [], contracts: [contract(R1, t2)] });
    const result = rated(of, [line(PAYER, '100')]);
    expect(proformaOf(result, R1)).toMatchObject({
      lines: [{ customerId: 'R1', amount: '100.00' }],
      taxes: [{ amount: '10.00' }],
    });
    expect(figuresOf(result, D1)).toMatchObject({ unassigned: '100', margin: '0', marginParts: [] });
    expect(figuresOf(result, R1)).toMatchObject({
      unassigned: '100',
      marginParts: [{ reason: 'unassigned', amount: '-100', sourceAmount: '100' }],
    });
    expect(billOf(result, R1).unassigned).toHaveLength(1);
    expect(billOf(result, D1).unassigned).toHaveLength(0);
  });

  it('pay for nobody’s account as for their own use, exclusions included, in the bucket unassigned', () => {
    const of = input({
      dataSources: [source(PAYER, R1)],
      links: [],
      contracts: [
        contract(D1, terms({ billingRules: [exclude('SPP', where({ x_LineItemType: 'Spp*' }))] })),
        contract(R1, terms({ priceBooks: [priceBook([price('p', 1, EVERYTHING, discount('10'))])] })),
      ],
    });
    const result = rated(of, [line(PAYER, '100'), line(PAYER, '-5', { more: { x_LineItemType: 'SppDiscount' } })]);
    expect(figuresOf(result, R1)).toMatchObject({ billed: '90', unassigned: '95', rated: '0', excluded: '0' });
    expect(figuresOf(result, D1)).toMatchObject({ billed: '95', resold: '90', unassigned: '95' });
  });

  it('are billed nothing for nobody’s account without a contract', () => {
    const of = input({ dataSources: [source(PAYER, R1)], links: [], contracts: [] });
    expect(figuresOf(rated(of, [line(PAYER, '100')]), D1)).toMatchObject({
      billed: '100',
      resold: '0',
      marginParts: [{ reason: 'unassigned', amount: '-100', sourceAmount: '100' }],
    });
  });

  it('are billed nothing either when the customer that owns the source has no contract', () => {
    const of = input({ dataSources: [source(PAYER, C1)], links: [], contracts: [contract(R1, terms())] });
    const result = rated(of, [line(PAYER, '100')]);
    expect(figuresOf(result, R1)).toMatchObject({ billed: '0', unassigned: '100', marginParts: [] });
    expect(figuresOf(result, D1).marginParts).toEqual([{ reason: 'unassigned', amount: '-100', sourceAmount: '100' }]);
  });

  it('at the root hold a base contract of exclusions only and have no document', () => {
    const root = tenant('Root', 'reseller');
    const customer = tenant('Customer', 'endCustomer', root);
    const of = rating({
      tenants: [root, customer],
      dataSources: [source(PAYER, root)],
      links: [link(customer, PAYER)],
      contracts: [
        contract(root, terms({ billingRules: [exclude('credits', where({ ChargeCategory: 'Credit' }))] })),
        contract(customer, terms()),
      ],
    });
    const result = rated(of, [line(PAYER, '100'), line(PAYER, '-10', { category: 'Credit' })]);
    expect(figuresOf(result, root)).toMatchObject({ billed: '90', resold: '100', margin: '10' });
    expect(billOf(result, root).reason?.code).toBe('no-parent');
    expect(printed(result, customer)).toEqual(['100.00']);
  });

  it('and distributors use accounts themselves', () => {
    const result = rated(input({ links: [link(D1, PAYER)] }), [line(PAYER, '100')]);
    expect(figuresOf(result, D1)).toMatchObject({
      billed: '100',
      rated: '100',
      marginParts: [{ reason: 'own-use', amount: '-100', sourceAmount: '100' }],
    });
  });
});

describe('several currencies', () => {
  const EUR = currency('EUR');

  it('are kept apart, and the document of a tenant with another currency is refused with the reason', () => {
    const of = withC1({ customLineItems: [percentage('Fee', '10'), fixed('Item', '1')] });
    const result = rated(of, [line(PAYER, '100'), line(PAYER, '50', { currency: EUR })]);
    expect(billOf(result, C1)).toMatchObject({ proforma: null, reason: { code: 'foreign-currency' } });
    expect(figuresOf(result, C1).billed).toBe('111');
    expect(figuresOf(result, C1, EUR).billed).toBe('55');
    expect(figuresOf(result, R1, EUR)).toMatchObject({ billed: '50', resold: '55', margin: '5' });
  });

  it('never meet in the base of a percentage: fixed rates are in the tenant’s own', () => {
    const of = withC1({
      priceBooks: [priceBook([price('flat', 1, EVERYTHING, fixedRate('20'))])],
      customLineItems: [percentage('Fee', '10')],
    });
    const result = rated(of, [line(PAYER, '100'), line(PAYER, '50', { currency: EUR })]);
    expect(figuresOf(result, C1).billed).toBe('132');
    expect(figuresOf(result, C1, EUR).billed).toBe('55');
  });

  it('do not matter where the foreign lines are not billed', () => {
    const of = withC1({ billingRules: [exclude('euros', where({ BillingCurrency: 'EUR' }))] });
    expect(printed(rated(of, [line(PAYER, '100'), line(PAYER, '50', { currency: EUR })]), C1)).toEqual(['100.00']);
  });

  it('round to their own minor unit', () => {
    const JPY = currency('JPY');
    const root = tenant('Root', 'distributor', undefined, JPY);
    const customer = tenant('Customer', 'endCustomer', root, JPY);
    const of = rating({
      tenants: [root, customer],
      dataSources: [source(PAYER, root)],
      links: [link(customer, PAYER)],
      contracts: [contract(customer, terms())],
    });
    expect(proformaOf(rated(of, [line(PAYER, '10.5', { currency: JPY })]), customer)).toMatchObject({ net: '11', total: '11' });
  });
});

describe('months without an import', () => {
  it('have no documents and charge nothing', () => {
    const of = withC1({ customLineItems: [fixed('Item', '1')] }, { dataSources: [{ ...source(PAYER), slice: null }] });
    const result = rated(of, []);
    expect(billOf(result, C1)).toMatchObject({ proforma: null, reason: { code: 'no-import' } });
    expect(figuresOf(result, C1).billed).toBe('0');
  });
});

describe('what keeps lines apart', () => {
  it('cuts the days where anything begins or is over', () => {
    const of = rating({
      links: [link(C1, PAYER, { from: '2026-01-05', to: '2026-01-09' })],
      autoAssignments: [takesIn(C1, PAYER, { from: '2024-03-01' })],
      contracts: [
        contract(C1, [terms({ end: '2026-01-20' }), { from: '2026-01-12', terms: terms({ end: '2026-01-25' }) }], {
          endedOn: '2026-01-22',
        }),
      ],
    });
    const cuts = cutsOf(of);
    expect(cuts).toEqual([
      '2024-03-01',
      '2026-01-01',
      '2026-01-05',
      '2026-01-09',
      '2026-01-12',
      '2026-01-22',
      '2026-01-26',
      '2026-02-01',
    ]);
    expect(cutsOf({ ...of, mode: 'current' })).not.toContain('2026-01-12');
    expect(cuts.map((cut) => segmentOf(cuts, cut))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(segmentOf(cuts, cuts[0] ?? JANUARY_1)).toBe(1);
    expect(segmentOf(cuts, JANUARY_1)).toBe(2);
  });

  it('takes dimensions with very many texts by the truth of their conditions', () => {
    const asked = where({ ServiceName: 'EC2', x_UsageType: 'Box*', ResourceId: ['I-1', 'i-2'], 'Tags/team': 'a' });
    const of = withC1({
      billingRules: [exclude('r', asked)],
      priceBooks: [priceBook([price('p', 1, where({ ResourceId: ['i-2', 'i-1'] }), charge('1'))])],
    });
    expect(dimensionsOf(of)).toMatchObject({
      values: ['x_UsageType'],
      truths: [{ dimension: 'ResourceId' }, { dimension: 'Tags/team' }],
    });
    const result = rated(of, [
      line(PAYER, '100', { more: { ResourceId: 'i-1' } }),
      line(PAYER, '10', { more: { ResourceId: 'i-1', x_UsageType: 'BoxUsage', 'Tags/team': 'A' } }),
    ]);
    expect(printed(result, C1)).toEqual(['101.00']);
  });
});

const JANUARY_1 = '2026-01-01' as ReturnType<typeof cutsOf>[number];
