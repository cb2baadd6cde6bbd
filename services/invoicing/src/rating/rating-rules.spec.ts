import { describe, expect, it } from '@jest/globals';
import { type RatingInput } from './rating-input.ts';
import { type RatedMonth, rate } from './rate.ts';
import {
  accountId,
  billOf,
  C1,
  C2,
  charge,
  contract,
  D1,
  discount,
  EVERYTHING,
  exclude,
  figuresOf,
  fixed,
  grouped,
  line,
  type Line,
  link,
  once,
  percentage,
  price,
  priceBook,
  printed,
  proformaOf,
  R1,
  rating,
  recurring,
  source,
  support,
  tax,
  terms,
  where,
} from './testing/scenario.ts';
import { tieOuts } from './tie-outs.ts';

const PAYER = '111111111111';

/** C1 with one payer account and these terms; D1 and R1 add nothing of their own. */
const input = (more: Partial<RatingInput> & { c1?: Parameters<typeof terms>[0] }): RatingInput =>
  rating({
    dataSources: [source(PAYER)],
    links: [link(C1, PAYER)],
    contracts: [contract(D1, terms()), contract(R1, terms()), contract(C1, terms(more.c1))],
    ...more,
  });

const rated = (of: RatingInput, lines: readonly Line[]): RatedMonth => {
  const month = rate(of, grouped(of, lines));
  expect(tieOuts(month)).toEqual({ ok: true });
  return month;
};

const bill = (c1: Parameters<typeof terms>[0], ...lines: readonly Line[]): RatedMonth => rated(input({ c1 }), lines);

describe('exclusions', () => {
  const tagged = (...tags: readonly string[]) =>
    line(PAYER, '100', { more: Object.fromEntries(tags.map((tag) => [`Tags/${tag}`, 'yes'])) });
  const conditions = { 'Tags/A': '*es', 'Tags/B': '*es', 'Tags/C': '*es' };

  it.each([
    ['A AND B', '300'],
    ['A OR (B AND C)', '200'],
    ['NOT A', '200'],
  ])('%s of lines {A}, {B}, {A,B}, {C} leaves %s', (formula, left) => {
    const month = bill(
      { billingRules: [exclude('rule', where(conditions, formula))] },
      tagged('A'),
      tagged('B'),
      tagged('A', 'B'),
      tagged('C'),
    );
    expect(figuresOf(month, C1).billed).toBe(left);
  });

  it('come to the same, whichever tier excludes which', () => {
    const spp = exclude('SPP', where({ x_LineItemType: 'SppDiscount' }));
    const edp = exclude('EDP', where({ x_LineItemType: 'EdpDiscount' }));
    const lines = [
      line(PAYER, '1000'),
      line(PAYER, '-50', { category: 'Adjustment', more: { x_LineItemType: 'SppDiscount' } }),
      line(PAYER, '-30', { category: 'Adjustment', more: { x_LineItemType: 'EdpDiscount' } }),
    ];
    const ways = [
      [spp, edp],
      [edp, spp],
    ].map(([first, second]) =>
      rated(
        input({
          contracts: [
            contract(D1, terms({ billingRules: first ? [first] : [] })),
            contract(R1, terms({ billingRules: second ? [second] : [] })),
            contract(C1, terms()),
          ],
        }),
        lines,
      ),
    );
    expect(ways.map((month) => figuresOf(month, C1).billed)).toEqual(['1000', '1000']);
    expect(ways.map((month) => billOf(month, R1).figures[0]?.excluded)).toEqual([
      [
        { by: 'D1', amount: '-50' },
        { by: 'R1', amount: '-30' },
      ],
      [
        { by: 'D1', amount: '-30' },
        { by: 'R1', amount: '-50' },
      ],
    ]);
  });

  it('match nothing but a star where a column is null', () => {
    const month = (value: string) => bill({ billingRules: [exclude('rule', where({ RegionId: value }))] }, line(PAYER, '100'));
    expect(figuresOf(month('*'), C1).billed).toBe('0');
    expect(figuresOf(month('us*'), C1).billed).toBe('100');
  });

  it('of the root act on what it charges, not on what it is billed', () => {
    const month = rated(
      input({
        contracts: [
          contract(D1, terms({ billingRules: [exclude('all', EVERYTHING)] })),
          contract(R1, terms()),
          contract(C1, terms()),
        ],
      }),
      [line(PAYER, '100')],
    );
    expect(figuresOf(month, D1)).toMatchObject({ billed: '100', resold: '0', margin: '-100', marginParts: [], excluded: '0' });
  });
});

describe('price rules', () => {
  it('are tried by ascending priority and the first that matches wins', () => {
    const month = bill(
      {
        priceBooks: [
          priceBook([price('p90', 90, EVERYTHING, charge('5')), price('p10', 10, where({ ServiceName: 'EC2' }), discount('8'))]),
        ],
      },
      line(PAYER, '714.24'),
    );
    expect(proformaOf(month, C1).lines).toMatchObject([{ ruleId: 'p10', unrounded: '657.1008', amount: '657.10' }]);
  });

  it('print one line per service, category and rule, whatever the linked account', () => {
    const p10 = price('p10', 10, where({ x_UsageType: 'BoxUsage*' }), discount('8'));
    const month = rated(
      input({
        links: [link(C1, PAYER), link(C1, PAYER, { account: 'second' })],
        contracts: [
          contract(R1, terms()),
          contract(C1, terms({ priceBooks: [priceBook([p10, price('p90', 90, EVERYTHING, charge('5'))])] })),
        ],
      }),
      [
        line(PAYER, '100', { more: { x_UsageType: 'BoxUsage:m5' } }),
        line(PAYER, '100', { account: 'second', more: { x_UsageType: 'BoxUsage:m5' } }),
        line(PAYER, '100', { more: { x_UsageType: 'DataTransfer' } }),
      ],
    );
    expect(proformaOf(month, C1).lines).toMatchObject([
      { ruleId: 'p10', amount: '184.00', sourceLines: 2 },
      { ruleId: 'p90', amount: '105.00', sourceLines: 1 },
    ]);
  });

  it('round each printed line once, half away from zero', () => {
    const cents = (...services: readonly string[]) => bill({}, ...services.map((service) => line(PAYER, '0.005', { service })));
    expect(proformaOf(cents('a', 'a', 'a'), C1)).toMatchObject({ net: '0.02', roundingDifference: '0.005' });
    expect(proformaOf(cents('a', 'b', 'c'), C1)).toMatchObject({ net: '0.03', roundingDifference: '0.015' });
    expect(printed(bill({}, line(PAYER, '-0.005')), C1)).toEqual(['-0.01']);
  });

  it('keep their line when a version changes the percentage within the month', () => {
    const version = (percent: string) =>
      terms({
        priceBooks: [priceBook([price('p10', 10, EVERYTHING, discount(percent))])],
        customLineItems: [fixed('Managed service', '150')],
      });
    const month = rated(
      input({ contracts: [contract(R1, terms()), contract(C1, [version('8'), { from: '2026-01-16', terms: version('10') }])] }),
      [line(PAYER, '100', { day: '2026-01-10' }), line(PAYER, '100', { day: '2026-01-20' })],
    );
    expect(printed(month, C1)).toEqual(['182.00', '150.00']);
    expect(
      billOf(month, C1)
        .contracts.filter(({ tenantId }) => tenantId === 'C1')
        .map(({ version: used }) => used),
    ).toEqual([1, 2]);
  });
});

describe('custom line items', () => {
  const credit = line(PAYER, '-200', { category: 'Credit' });
  const marketplace = line(PAYER, '300', { service: 'Software', marketplace: true });
  const item = (month: RatedMonth) =>
    proformaOf(month, C1)
      .lines.filter(({ kind }) => kind === 'customLineItem')
      .map(({ amount }) => amount);

  it.each([
    ['without credits', {}, [credit], '100.00'],
    ['with credits', { includeCredits: true }, [credit], '80.00'],
    ['without marketplace', {}, [marketplace], '100.00'],
    ['with marketplace', { includeMarketplace: true }, [marketplace], '130.00'],
    ['with a marketplace credit only if both are ticked', { includeCredits: true }, [{ ...credit, marketplace: true }], '100.00'],
    [
      'with a marketplace credit when both are ticked',
      { includeCredits: true, includeMarketplace: true },
      [{ ...credit, marketplace: true }],
      '80.00',
    ],
    ['without tax', {}, [line(PAYER, '50', { category: 'Tax' })], '100.00'],
  ])('charge 10 %% %s', (_what, ticks, more, expected) => {
    const month = bill({ customLineItems: [percentage('Fee', '10', ticks)] }, line(PAYER, '1000'), ...more);
    expect(item(month)).toEqual([expected]);
  });

  it('take the same base, each of them, and none of another', () => {
    const month = bill(
      { customLineItems: [percentage('a', '10'), fixed('b', '70'), percentage('c', '10')] },
      line(PAYER, '1000'),
    );
    expect(item(month)).toEqual(['100.00', '70.00', '100.00']);
  });

  it('give 0 of a base that is not positive', () => {
    const month = bill({ customLineItems: [percentage('a', '10'), support('b')] }, line(PAYER, '-1000'));
    expect(item(month)).toEqual(['0.00', '0.00']);
  });

  it('apply once per management account, used or not', () => {
    const accounts = ['a', 'b', 'c'];
    const month = rated(
      input({
        dataSources: accounts.map((account) => source(account)),
        links: accounts.map((account) => link(C1, account)),
        c1: { customLineItems: [fixed('Managed service', '500')] },
      }),
      [line('a', '1')],
    );
    expect(proformaOf(month, C1)).toMatchObject({ net: '1501.00' });
    expect(item(month)).toEqual(['500.00', '500.00', '500.00']);
  });

  it('apply to the management accounts in their scope only', () => {
    const month = rated(
      input({
        dataSources: [source('a'), source('b')],
        links: [link(C1, 'a'), link(C1, 'b')],
        c1: { customLineItems: [fixed('Managed service', '500', { managementAccounts: [accountId('b')] })] },
      }),
      [],
    );
    expect(proformaOf(month, C1).lines).toMatchObject([{ managementAccountId: 'b', amount: '500.00' }]);
  });

  it.each([
    ['2026-01', once('2026-01-15'), ['7.00']],
    ['2026-02', once('2026-01-15'), []],
    ['2026-01', recurring('2026-01', '2026-03'), ['7.00']],
    ['2026-03', recurring('2026-01', '2026-03'), ['7.00']],
    ['2026-04', recurring('2026-01', '2026-03'), []],
    ['2025-12', recurring('2026-01', '2026-03'), []],
  ])('in %s as their frequency says', (month, frequency, expected) => {
    const of = {
      ...input({ c1: { start: '2025-01-01', customLineItems: [fixed('Item', '7', { frequency })] } }),
      month: month as RatingInput['month'],
    };
    expect(item(rated(of, []))).toEqual(expected);
  });

  it('are charged in full from the middle of the month, or prorated by choice', () => {
    const from16 = (prorate: boolean) => bill({ start: '2026-01-16', customLineItems: [fixed('Item', '500', { prorate })] });
    expect(item(from16(false))).toEqual(['500.00']);
    expect(item(from16(true))).toEqual(['258.06']);
    expect(proformaOf(from16(true), C1).lines[0]?.unrounded).toBe('258.064516129032258065');
  });

  it('apply for each of two contracts in a month, and a warning says so', () => {
    const two = (prorate: boolean) => {
      const items = { customLineItems: [fixed('Item', '150', { prorate })] };
      return rated(
        input({
          contracts: [
            contract(C1, terms({ ...items, end: '2026-01-15' }), { id: 'first' }),
            contract(C1, terms({ ...items, start: '2026-01-16' }), { id: 'second' }),
          ],
        }),
        [],
      );
    };
    expect(item(two(false))).toEqual(['150.00', '150.00']);
    expect(item(two(true))).toEqual(['72.58', '77.42']);
    expect(proformaOf(two(true), C1).net).toBe('150.00');
    expect(billOf(two(true), C1).warnings).toMatchObject([{ code: 'several-contracts', by: 'C1' }]);
  });

  it.each([
    ['500', '100.00'],
    ['1000', '100.00'],
    ['10000', '1000.00'],
    ['25000', '2050.00'],
    ['100000', '6900.00'],
    ['300000', '15900.00'],
  ])('support on %s is %s', (base, expected) => {
    expect(item(bill({ customLineItems: [support('Support')] }, line(PAYER, base)))).toEqual([expected]);
  });

  it('support is one amount over all accounts, or one for each', () => {
    const bands = (resolution: 'customer' | 'managementAccount') =>
      rated(
        input({
          dataSources: [source('a'), source('b')],
          links: [link(C1, 'a'), link(C1, 'b')],
          c1: { customLineItems: [support('Support', { resolution })] },
        }),
        [line('a', '10000'), line('b', '15000')],
      );
    expect(item(bands('customer'))).toEqual(['2050.00']);
    expect(item(bands('managementAccount'))).toEqual(['1000.00', '1350.00']);
  });
});

describe('tax', () => {
  const vat = tax('VAT', '19');

  it('of the source passes through under the net; own tax is taken of the net', () => {
    const month = bill(
      { priceBooks: [priceBook([price('all', 1, EVERYTHING, charge('10'))])], customLineItems: [vat] },
      line(PAYER, '100.00'),
      line(PAYER, '12.00', { category: 'Tax' }),
    );
    expect(proformaOf(month, C1)).toMatchObject({
      net: '110.00',
      taxes: [{ amount: '20.90' }],
      passThroughTax: '12.00',
      total: '142.90',
    });
    expect(figuresOf(month, C1)).toMatchObject({ billed: '110', rated: '112' });
    expect(figuresOf(month, D1)).toMatchObject({ billed: '100', rated: '112' });
  });

  it('is negative on a negative net', () => {
    const month = bill({ customLineItems: [vat] }, line(PAYER, '-100'));
    expect(proformaOf(month, C1)).toMatchObject({ net: '-100.00', taxes: [{ amount: '-19.00' }], total: '-119.00' });
  });

  it('is taken of each contract by itself, each on the same net', () => {
    const month = rated(
      input({
        contracts: [
          contract(R1, terms()),
          contract(C1, terms({ end: '2026-01-15', customLineItems: [vat, tax('Levy', '1')] }), { id: 'first' }),
          contract(C1, terms({ start: '2026-01-16', customLineItems: [tax('VAT', '10')] }), { id: 'second' }),
        ],
      }),
      [line(PAYER, '100', { day: '2026-01-15' }), line(PAYER, '50', { day: '2026-01-16' })],
    );
    expect(proformaOf(month, C1).taxes.map(({ text, amount }) => `${text} ${amount}`)).toEqual([
      'VAT 19.00',
      'Levy 1.00',
      'VAT 5.00',
    ]);
  });
});

describe('days', () => {
  it('an account that moves takes its usage along from that day on', () => {
    const month = rated(
      input({
        links: [link(C1, PAYER, { to: '2026-01-16' }), link(C2, PAYER, { from: '2026-01-16' })],
        contracts: [contract(R1, terms()), contract(C1, terms()), contract(C2, terms())],
      }),
      [line(PAYER, '15', { day: '2026-01-15' }), line(PAYER, '16', { day: '2026-01-16' })],
    );
    expect(printed(month, C1)).toEqual(['15.00']);
    expect(printed(month, C2)).toEqual(['16.00']);
  });

  it('a contract covers from its first day to its last', () => {
    const month = bill(
      { start: '2026-01-16', end: '2026-01-20' },
      ...['15', '16', '20', '21'].map((day) => line(PAYER, day, { day: `2026-01-${day}` })),
    );
    expect(figuresOf(month, C1)).toMatchObject({ billed: '36', rated: '36', unbilled: '36' });
  });

  it('a cancellation ends it on the day before', () => {
    const of = input({ contracts: [contract(R1, terms()), contract(C1, terms(), { endedOn: '2026-01-11' })] });
    const month = rated(of, [line(PAYER, '1', { day: '2026-01-10' }), line(PAYER, '2', { day: '2026-01-11' })]);
    expect(figuresOf(month, C1)).toMatchObject({ rated: '1', unbilled: '2' });
  });
});

describe('an account that is linked to nobody', () => {
  it('is rated as the source owner’s own use and resold to nobody', () => {
    const month = rated(input({}), [line(PAYER, '100', { account: 'nobodys' })]);
    expect(figuresOf(month, D1)).toMatchObject({
      billed: '100',
      resold: '0',
      margin: '-100',
      rated: '0',
      unassigned: '100',
      marginParts: [{ reason: 'unassigned', amount: '-100', sourceAmount: '100' }],
    });
    expect(billOf(month, D1)).toMatchObject({
      warnings: [{ code: 'unassigned' }],
      unassigned: [{ accountId: 'nobodys', amount: '100', lines: 1 }],
    });
    expect(figuresOf(month, R1)).toMatchObject({ billed: '0', unassigned: '0' });
  });
});
