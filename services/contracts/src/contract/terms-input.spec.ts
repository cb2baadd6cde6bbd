import { beforeAll, describe, expect, it } from '@jest/globals';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { InputPipe } from '#libs/platform/input-pipe';
import { type Terms } from '#libs/published/contract-terms';
import { ruleId } from '../testing/sample-contracts.ts';
import { refuseMalformedTerms } from './malformed-terms.ts';
import { TermsInput, termsOf, VersionInput } from './terms-input.ts';

const pipe = new InputPipe();

/** What the route does with a body before any decision. */
const read = async (body: unknown): Promise<Terms> => {
  const input: unknown = await pipe.transform(structuredClone(body), { type: 'body', metatype: TermsInput });
  if (!(input instanceof TermsInput)) throw new Error('the pipe answered something else');
  const terms = termsOf(input, (path) => ruleId(`new:${path}`));
  refuseMalformedTerms(terms);
  return terms;
};

const faultsOf = async (body: unknown): Promise<readonly string[]> => {
  const refusal: unknown = await read(body).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof DomainError)) throw refusal ?? new Error('nothing was refused');
  return [refusal.refusal, ...new Set(refusal.errors.map(({ path }) => path))];
};

const minimal = { name: 'Agreement', start: '2026-01-01' };
const scope = { conditions: [{ letter: 'A', dimension: 'ServiceName', values: ['*'] }] };
const recurring = { type: 'recurring', from: '2026-01' };
const rule = (changed: object = {}) => ({
  name: 'All',
  priority: 10,
  pricing: { type: 'percentageDiscount', percentage: '8' },
  ...changed,
});
const withRule = (changed: object) => ({ ...minimal, priceBooks: [{ name: 'Prices', rules: [rule(), rule(changed)] }] });
const withItem = (item: object) => ({ ...minimal, customLineItems: [{ name: 'Item', frequency: recurring, ...item }] });
const withScope = (of: object) => ({ ...minimal, billingRules: [{ name: 'Out', scope: of }] });

describe('terms as they come in', () => {
  let whole: Terms;
  beforeAll(async () => {
    whole = await read({
      ...minimal,
      end: '2026-12-31',
      managementAccounts: ['111111111111'],
      renewalPolicy: 'auto-renewal',
      entitlements: ['SPP'],
      invoicePrefix: 'Ex.Co_1-A',
      billingDetails: {
        profileName: 'AP',
        address: { country: 'US', city: 'Springfield', street: '1 Main Street', zip: '12345' },
      },
      billingRules: [{ id: 'x1', name: 'Credits', scope: { ...scope, formula: 'A' } }],
      priceBooks: [
        {
          name: 'Prices',
          basis: 'UPSTREAM',
          rules: [
            rule({ pricing: { type: 'percentageDiscount', percentage: '08.500' } }),
            rule({ pricing: { type: 'percentageCharge', percentage: '10000' } }),
            rule({ pricing: { type: 'unitRate', rate: '0.000000000001' } }),
            rule({ pricing: { type: 'fixedRate', amount: '-25.00' } }),
          ],
        },
      ],
      customLineItems: [
        { name: 'Goodwill', type: 'fixedDiscount', amount: '50.00', frequency: { type: 'once', on: '2026-01-15' } },
        { name: 'Service', type: 'fixedCharge', amount: '150', prorate: true, frequency: { ...recurring, to: '2026-03' } },
        { name: 'Partner', type: 'percentageDiscount', percentage: '3', frequency: recurring },
        { name: 'Uplift', type: 'percentageCharge', percentage: '3', includeCredits: true, frequency: recurring },
        {
          name: 'Support',
          type: 'supportBands',
          minimum: '100',
          bands: [{ upTo: '10000', percentage: '10' }, { percentage: '7' }],
          frequency: recurring,
        },
        { name: 'VAT', type: 'tax', percentage: '19', frequency: recurring },
      ],
    });
  });

  it('have defaults for what is left out', async () => {
    expect(await read(minimal)).toEqual({
      name: 'Agreement',
      start: '2026-01-01',
      end: null,
      managementAccounts: 'all',
      renewalPolicy: 'fixed-term',
      entitlements: [],
      invoicePrefix: null,
      billingDetails: null,
      billingRules: [],
      priceBooks: [],
      customLineItems: [],
    });
  });
  it('hold JSON values only, as events do', () => {
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
  });
  it('keep ids that are given and get one by their place where none is', () => {
    expect(whole.billingRules[0]?.id).toBe('x1');
    expect(whole.priceBooks[0]?.rules[1]?.id).toBe('new:priceBooks[0].rules[1]');
    expect(whole.customLineItems[5]?.id).toBe('new:customLineItems[5]');
  });
  it('write decimals in their one spelling', () => {
    expect(whole.priceBooks[0]?.rules.map(({ pricing }) => pricing)).toEqual([
      { type: 'percentageDiscount', percentage: '8.5' },
      { type: 'percentageCharge', percentage: '10000' },
      { type: 'unitRate', rate: '0.000000000001' },
      { type: 'fixedRate', amount: '-25' },
    ]);
  });
  it('keep every type of custom line item with its own fields', () => {
    const base = { managementAccounts: 'all', includeCredits: false, includeMarketplace: false };
    const always = { frequency: { type: 'recurring', from: '2026-01', to: null } };
    expect(whole.customLineItems.map(({ id: _id, name: _name, description: _description, ...rest }) => rest)).toEqual([
      {
        type: 'fixedDiscount',
        amount: '50',
        prorate: false,
        managementAccounts: 'all',
        frequency: { type: 'once', on: '2026-01-15' },
      },
      {
        type: 'fixedCharge',
        amount: '150',
        prorate: true,
        managementAccounts: 'all',
        frequency: { type: 'recurring', from: '2026-01', to: '2026-03' },
      },
      { type: 'percentageDiscount', percentage: '3', ...base, ...always },
      { type: 'percentageCharge', percentage: '3', ...base, includeCredits: true, ...always },
      {
        type: 'supportBands',
        minimum: '100',
        bands: [
          { upTo: '10000', percentage: '10' },
          { upTo: null, percentage: '7' },
        ],
        resolution: 'customer',
        ...base,
        ...always,
      },
      { type: 'tax', percentage: '19', ...always },
    ]);
  });
  it('of a version may come with the day from which they hold', async () => {
    const input: unknown = await pipe.transform(
      { ...minimal, effectiveFrom: '2026-02-01' },
      { type: 'body', metatype: VersionInput },
    );
    expect(input).toMatchObject({ effectiveFrom: '2026-02-01' });
  });
});

describe('bad input, by example', () => {
  it.each<readonly [string, object, string]>([
    ['no name', { start: '2026-01-01' }, 'name'],
    ['a day that does not exist', { ...minimal, start: '2026-02-30' }, 'start'],
    ['an end before its start', { ...minimal, end: '2025-12-31' }, 'end'],
    ['a start in another century', { ...minimal, start: '1926-01-01' }, 'start'],
    ['a start that is null', { ...minimal, start: null }, 'start'],
    ['an unknown field', { ...minimal, currency: 'USD' }, 'currency'],
    ['no management accounts', { ...minimal, managementAccounts: [] }, 'managementAccounts'],
    ['a management account twice', { ...minimal, managementAccounts: ['1', '1'] }, 'managementAccounts'],
    ['a management account that is a number', { ...minimal, managementAccounts: [1] }, 'managementAccounts'],
    ['an empty prefix', { ...minimal, invoicePrefix: '' }, 'invoicePrefix'],
    ['a prefix of 11 characters', { ...minimal, invoicePrefix: 'ABCDEFGHIJK' }, 'invoicePrefix'],
    ['a prefix with a space', { ...minimal, invoicePrefix: 'A B' }, 'invoicePrefix'],
    ['a prefix with É', { ...minimal, invoicePrefix: 'É' }, 'invoicePrefix'],
    [
      'an address without a city',
      { ...minimal, billingDetails: { profileName: 'AP', address: { country: 'US', street: 's', zip: 'z' } } },
      'billingDetails.address.city',
    ],
    ['billing details as text', { ...minimal, billingDetails: 'AP' }, 'billingDetails'],
    ['rules as an object', { ...minimal, billingRules: {} }, 'billingRules'],
    ['an exclusion of everything', withScope({ conditions: [] }), 'billingRules[0].scope.conditions'],
    [
      'a formula that is not closed',
      withScope({
        conditions: [...scope.conditions, { letter: 'B', dimension: 'Tags/team', values: ['x'] }],
        formula: 'A AND (B',
      }),
      'billingRules[0].scope.formula',
    ],
    ['a formula with an unknown letter', withScope({ ...scope, formula: 'A OR C' }), 'billingRules[0].scope.formula'],
    [
      'a letter twice',
      withScope({ conditions: [...scope.conditions, ...scope.conditions] }),
      'billingRules[0].scope.conditions[1].letter',
    ],
    [
      'a letter that is an operator',
      withScope({ conditions: [{ ...scope.conditions[0], letter: 'OR' }] }),
      'billingRules[0].scope.conditions[0].letter',
    ],
    [
      'an unknown dimension',
      withScope({ conditions: [{ ...scope.conditions[0], dimension: 'Servicename' }] }),
      'billingRules[0].scope.conditions[0].dimension',
    ],
    [
      'a condition without values',
      withScope({ conditions: [{ ...scope.conditions[0], values: [] }] }),
      'billingRules[0].scope.conditions[0].values',
    ],
    [
      'a value that is a number',
      withScope({ conditions: [{ ...scope.conditions[0], values: [1] }] }),
      'billingRules[0].scope.conditions[0].values',
    ],
    [
      'a percentage of 1e9',
      withRule({ pricing: { type: 'percentageCharge', percentage: '1e9' } }),
      'priceBooks[0].rules[1].pricing.percentage',
    ],
    [
      'a percentage of 1000000000',
      withRule({ pricing: { type: 'percentageCharge', percentage: '1000000000' } }),
      'priceBooks[0].rules[1].pricing.percentage',
    ],
    [
      'a percentage that is a number',
      withRule({ pricing: { type: 'percentageCharge', percentage: 1e9 } }),
      'priceBooks[0].rules[1].pricing.percentage',
    ],
    [
      'a discount of more than all',
      withRule({ pricing: { type: 'percentageDiscount', percentage: '100.1' } }),
      'priceBooks[0].rules[1].pricing.percentage',
    ],
    [
      'a negative discount',
      withRule({ pricing: { type: 'percentageDiscount', percentage: '-1' } }),
      'priceBooks[0].rules[1].pricing.percentage',
    ],
    [
      'a percentage of 7 decimals',
      withRule({ pricing: { type: 'percentageDiscount', percentage: '1.0000001' } }),
      'priceBooks[0].rules[1].pricing.percentage',
    ],
    [
      'a rate of 13 decimals',
      withRule({ pricing: { type: 'unitRate', rate: '0.0000000000001' } }),
      'priceBooks[0].rules[1].pricing.rate',
    ],
    [
      'an amount with a comma',
      withRule({ pricing: { type: 'fixedRate', amount: '12,5' } }),
      'priceBooks[0].rules[1].pricing.amount',
    ],
    ['an unknown kind of price', withRule({ pricing: { type: 'gift' } }), 'priceBooks[0].rules[1].pricing.type'],
    ['no price', withRule({ pricing: undefined }), 'priceBooks[0].rules[1].pricing'],
    ['a price that is null', withRule({ pricing: null }), 'priceBooks[0].rules[1].pricing'],
    ['a price that is a list', withRule({ pricing: [null] }), 'priceBooks[0].rules[1].pricing'],
    ['a priority with a fraction', withRule({ priority: 1.5 }), 'priceBooks[0].rules[1].priority'],
    ['a tick as text', withRule({ includeCredits: 'false' }), 'priceBooks[0].rules[1].includeCredits'],
    ['a tick that is null', withRule({ includeCredits: null }), 'priceBooks[0].rules[1].includeCredits'],
    ['a formula in a price rule', withRule({ scope: { ...scope, formula: 'A AND' } }), 'priceBooks[0].rules[1].scope.formula'],
    ['an id with a blank', withRule({ id: 'a b' }), 'priceBooks[0].rules[1].id'],
    ['an item that is null', { ...minimal, customLineItems: [null] }, 'customLineItems[0]'],
    [
      'an item that is a list',
      { ...minimal, customLineItems: [[{ name: 'VAT', type: 'tax', percentage: '19', frequency: recurring }]] },
      'customLineItems',
    ],
    ['rules in a list of their own', { ...minimal, priceBooks: [{ name: 'P', rules: [[rule()]] }] }, 'priceBooks[0].rules'],
    ['items as an object', { ...minimal, customLineItems: { 0: {} } }, 'customLineItems'],
    ['an unknown kind of item', withItem({ type: '__proto__' }), 'customLineItems[0].type'],
    ['a negative amount', withItem({ type: 'fixedDiscount', amount: '-50' }), 'customLineItems[0].amount'],
    ['an amount of nothing', withItem({ type: 'fixedCharge', amount: '0' }), 'customLineItems[0].amount'],
    ['a field of another kind', withItem({ type: 'fixedCharge', amount: '1', percentage: '1' }), 'customLineItems[0].percentage'],
    [
      'an unknown frequency',
      withItem({ type: 'fixedCharge', amount: '1', frequency: { type: 'daily' } }),
      'customLineItems[0].frequency.type',
    ],
    [
      'a month that does not exist',
      withItem({ type: 'fixedCharge', amount: '1', frequency: { type: 'recurring', from: '2026-13' } }),
      'customLineItems[0].frequency.from',
    ],
    [
      'months in the wrong order',
      withItem({ type: 'fixedCharge', amount: '1', frequency: { ...recurring, to: '2025-12' } }),
      'customLineItems[0].frequency.to',
    ],
    ['no bands', withItem({ type: 'supportBands', minimum: '0', bands: [] }), 'customLineItems[0].bands'],
    [
      'a last band that is not open',
      withItem({ type: 'supportBands', minimum: '0', bands: [{ upTo: '1', percentage: '1' }] }),
      'customLineItems[0].bands[0].upTo',
    ],
    [
      'an open band before the last',
      withItem({ type: 'supportBands', minimum: '0', bands: [{ percentage: '1' }, { percentage: '1' }] }),
      'customLineItems[0].bands[0].upTo',
    ],
    [
      'bands that do not ascend',
      withItem({
        type: 'supportBands',
        minimum: '0',
        bands: [{ upTo: '2', percentage: '1' }, { upTo: '2.0', percentage: '1' }, { percentage: '1' }],
      }),
      'customLineItems[0].bands[1].upTo',
    ],
  ])('%s is refused by its field', async (_, body, path) => {
    const [refusal, ...paths] = await faultsOf(body);
    expect(refusal).toBe('invalid');
    expect(paths).toContain(path);
  });

  it('a formula is refused with the position of the fault', async () => {
    await expect(read(withScope({ ...scope, formula: 'A AND (A' }))).rejects.toThrow(
      /billingRules\[0\]\.scope\.formula: .*position 9/,
    );
  });
  it('every fault is named at once', async () => {
    expect(
      await faultsOf({
        ...minimal,
        name: '',
        invoicePrefix: 'A B',
        priceBooks: [{ name: 'P', rules: [rule({ priority: -1 })] }],
      }),
    ).toEqual(['invalid', 'name', 'invoicePrefix', 'priceBooks[0].rules[0].priority']);
  });
  it.each([{ managementAccounts: 'all' }, { includeCredits: false }, { includeMarketplace: true }, { prorate: true }])(
    'a tax item with %j is refused by a business rule',
    async (extra) => {
      expect(await faultsOf(withItem({ type: 'tax', percentage: '19', ...extra }))).toEqual([
        'rejected',
        `customLineItems[0].${Object.keys(extra)[0] ?? ''}`,
      ]);
    },
  );
});
