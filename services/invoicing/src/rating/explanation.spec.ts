import { describe, expect, it } from '@jest/globals';
import { type RatedTenant, type RatingInput } from './rating-input.ts';
import { type Explanation, explain } from './explanation.ts';
import { rate } from './rate.ts';
import {
  C1,
  charge,
  contract,
  D1,
  discount,
  EVERYTHING,
  fixed,
  grouped,
  line,
  type Line,
  link,
  price,
  priceBook,
  proformaOf,
  R1,
  R2,
  rating,
  source,
  terms,
} from './testing/scenario.ts';
import { LINES, THREE_TIERS } from './testing/three-tiers.ts';

const PAYER = '111111111111';

/** The explanation of the line with this text, as somebody of the viewer's tier sees it. */
const explained = (
  input: RatingInput,
  lines: readonly Line[],
  of: RatedTenant,
  text: string,
  viewer: RatedTenant,
): Explanation => {
  const rated = rate(input, grouped(input, lines));
  const { lines: printed, taxes } = proformaOf(rated, of);
  const id = [...printed, ...taxes].find((one) => one.text === text)?.id;
  const explanation = id && explain(rated, of.id, id, viewer.path);
  if (!explanation)
    throw new Error(`nothing is explained of "${text}": ${[...printed, ...taxes].map((one) => one.text).join('; ')}`);
  return explanation;
};

const ofC1 = (text: string, viewer: RatedTenant) => explained(THREE_TIERS, LINES, C1, text, viewer);
const COMPUTE = 'Amazon Elastic Compute Cloud, Usage: p10';

describe('explaining a line', () => {
  it('tells its amounts along the way, from the start to the printed amount', () => {
    expect(ofC1(COMPUTE, C1)).toMatchObject({
      amount: '657.1',
      unrounded: '657.1008',
      paths: [
        {
          lines: 1,
          start: '714.24',
          amount: '657.1008',
          steps: [
            {
              step: 'price',
              tenantId: 'C1',
              version: 1,
              rule: { id: 'p10', pricing: { type: 'percentageDiscount', percentage: '8' } },
              before: '714.24',
              after: '657.1008',
            },
          ],
        },
      ],
    });
  });

  it('lists what was removed before in the order of the tiers, to the root all of it', () => {
    const removed = (viewer: RatedTenant) =>
      ofC1(COMPUTE, viewer).removed.map(({ tenantId, rule, chargeCategory, lines, amount }) =>
        [tenantId, rule.name, chargeCategory, lines, amount].join(', '),
      );
    const byC1 = 'C1, Credits stay with the reseller, Credit, 1, -100';
    const byR1 = 'R1, EDP stays with the distributor, Adjustment, 1, -71.424';
    expect(removed(D1)).toEqual([
      'D1, What the distributor keeps, Adjustment, 2, -179.539232',
      'D1, What the distributor keeps, Tax, 1, 120',
      byR1,
      byC1,
    ]);
    expect(removed(R1)).toEqual([byR1, byC1]);
    expect(removed(C1)).toEqual([byC1]);
  });

  it('shows each tier its own step and those below it', () => {
    const steps = (viewer: RatedTenant) =>
      ofC1(COMPUTE, viewer).paths.flatMap((path) => path.steps.map(({ tenantId }) => tenantId));
    expect(steps(D1)).toEqual(['R1', 'C1']);
    expect(steps(R1)).toEqual(['R1', 'C1']);
    expect(steps(C1)).toEqual(['C1']);
  });

  it('is not for who stands nowhere on the way', () => {
    const rated = rate(THREE_TIERS, grouped(THREE_TIERS, LINES));
    const id = proformaOf(rated, C1).lines[0]?.id ?? '';
    expect(explain(rated, C1.id, id, C1.path)).toBeDefined();
    expect(explain(rated, C1.id, id, R2.path)).toBeUndefined();
    expect(explain(rated, R1.id, id, R1.path)).toBeUndefined();
    expect(explain(rated, C1.id, 'no such line', C1.path)).toBeUndefined();
  });

  it('names the groups of its source lines', () => {
    expect(ofC1(COMPUTE, C1).groups).toMatchObject([
      { accountId: PAYER, values: { x_UsageType: 'BoxUsage:m5.large' }, lines: 1 },
    ]);
  });
});

describe('explaining a custom line item', () => {
  it('tells the base and the bands of support', () => {
    expect(ofC1('Support', C1)).toMatchObject({
      amount: '213.11',
      unrounded: '213.110122',
      item: {
        itemId: 'Support',
        how: {
          of: 'bands',
          bases: [{ managementAccountId: PAYER, lines: 4, amount: '2131.10122', fixedRates: '0' }],
          bands: [{ percentage: '10', part: '2131.10122', amount: '213.110122' }],
          minimumApplied: null,
        },
      },
    });
  });

  it('tells the base of a percentage and the net of a tax', () => {
    expect(explained(THREE_TIERS, LINES, R1, 'C1: Partner discount (111111111111)', R1)).toMatchObject({
      unrounded: '-70.327212',
      item: { customerId: 'C1', how: { of: 'percentage', percentage: '3', bases: [{ amount: '2344.2404' }] } },
    });
    expect(ofC1('VAT', C1)).toMatchObject({
      amount: '521.4',
      unrounded: '521.3999',
      item: { how: { of: 'tax', percentage: '19', net: '2744.21' } },
    });
  });

  it('tells the covered days of a prorated amount', () => {
    const input = rating({
      dataSources: [source(PAYER)],
      links: [link(C1, PAYER)],
      contracts: [contract(C1, terms({ start: '2026-01-16', customLineItems: [fixed('Item', '500', { prorate: true })] }))],
    });
    expect(explained(input, [], C1, 'Item', C1).item).toMatchObject({
      how: { of: 'fixed', amount: '500', prorated: { coveredDays: 16, days: 31 } },
    });
  });
});

describe('explaining a price that starts from the upstream tier’s', () => {
  const input = rating({
    dataSources: [source(PAYER)],
    links: [link(C1, PAYER)],
    contracts: [
      contract(D1, terms()),
      contract(R1, terms({ priceBooks: [priceBook([price('secret of D1', 1, EVERYTHING, discount('7'))])] })),
      contract(C1, terms({ priceBooks: [priceBook([price('cost plus', 1, EVERYTHING, charge('11'))], { basis: 'UPSTREAM' })] })),
    ],
  });
  const seenBy = (viewer: RatedTenant) => explained(input, [line(PAYER, '100')], C1, 'EC2, Usage: cost plus', viewer);

  it('shows amount before and percentage to the contract’s author and above', () => {
    for (const viewer of [D1, R1]) {
      const step = seenBy(viewer).paths[0]?.steps.at(-1);
      expect(step).toMatchObject({
        before: '93',
        after: '103.23',
        rule: { pricing: { type: 'percentageCharge', percentage: '11' } },
      });
    }
  });

  it('hides them from the customer, and the source amounts that would tell', () => {
    const explanation = seenBy(C1);
    expect(explanation.paths).toMatchObject([
      { start: null, steps: [{ tenantId: 'C1', before: null, after: '103.23', rule: { name: 'cost plus', pricing: null } }] },
    ]);
    expect(explanation.sourceAmountsHidden).toBe(true);
    const { groups: _groups, ...told } = explanation;
    for (const secret of ['"93"', '"11"', '"7"', '"100"', 'secret of D1']) expect(JSON.stringify(told)).not.toContain(secret);
  });

  it('never shows the rules of a tier above', () => {
    expect(JSON.stringify(seenBy(C1))).not.toContain('secret of D1');
    expect(JSON.stringify(seenBy(R1))).toContain('secret of D1');
  });
});
