import { describe, expect, it } from '@jest/globals';
import { rate } from './rate.ts';
import { type RatedTenant, type RatingInput } from './rating-input.ts';
import { C1, C2, C3, contract, D1, figuresOf, billOf, grouped, printed, proformaOf, R1, R2, terms } from './testing/scenario.ts';
import { C1_CONTRACT, LINES, R2_CONTRACT, termsOfC1, THREE_TIERS, withContracts } from './testing/three-tiers.ts';
import { tieOuts } from './tie-outs.ts';

const rated = rate(THREE_TIERS, grouped(THREE_TIERS, LINES));

/** The month as it would be with this customer's accounts alone. */
const onlyFor = (customer: RatedTenant, input: RatingInput = THREE_TIERS): RatingInput => {
  const links = input.links.filter(({ tenantId }) => tenantId === customer.id);
  return {
    ...input,
    links,
    dataSources: input.dataSources.filter(({ id }) => links.some(({ dataSourceId }) => dataSourceId === id)),
  };
};
const linesOf = (input: RatingInput) =>
  grouped(
    input,
    LINES.filter((line) => input.dataSources.some(({ managementAccountId }) => managementAccountId === line.source)),
  );

describe('one month through three tiers', () => {
  it.each([
    [D1.name, D1, { billed: '4777.277168', resold: '5191.913188', margin: '414.63602' }],
    [R1.name, R1, { billed: '4391.913188', resold: '5644.211342', margin: '1252.298154' }],
    [C1.name, C1, { billed: '2744.211342', resold: null, margin: null }],
    [C2.name, C2, { billed: '2900', resold: null, margin: null }],
    [R2.name, R2, { billed: '800', resold: '0', margin: '-800' }],
    [C3.name, C3, { billed: '0', resold: null, margin: null }],
  ])('bills, resells and earns to the last digit: %s', (_name, tenant, expected) => {
    expect(figuresOf(rated, tenant)).toMatchObject(expected);
  });

  it.each([
    [D1.name, D1, { rated: '4897.277168', excluded: '0', unbilled: '0', unassigned: '0' }],
    [R1.name, R1, { rated: '4444.2404', excluded: '-282.963232', unbilled: '0', unassigned: '0' }],
    [C1.name, C1, { rated: '2544.2404', excluded: '-130.963232', unbilled: '0', unassigned: '0' }],
    [C2.name, C2, { rated: '1900', excluded: '-152', unbilled: '0', unassigned: '0' }],
    [R2.name, R2, { rated: '800', excluded: '-64', unbilled: '0', unassigned: '0' }],
    [C3.name, C3, { rated: '0', excluded: '-64', unbilled: '800', unassigned: '0' }],
  ])('puts every source amount into one bucket: %s', (_name, tenant, expected) => {
    expect(figuresOf(rated, tenant)).toMatchObject(expected);
  });

  it('earns on C1 and on C2 alone what the whole adds up to', () => {
    const marginsWith = (customer: RatedTenant) => {
      const input = onlyFor(customer);
      const alone = rate(input, linesOf(input));
      expect(tieOuts(alone)).toEqual({ ok: true });
      return [D1, R1].map((tenant) => figuresOf(alone, tenant)).map(({ billed, margin }) => ({ billed, margin }));
    };
    expect(marginsWith(C1)).toEqual([
      { billed: '2293.277168', margin: '205.63602' },
      { billed: '2498.913188', margin: '245.298154' },
    ]);
    expect(marginsWith(C2)).toEqual([
      { billed: '1748', margin: '145' },
      { billed: '1893', margin: '1007' },
    ]);
  });

  it('says whose contract excludes what', () => {
    expect(billOf(rated, C1).figures[0]?.excluded).toEqual([
      { by: 'D1', amount: '-59.539232' },
      { by: 'R1', amount: '-71.424' },
      { by: 'C1', amount: '0' },
    ]);
  });

  it('prints the proforma of C1', () => {
    expect(printed(rated, C1).toSorted()).toEqual(
      ['657.10', '1075.00', '189.00', '210.00', '300.00', '150.00', '213.11', '-50.00'].toSorted(),
    );
    expect(proformaOf(rated, C1)).toMatchObject({
      net: '2744.21',
      taxes: [{ text: 'VAT', amount: '521.40' }],
      passThroughTax: '0.00',
      total: '3265.61',
      roundingDifference: '-0.001342',
    });
  });

  it('keeps the digits of what it printed', () => {
    expect(
      proformaOf(rated, C1)
        .lines.map(({ unrounded }) => unrounded)
        .toSorted(),
    ).toEqual(['657.1008', '1075', '189', '210.00042', '300', '150', '213.110122', '-50'].toSorted());
  });

  it('bills R1 the partner discount and the platform fee for each customer and account', () => {
    const { lines, net } = proformaOf(rated, R1);
    const items = lines.filter(({ kind }) => kind === 'customLineItem');
    expect(items.map(({ text, unrounded }) => `${text} ${unrounded}`)).toEqual([
      'C1: Partner discount (111111111111) -70.327212',
      'C1: Platform fee (111111111111) 25',
      'C2: Partner discount (222222222221) -45',
      'C2: Partner discount (222222222222) -12',
      'C2: Platform fee (222222222221) 25',
      'C2: Platform fee (222222222222) 25',
    ]);
    expect(lines.filter(({ customerId }) => customerId === 'C2').map(({ amount }) => amount)).toEqual([
      '1900.00',
      '-45.00',
      '-12.00',
      '25.00',
      '25.00',
    ]);
    expect(net).toBe('4391.91');
  });

  it('charges C2 the managed service once for each of its two accounts', () => {
    expect(printed(rated, C2)).toEqual(['1900.00', '500.00', '500.00']);
  });

  it('has no proforma for C3, which no contract covers, and flags its usage', () => {
    const bill = billOf(rated, C3);
    expect(bill.proforma).toBeNull();
    expect(bill.reason?.code).toBe('no-contract');
    expect(bill.warnings.map(({ code }) => code)).toEqual(['unbilled']);
    expect(bill.unbilled).toMatchObject([{ accountId: '333333333333', amount: '800', lines: 1 }]);
    expect(figuresOf(rated, R2).marginParts).toEqual([{ reason: 'unbilled', amount: '-800', sourceAmount: '800' }]);
  });

  it('has no proforma for the root, whom nobody bills', () => {
    expect(billOf(rated, D1)).toMatchObject({ proforma: null, reason: { code: 'no-parent' } });
  });

  it('ties out', () => {
    expect(tieOuts(rated)).toEqual({ ok: true });
  });

  it('says which contract versions and imports a bill reflects', () => {
    expect(billOf(rated, C1).contracts).toEqual([
      { tenantId: 'D1', contractId: 'contract of D1', version: 1 },
      { tenantId: 'R1', contractId: 'contract of R1', version: 1 },
      { tenantId: 'C1', contractId: 'contract of C1', version: 1 },
    ]);
    expect(billOf(rated, C2).imports.map(({ dataSourceId }) => dataSourceId)).toEqual(['222222222221', '222222222222']);
  });
});

describe('rating the month again under other terms', () => {
  const retroactive = (from: string) =>
    withContracts({
      ...contract(C1, [termsOfC1('8'), { from, terms: termsOfC1('10') }]),
      id: C1_CONTRACT.id,
    });

  it('takes a version that reaches back to 1 January', () => {
    const input = retroactive('2026-01-01');
    const again = rate(input, grouped(input, LINES));
    expect(proformaOf(again, C1)).toMatchObject({ net: '2728.50', taxes: [{ amount: '518.42' }], total: '3246.92' });
    expect(printed(again, C1)).toEqual(expect.arrayContaining(['642.82', '211.68']));
  });

  it('leaves January alone when the version is valid from 1 February', () => {
    const input = retroactive('2026-02-01');
    expect(proformaOf(rate(input, grouped(input, LINES)), C1)).toEqual(proformaOf(rated, C1));
  });

  it('takes the newest version in mode current', () => {
    const input = { ...retroactive('2026-02-01'), mode: 'current' as const };
    expect(proformaOf(rate(input, grouped(input, LINES)), C1).net).toBe('2728.50');
  });

  it('lets no price of an upper tier stand in for a contract that is missing', () => {
    const cancelled = { ...R2_CONTRACT, endedOn: R2_CONTRACT.versions[0]?.effectiveFrom ?? null };
    const input = onlyFor(C3, withContracts(cancelled, contract(C3, terms())));
    const again = rate(input, linesOf(input));
    expect(figuresOf(again, C3).billed).toBe('800');
    expect(figuresOf(again, R2)).toMatchObject({
      billed: '0',
      resold: '800',
      margin: '800',
      marginParts: [{ reason: 'upstream-unbilled', amount: '800', sourceAmount: '800' }],
    });
    expect(billOf(again, R2)).toMatchObject({ proforma: null, reason: { code: 'no-contract' } });
    expect(figuresOf(again, D1)).toMatchObject({
      billed: '736',
      resold: '0',
      margin: '-736',
      marginParts: [{ reason: 'unbilled', amount: '-800', sourceAmount: '800' }],
    });
    expect(tieOuts(again)).toEqual({ ok: true });
  });
});

describe('money that goes through a JavaScript number', () => {
  it('no longer comes to the last digit', () => {
    process.env['SABOTAGE'] = 'float';
    try {
      const floating = rate(THREE_TIERS, grouped(THREE_TIERS, LINES));
      expect(figuresOf(floating, C1).billed).not.toBe('2744.211342');
    } finally {
      delete process.env['SABOTAGE'];
    }
  });
});
