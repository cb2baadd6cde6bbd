import { describe, expect, it } from '@jest/globals';
import { anyCase } from './any-case.ts';
import { type Contract, type Scope, type Terms, type TreeMonth, type UsageLine } from './case.ts';
import { differencesBeside } from './differences.ts';
import { judge, report } from './judge.ts';
import { oracle } from './oracle.ts';

const silent = (): void => undefined;

describe('the rating, judged by the oracle', () => {
  it('agrees on 300 random months, line by line and in merged groups', () => {
    const { lines, differing, smallest } = judge(1, 300, silent);
    expect(smallest ? report(smallest) : '').toBe('');
    expect(differing).toBe(0);
    expect(lines).toBeGreaterThan(3000);
  });

  it('is found out when its money goes through JavaScript numbers', () => {
    process.env['SABOTAGE'] = 'float';
    try {
      const { differing, smallest } = judge(1, 20, silent);
      expect(differing).toBeGreaterThan(0);
      if (!smallest) throw new Error('nothing was found');
      const said = report(smallest);
      expect(said).toMatch(/engine .*, oracle /);
      expect(said).toContain(`npm run oracle -- --seed ${String(smallest.seed)} --cases 1`);
      expect(smallest.case.lines.length).toBe(1);
    } finally {
      delete process.env['SABOTAGE'];
    }
  });

  it('rates many trees in one run, and each comes out as it does alone', () => {
    const cases = Array.from({ length: 200 }, (_, index) => anyCase(index + 1));
    const found = (): readonly string[] => [...differencesBeside(cases).values()].flat().map(({ text }) => text);
    expect(found()).toEqual([]);
    process.env['SABOTAGE'] = 'float';
    try {
      expect(found().some((text) => /\(one of \d\d trees\): engine .*, oracle /.test(text))).toBe(true);
    } finally {
      delete process.env['SABOTAGE'];
    }
  });

  it('is told how far the judge is, after every batch', () => {
    const batches: (readonly [number, number])[] = [];
    judge(7, 3, (done, differing) => batches.push([done, differing]));
    expect(batches).toEqual([[3, 0]]);
  });
});

const EVERY_MONTH = { type: 'recurring', from: '2025-01', to: null } as const;
const ON_ALL = { managementAccounts: 'all', includeCredits: false, includeMarketplace: false, frequency: EVERY_MONTH } as const;

const usage = (kind: string, category: string, service: string, type: string, cost: string, quantity?: string): UsageLine => ({
  dataSourceId: 'payer',
  subAccountId: 'a',
  day: '2026-01-10',
  currency: 'USD',
  serviceName: service,
  chargeCategory: category,
  marketplace: service === 'Marketplace',
  columns: { x_LineItemType: kind, x_UsageType: type },
  billedCost: cost,
  pricingQuantity: quantity ?? null,
});

const when = (dimension: string, ...values: string[]): Scope => ({
  conditions: [{ letter: 'A', dimension, values }],
  formula: null,
});
const exclude = (id: string, scope: Scope): Terms['billingRules'][number] => ({ id, name: id, managementAccounts: 'all', scope });
const price = (
  priority: number,
  scope: Scope,
  pricing: Terms['priceBooks'][number]['rules'][number]['pricing'],
): Terms['priceBooks'][number]['rules'][number] => ({
  id: `rule ${String(priority)}`,
  name: '',
  priority,
  scope,
  includeCredits: false,
  excludeMarketplace: false,
  separateLine: null,
  pricing,
});
const item = (id: string) => ({ id, name: id, description: null });

const contract = (tenantId: string, tier: Contract['tier'], terms: Partial<Terms>): Contract => ({
  id: `contract of ${tenantId}`,
  tenantId,
  tier,
  endedOn: null,
  versions: [
    {
      version: 1,
      effectiveFrom: '2025-01-01',
      terms: {
        name: '',
        start: '2025-01-01',
        end: null,
        managementAccounts: 'all',
        renewalPolicy: 'fixed-term',
        entitlements: [],
        invoicePrefix: null,
        billingDetails: null,
        billingRules: [],
        priceBooks: [],
        customLineItems: [],
        ...terms,
      },
    },
  ],
});

/** The month of one distributor, one reseller and one end customer that is checked by hand. */
const BY_HAND: TreeMonth = {
  month: '2026-01',
  mode: 'as-of',
  tenants: [
    { id: 'D1', path: ['D1'], tier: 'distributor', name: 'D1', currency: 'USD' },
    { id: 'R1', path: ['D1', 'R1'], tier: 'reseller', name: 'R1', currency: 'USD' },
    { id: 'C1', path: ['D1', 'R1', 'C1'], tier: 'endCustomer', name: 'C1', currency: 'USD' },
  ],
  dataSources: [
    {
      id: 'payer',
      managementAccountId: '111111111111',
      ownerId: 'D1',
      imported: true,
      accounts: [{ accountId: 'a', name: null }],
    },
  ],
  links: [{ dataSourceId: 'payer', accountId: 'a', tenantId: 'C1', from: null, to: null }],
  autoAssignments: [],
  contracts: [
    contract('D1', 'T1', {
      billingRules: [exclude('kept', when('x_LineItemType', 'DistributorDiscount', 'SppDiscount', 'Tax'))],
    }),
    contract('R1', 'T2', {
      billingRules: [exclude('edp', when('x_LineItemType', 'EdpDiscount'))],
      customLineItems: [
        { ...item('partner'), ...ON_ALL, type: 'percentageDiscount', percentage: '3' },
        {
          ...item('fee'),
          type: 'fixedCharge',
          amount: '25',
          prorate: false,
          managementAccounts: 'all',
          frequency: EVERY_MONTH,
        },
      ],
    }),
    contract('C1', 'T3', {
      billingRules: [
        exclude('support', {
          conditions: [
            { letter: 'A', dimension: 'ServiceName', values: ['AWS Support'] },
            { letter: 'B', dimension: 'x_LineItemType', values: ['Fee'] },
          ],
          formula: 'A AND B',
        }),
        exclude('credits', when('ChargeCategory', 'Credit')),
      ],
      priceBooks: [
        {
          id: 'book',
          name: '',
          managementAccounts: 'all',
          basis: 'LIST',
          rules: [
            price(10, when('x_UsageType', 'BoxUsage*'), { type: 'percentageDiscount', percentage: '8' }),
            price(20, when('x_UsageType', 'TimedStorage'), { type: 'unitRate', rate: '0.0215' }),
            price(30, when('x_Marketplace', 'true'), { type: 'percentageDiscount', percentage: '0' }),
            price(90, when('ServiceName', '*'), { type: 'percentageCharge', percentage: '5' }),
          ],
        },
      ],
      customLineItems: [
        {
          ...item('managed'),
          type: 'fixedCharge',
          amount: '150',
          prorate: false,
          managementAccounts: 'all',
          frequency: EVERY_MONTH,
        },
        {
          ...item('bands'),
          ...ON_ALL,
          type: 'supportBands',
          minimum: '100',
          resolution: 'customer',
          bands: [
            { upTo: '10000', percentage: '10' },
            { upTo: '80000', percentage: '7' },
            { upTo: null, percentage: '3' },
          ],
        },
        {
          ...item('goodwill'),
          type: 'fixedDiscount',
          amount: '50',
          prorate: false,
          managementAccounts: 'all',
          frequency: { type: 'once', on: '2026-01-15' },
        },
        { ...item('vat'), type: 'tax', percentage: '19', frequency: EVERY_MONTH },
      ],
    }),
  ],
};

const LINES = [
  usage('Usage', 'Usage', 'EC2', 'BoxUsage:m5.large', '714.24', '7440'),
  usage('Usage', 'Usage', 'S3', 'TimedStorage', '1150.00', '50000'),
  usage('Usage', 'Usage', 'EC2', 'DataTransfer-Out', '180.00', '2000'),
  usage('Usage', 'Usage', 'Lambda', 'GB-second', '200.0004', '12000000'),
  usage('Usage', 'Usage', 'Marketplace', '', '300.00'),
  usage('Fee', 'Purchase', 'AWS Support', '', '100.00'),
  usage('EdpDiscount', 'Adjustment', 'EC2', '', '-71.424'),
  usage('SppDiscount', 'Adjustment', 'EC2', '', '-112.21202'),
  usage('DistributorDiscount', 'Adjustment', 'EC2', '', '-67.327212'),
  usage('Credit', 'Credit', 'EC2', '', '-100.00'),
  usage('Tax', 'Tax', 'Tax', '', '120.00'),
];

describe('the oracle itself', () => {
  it('comes to the figures that are worked out by hand', () => {
    const statements = new Map(oracle(BY_HAND, LINES).map((one) => [one.tenantId, one]));
    const figures = (id: string) => statements.get(id)?.figures[0];
    const { net, taxes, total, roundingDifference } = statements.get('C1')?.proforma ?? {};
    expect({
      billed: ['D1', 'R1', 'C1'].map((id) => figures(id)?.billed.toFixed()),
      margin: ['D1', 'R1'].map((id) => figures(id)?.margin?.toFixed()),
      document: [net, taxes?.[0]?.amount, total, roundingDifference].map((amount) => amount?.toFixed()),
    }).toEqual({
      billed: ['2293.277168', '2498.913188', '2744.211342'],
      margin: ['205.63602', '245.298154'],
      document: ['2744.21', '521.4', '3265.61', '-0.001342'],
    });
  });
});
