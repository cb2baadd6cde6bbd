import { type DomainEvent } from '#libs/event-sourcing/event';

const bill = {
  tenantId: 't1',
  path: ['t0', 't1'],
  tier: 'endCustomer',
  name: 'Acme',
  month: '2026-01',
  figures: [],
  proforma: null,
  reason: { code: 'no-contract', message: 'No contract covers a day of this month.' },
  contracts: [],
  imports: [],
  pricedUpstream: false,
  warnings: [],
  unassigned: [],
  unbilled: [],
  contentHash: 'h',
  inputDigest: 'd',
  revisedAt: '2026-02-01T00:00:00.000Z',
};

/** A bill of nothing: no contract covers the month. */
export const unbilled: DomainEvent = { type: 'BillRevised', data: bill };

/** A bill that comes to so much, in euros. */
export const billOf = (total: string): DomainEvent => {
  const proforma = { currency: 'EUR', lines: [], net: total, roundingDifference: '0', taxes: [], passThroughTax: '0', total };
  return { type: 'BillRevised', data: { ...bill, reason: null, proforma } };
};
