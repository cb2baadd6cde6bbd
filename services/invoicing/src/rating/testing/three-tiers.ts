import { type RatingInput } from '../rating-input.ts';
import {
  C1,
  C2,
  C3,
  charge,
  contract,
  D1,
  discount,
  exclude,
  fixed,
  line,
  type Line,
  link,
  once,
  percentage,
  price,
  priceBook,
  R1,
  R2,
  rating,
  source,
  support,
  tax,
  terms,
  unitRate,
  where,
} from './scenario.ts';

/** One month through three tiers, small enough to check by hand. */

const PAYER_OF_C1 = '111111111111';
const PAYERS_OF_C2 = ['222222222221', '222222222222'] as const;
const PAYER_OF_C3 = '333333333333';

const ec2 = 'Amazon Elastic Compute Cloud';

/** A line of C1: every line names its type, and all of them a region. */
const ofC1 = (cost: string, type: string, service: string, usage: string, more: Partial<Line> = {}): Line =>
  line(PAYER_OF_C1, cost, {
    service,
    more: { x_LineItemType: type, x_UsageType: usage, RegionId: 'us-east-1' },
    ...more,
    day: '2026-01-10',
  });

export const LINES: readonly Line[] = [
  ofC1('714.24', 'Usage', ec2, 'BoxUsage:m5.large', { quantity: '7440' }),
  ofC1('1150.00', 'Usage', 'Amazon Simple Storage Service', 'TimedStorage-ByteHrs', { quantity: '50000' }),
  ofC1('180.00', 'Usage', ec2, 'DataTransfer-Out-Bytes', { quantity: '2000' }),
  ofC1('200.0004', 'Usage', 'AWS Lambda', 'Lambda-GB-Second', { quantity: '12000000' }),
  ofC1('300.00', 'Usage', 'Marketplace software', 'SoftwareUsage', { marketplace: true }),
  ofC1('100.00', 'Fee', 'AWS Support (Business)', '', { category: 'Purchase' }),
  ofC1('-71.424', 'EdpDiscount', ec2, 'BoxUsage:m5.large', { category: 'Adjustment' }),
  ofC1('-112.21202', 'SppDiscount', ec2, '', { category: 'Adjustment' }),
  ofC1('-67.327212', 'DistributorDiscount', ec2, '', { category: 'Adjustment' }),
  ofC1('-100.00', 'Credit', ec2, '', { category: 'Credit' }),
  ofC1('120.00', 'Tax', ec2, '', { category: 'Tax' }),
  ...[
    [PAYERS_OF_C2[0], '1000', 'Usage'],
    [PAYERS_OF_C2[0], '500', 'Usage'],
    [PAYERS_OF_C2[0], '-75', 'SppDiscount'],
    [PAYERS_OF_C2[0], '-45', 'DistributorDiscount'],
    [PAYERS_OF_C2[1], '400', 'Usage'],
    [PAYERS_OF_C2[1], '-20', 'SppDiscount'],
    [PAYERS_OF_C2[1], '-12', 'DistributorDiscount'],
    [PAYER_OF_C3, '800', 'Usage'],
    [PAYER_OF_C3, '-40', 'SppDiscount'],
    [PAYER_OF_C3, '-24', 'DistributorDiscount'],
  ].map(([payer = '', cost = '', type = '']) =>
    line(payer, cost, { service: ec2, category: type === 'Usage' ? 'Usage' : 'Adjustment', more: { x_LineItemType: type } }),
  ),
];

const BASE_CONTRACT = contract(
  D1,
  terms({
    billingRules: [
      exclude(
        'What the distributor keeps',
        where({ x_LineItemType: ['DistributorDiscount', 'SppDiscount'], ChargeCategory: 'Tax' }, 'A OR B'),
      ),
    ],
  }),
);

const R1_CONTRACT = contract(
  R1,
  terms({
    billingRules: [exclude('EDP stays with the distributor', where({ x_LineItemType: 'EdpDiscount' }))],
    customLineItems: [percentage('Partner discount', '3', { type: 'percentageDiscount' }), fixed('Platform fee', '25')],
  }),
);

export const R2_CONTRACT = contract(R2, terms());

/** C1's terms; `compute` is the discount of p10. */
export const termsOfC1 = (compute: string) =>
  terms({
    billingRules: [
      exclude('AWS Support fee', where({ ServiceName: 'AWS Support*', x_LineItemType: 'Fee' }, 'A AND B')),
      exclude('Credits stay with the reseller', where({ ChargeCategory: 'Credit' })),
    ],
    priceBooks: [
      priceBook([
        price('p10', 10, where({ ServiceName: ec2, x_UsageType: 'BoxUsage*', RegionId: 'us-east-1' }), discount(compute)),
        price('p20', 20, where({ x_UsageType: 'TimedStorage*' }), unitRate('0.0215')),
        price('p30', 30, where({ x_Marketplace: 'true' }), discount('0')),
        price('p90', 90, where({ ServiceName: '*' }), charge('5')),
      ]),
    ],
    customLineItems: [
      fixed('Managed service', '150'),
      support('Support'),
      fixed('Goodwill', '50', { type: 'fixedDiscount', frequency: once('2026-01-15') }),
      tax('VAT', '19'),
    ],
  });

export const C1_CONTRACT = contract(C1, termsOfC1('8'));
const C2_CONTRACT = contract(C2, terms({ customLineItems: [fixed('Managed service', '500')] }));

export const THREE_TIERS: RatingInput = rating({
  dataSources: [PAYER_OF_C1, ...PAYERS_OF_C2, PAYER_OF_C3].map((payer) => source(payer)),
  links: [link(C1, PAYER_OF_C1), ...PAYERS_OF_C2.map((payer) => link(C2, payer)), link(C3, PAYER_OF_C3)],
  contracts: [BASE_CONTRACT, R1_CONTRACT, R2_CONTRACT, C1_CONTRACT, C2_CONTRACT],
});

/** The same with other contracts in place of those with the same id. */
export const withContracts = (...replaced: readonly RatingInput['contracts'][number][]): RatingInput => {
  const ids = new Set(replaced.map(({ id }) => id));
  return { ...THREE_TIERS, contracts: [...THREE_TIERS.contracts.filter(({ id }) => !ids.has(id)), ...replaced] };
};
