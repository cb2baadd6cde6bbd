import { describe, expect, it } from '@jest/globals';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type CustomLineItem, type Terms } from '#libs/published/contract-terms';
import { type ContractTier } from '#libs/published/contracts';
import { type ManagementAccountId } from '#libs/published/ids';
import { day, month } from '#libs/time/time';
import { priceBook, priceRule, ruleId, terms } from '../testing/sample-contracts.ts';
import { refuseTerms } from './terms.ts';

const refusal = (tier: ContractTier, of: Terms): readonly [code: string, ...paths: string[]] | 'accepted' => {
  try {
    refuseTerms(tier, of);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof DomainError) || error.refusal !== 'rejected') throw error;
    return [error.code, ...error.errors.map(({ path }) => path)];
  }
};

const accounts = ['1', '2'] as ManagementAccountId[];
const scope = { conditions: [{ letter: 'A', dimension: 'ServiceName', values: ['*'] }], formula: null };
const billingRule = (id = 'x1') => ({ id: ruleId(id), name: 'Credits', managementAccounts: 'all' as const, scope });
const item: CustomLineItem = {
  id: ruleId('i1'),
  name: 'VAT',
  description: null,
  type: 'tax',
  percentage: '19',
  frequency: { type: 'recurring', from: month('2026-01'), to: null },
};

describe('the terms of a base contract', () => {
  it('may have billing rules', () => {
    expect(refusal('T1', terms({ billingRules: [billingRule()] }))).toBe('accepted');
  });
  it('have no price book and no custom line item', () => {
    expect(refusal('T1', terms({ priceBooks: [priceBook()], customLineItems: [item] }))).toEqual([
      'base-contract-only-excludes',
      'priceBooks',
      'customLineItems',
    ]);
  });
});

describe('the management accounts of a contract', () => {
  const selected = terms({ managementAccounts: accounts, billingRules: [{ ...billingRule(), managementAccounts: accounts }] });

  it.each(['T1', 'T2'] as const)('are fixed to all in %s', (tier) => {
    expect(refusal(tier, selected)).toEqual([
      'management-accounts-fixed',
      'managementAccounts',
      'billingRules[0].managementAccounts',
    ]);
  });
  it('may be selected in T3', () => {
    expect(refusal('T3', selected)).toBe('accepted');
  });
  it('may be selected in a price book of T2', () => {
    expect(refusal('T2', terms({ priceBooks: [priceBook({ managementAccounts: accounts })] }))).toBe('accepted');
  });
});

describe('an invoice prefix', () => {
  it.each([
    ['T1', ['invoice-prefix-not-allowed', 'invoicePrefix']],
    ['T2', ['invoice-prefix-not-allowed', 'invoicePrefix']],
    ['T3', 'accepted'],
  ] as const)('in %s: %s', (tier, expected) => {
    expect(refusal(tier, terms({ invoicePrefix: 'ACME' }))).toEqual(expected);
  });
});

describe('automatic renewal', () => {
  it.each([
    ['2026-01-27', ['term-too-short', 'end']],
    ['2026-01-28', 'accepted'],
    [null, 'accepted'],
  ])('of a term from 1 January to %s: %s', (end, expected) => {
    const of = terms({ renewalPolicy: 'auto-renewal', end: end === null ? null : day(end) });
    expect(refusal('T3', of)).toEqual(expected);
  });
});

describe('price books', () => {
  const second = (managementAccounts: Terms['managementAccounts']) =>
    priceBook({ id: ruleId('b2'), managementAccounts, rules: [priceRule({ id: ruleId('r2') })] });

  it.each([
    ['all', 'all', false],
    ['all', accounts, false],
    [accounts, accounts.slice(1), false],
    [accounts.slice(0, 1), accounts.slice(1), true],
  ] as const)('for %s and %s in one contract', (a, b, accepted) => {
    expect(refusal('T3', terms({ priceBooks: [priceBook({ managementAccounts: a }), second(b)] }))).toEqual(
      accepted ? 'accepted' : ['price-books-overlap', 'priceBooks[1].managementAccounts'],
    );
  });
  it('have rules of different priorities', () => {
    const rules = [priceRule(), priceRule({ id: ruleId('r2'), priority: 20 }), priceRule({ id: ruleId('r3') })];
    expect(refusal('T3', terms({ priceBooks: [priceBook({ rules })] }))).toEqual([
      'priority-not-unique',
      'priceBooks[0].rules[2].priority',
    ]);
  });
  it('on the upstream amount print no separate line', () => {
    const rules = [priceRule({ separateLine: 'Your discount' })];
    expect(refusal('T2', terms({ priceBooks: [priceBook({ rules, basis: 'UPSTREAM' })] }))).toEqual([
      'separate-line-shows-upstream-cost',
      'priceBooks[0].rules[0].separateLine',
    ]);
    expect(refusal('T2', terms({ priceBooks: [priceBook({ rules })] }))).toBe('accepted');
  });
  it('print a fixed rate once', () => {
    const rules = [priceRule({ separateLine: 'Fee', pricing: { type: 'fixedRate', amount: '5' } })];
    expect(refusal('T3', terms({ priceBooks: [priceBook({ rules })] }))).toEqual([
      'fixed-rate-has-its-own-line',
      'priceBooks[0].rules[0].separateLine',
    ]);
  });
});

describe('ids of rules', () => {
  it('are different throughout the contract', () => {
    const of = terms({
      billingRules: [billingRule('same')],
      priceBooks: [priceBook({ rules: [priceRule({ id: ruleId('same') })] })],
      customLineItems: [{ ...item, id: ruleId('b1') }],
    });
    expect(refusal('T3', of)).toEqual(['rule-id-not-unique', 'priceBooks[0].rules[0].id', 'customLineItems[0].id']);
  });
});
