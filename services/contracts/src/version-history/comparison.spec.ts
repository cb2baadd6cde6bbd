import { describe, expect, it } from '@jest/globals';
import { type ManagementAccountId } from '#libs/published/ids';
import { priceBook, priceRule, reseller, customer, root, ruleId, terms } from '../testing/sample-contracts.ts';
import { visibleTerms } from '../contract/visible-terms.ts';
import { compareTerms } from './comparison.ts';

const ec2 = { letter: 'A', dimension: 'ServiceName', values: ['EC2'] };

describe('comparing two versions', () => {
  it('finds nothing between equal terms', () => {
    expect(compareTerms(terms({ priceBooks: [priceBook()] }), terms({ priceBooks: [priceBook()] }))).toEqual([]);
  });
  it('names each field that differs, with both values', () => {
    const left = terms();
    const right = terms({ name: 'New', end: null, managementAccounts: ['1'] as ManagementAccountId[] });
    expect(compareTerms(left, right)).toEqual([
      { path: 'name', within: [], change: 'changed', left: 'Agreement', right: 'New' },
      { path: 'end', within: [], change: 'changed', left: '2026-12-31', right: null },
      { path: 'managementAccounts', within: [], change: 'changed', left: 'all', right: ['1'] },
    ]);
  });
  it('goes into a section that both have', () => {
    const { billingDetails } = terms();
    if (!billingDetails) throw new Error('the sample has billing details');
    const moved = { ...billingDetails, address: { ...billingDetails.address, city: 'Shelbyville' } };
    expect(compareTerms(terms(), terms({ billingDetails: moved }))).toMatchObject([
      { path: 'billingDetails.address.city', left: 'Springfield', right: 'Shelbyville' },
    ]);
  });
  it('matches rules by their id, wherever they stand', () => {
    const [a, b] = [priceRule(), priceRule({ id: ruleId('r2'), name: 'Rest', priority: 90 })];
    const dearer = priceRule({ pricing: { type: 'percentageDiscount', percentage: '10' } });
    const left = terms({ priceBooks: [priceBook({ rules: [a, b] })] });
    expect(compareTerms(left, terms({ priceBooks: [priceBook({ rules: [b, a] })] }))).toEqual([]);
    expect(compareTerms(left, terms({ priceBooks: [priceBook({ rules: [b, dearer] })] }))).toEqual([
      {
        path: 'priceBooks[b1].rules[r1].pricing.percentage',
        within: ['Prices', 'All'],
        change: 'changed',
        left: '8',
        right: '10',
      },
    ]);
  });
  it('shows a rule that came and one that went', () => {
    const [a, b] = [priceRule(), priceRule({ id: ruleId('r2'), name: 'Rest' })];
    const [left, right] = [
      terms({ priceBooks: [priceBook({ rules: [a] })] }),
      terms({ priceBooks: [priceBook({ rules: [b] })] }),
    ];
    expect(compareTerms(left, right)).toEqual([
      { path: 'priceBooks[b1].rules[r1]', within: ['Prices', 'All'], change: 'removed', left: a, right: null },
      { path: 'priceBooks[b1].rules[r2]', within: ['Prices', 'Rest'], change: 'added', left: null, right: b },
    ]);
  });
  it('shows a rate that became a percentage as one field gone and one come', () => {
    const rated = priceRule({ pricing: { type: 'unitRate', rate: '0.02' } });
    const [left, right] = [terms({ priceBooks: [priceBook()] }), terms({ priceBooks: [priceBook({ rules: [rated] })] })];
    expect(compareTerms(left, right).map(({ path, change }) => [path, change])).toEqual([
      ['priceBooks[b1].rules[r1].pricing.type', 'changed'],
      ['priceBooks[b1].rules[r1].pricing.percentage', 'removed'],
      ['priceBooks[b1].rules[r1].pricing.rate', 'added'],
    ]);
  });
  it('matches conditions by their letter', () => {
    const of = (values: readonly string[]) =>
      terms({
        billingRules: [
          {
            id: ruleId('x1'),
            name: 'Out',
            managementAccounts: 'all',
            scope: { conditions: [{ ...ec2, values }], formula: null },
          },
        ],
      });
    expect(compareTerms(of(['EC2']), of(['EC2', 'S3']))).toMatchObject([
      { path: 'billingRules[x1].scope.conditions[A].values', left: ['EC2'], right: ['EC2', 'S3'] },
    ]);
  });
});

describe('who sees prices on the upstream amount', () => {
  const path = [root, reseller, customer];
  const of = terms({ priceBooks: [priceBook({ basis: 'UPSTREAM' })] });
  const pricingSeenBy = (viewer: typeof root | 'platform' | null, version = of) =>
    visibleTerms(version, path, viewer).priceBooks[0]?.rules[0]?.pricing;

  it.each([root, reseller, 'platform' as const])('%s, above the contract’s tenant, does', (viewer) => {
    expect(pricingSeenBy(viewer)).toEqual({ type: 'percentageDiscount', percentage: '8' });
  });
  it.each([customer, null])('%s does not', (viewer) => {
    expect(pricingSeenBy(viewer)).toEqual({ type: 'percentageDiscount', hidden: true });
  });
  it('every reader of the contract sees prices on the list amount', () => {
    expect(pricingSeenBy(customer, terms({ priceBooks: [priceBook()] }))).toEqual({
      type: 'percentageDiscount',
      percentage: '8',
    });
  });
  it('a comparison tells a tenant nothing about a changed upstream price', () => {
    const dearer = terms({
      priceBooks: [
        priceBook({ basis: 'UPSTREAM', rules: [priceRule({ pricing: { type: 'percentageDiscount', percentage: '5' } })] }),
      ],
    });
    const differences = (viewer: typeof root) =>
      compareTerms(visibleTerms(of, path, viewer), visibleTerms(dearer, path, viewer)).length;
    expect([differences(reseller), differences(customer)]).toEqual([1, 0]);
  });
});
