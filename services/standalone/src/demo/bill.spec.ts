import { describe, expect, it } from '@jest/globals';
import { Decimal } from '#libs/money/decimal';
import { type BillAnswer, type MonthBill, type Source, tenantBill, tieOutFaults, unexpected } from './bill.ts';

const figures = { currency: 'USD', rated: '100', excluded: '0', unbilled: '0', unassigned: '0', marginParts: [] };
const distributor: Source = {
  currency: 'USD',
  lines: [],
  bill: {
    tenantId: 'd',
    name: 'D',
    tier: 'distributor',
    parentId: null,
    month: '2026-01',
    state: 'current',
    revision: 0,
    figures: [{ ...figures, billed: '100', resold: '110.005', margin: '10.005' }],
    proforma: null,
    reason: { code: 'no-parent', message: 'Nobody bills the root.' },
    contracts: [],
    imports: [],
    warnings: [],
  },
};
const customer: Source = {
  currency: 'USD',
  lines: [{ id: 'l', kind: 'usage', text: 'Compute', amount: '110.01', unrounded: '110.005', contractId: 'k' }],
  bill: {
    ...distributor.bill,
    tenantId: 'c',
    name: 'C',
    tier: 'endCustomer',
    parentId: 'd',
    figures: [{ ...figures, billed: '110.005', resold: null, margin: null }],
    proforma: {
      currency: 'USD',
      net: '110.01',
      roundingDifference: '0.005',
      taxes: [{ text: 'VAT', amount: '20.90', contractId: 'k' }],
      passThroughTax: '0.00',
      total: '130.91',
    },
    reason: null,
  },
};
const delivered = new Map([['USD', Decimal.of(100)]]);
const faults = (...sources: readonly Source[]): readonly string[] => tieOutFaults(sources, 'd', delivered);
const changed = (source: Source, bill: Partial<BillAnswer>): Source => ({ ...source, bill: { ...source.bill, ...bill } });

describe('tying a month out', () => {
  it('finds nothing where everything adds up', () => {
    expect(faults(distributor, customer)).toEqual([]);
  });
  it('finds a source that does not fall into the buckets', () => {
    const [own] = distributor.bill.figures;
    if (!own) throw new Error('no figures');
    expect(faults(changed(distributor, { figures: [{ ...own, rated: '99' }] }), customer)).toEqual([
      'D: source = rated + excluded + unbilled + unassigned (USD): 99 ≠ 100',
    ]);
  });
  it('finds what is resold and billed to nobody', () => {
    const [own] = distributor.bill.figures;
    if (!own) throw new Error('no figures');
    expect(faults(changed(distributor, { figures: [{ ...own, resold: '111.005', margin: '11.005' }] }), customer)).toEqual([
      'D: Resold = what its customers are billed (USD): 111.005 ≠ 110.005',
      'Billed of the root + all margins = what the end customers are billed (USD): 111.005 ≠ 110.005',
    ]);
  });
  it('finds a document whose lines, net or total differ', () => {
    const { proforma } = customer.bill;
    if (!proforma) throw new Error('no proforma');
    expect(faults(distributor, changed(customer, { proforma: { ...proforma, total: '130.90' } }))).toHaveLength(1);
    expect(faults(distributor, { ...customer, lines: [] })).toHaveLength(2);
    expect(faults(distributor, changed(customer, { proforma: { ...proforma, roundingDifference: '0' } }))).toHaveLength(1);
  });
});

describe('a tenant in the result', () => {
  const [own] = customer.bill.figures;
  if (!own) throw new Error('no figures');
  const nothing = { ...own, currency: 'EUR', billed: '0', rated: '0' };
  const currencies = (other: typeof own): readonly (string | undefined)[] =>
    (tenantBill(changed(customer, { figures: [own, other] }), 'D').otherCurrencies ?? []).map(({ currency }) => currency);

  it('has other currencies only where usage came in them', () => {
    expect(currencies(nothing)).toEqual([]);
    expect(currencies({ ...nothing, unbilled: '1' })).toEqual(['EUR']);
  });
});

describe('comparing with what is expected', () => {
  const months: readonly MonthBill[] = [{ month: '2026-01', tieOut: true, tenants: [tenantBill(customer, 'D')] }];
  const expecting = (tenant: Readonly<Record<string, unknown>>): readonly string[] =>
    unexpected([{ month: '2026-01', tieOut: true, tenants: [{ name: 'C', ...tenant }] }], months);

  it('looks at the fields that are given only', () => {
    expect(expecting({ billed: '110.005', proforma: { net: '110.01', taxes: [{ text: 'VAT', amount: '20.90' }] } })).toEqual([]);
  });
  it('takes every digit as it stands', () => {
    expect(expecting({ billed: '110.0050' })).toEqual(['2026-01 C.billed: expected "110.0050", got "110.005"']);
  });
  it('says what is no field of the result, and that amounts stand in quotes', () => {
    expect(expecting({ bild: '1' })).toEqual(['2026-01 C.bild: the result has no such field']);
    expect(expecting({ billed: 110 })).toEqual(['2026-01 C.billed: expected 110, got "110.005" (amounts stand in quotes)']);
  });
  it('finds a list of another length, a proforma where none is expected, a tenant and a month that are not there', () => {
    expect(expecting({ proforma: { lines: [] } })).toEqual(['2026-01 C.proforma.lines: expected 0 entries, got 1']);
    expect(expecting({ proforma: null })).toHaveLength(1);
    expect(unexpected([{ month: '2026-01', tenants: [{ name: 'X' }] }], months)).toEqual(['2026-01 X: not in the result']);
    expect(unexpected([{ month: '2026-02' }], months)).toEqual(['2026-02: nothing was billed in this month']);
  });
});
