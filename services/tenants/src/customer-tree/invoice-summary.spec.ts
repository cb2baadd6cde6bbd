import { describe, expect, it } from '@jest/globals';
import { currency } from '#libs/money/currency';
import { invoiceSummary } from './invoice-summary.ts';
import { type InvoiceStatus } from './invoices.projection.ts';

const invoice = (status: InvoiceStatus, total: string, code = 'USD') => ({ status, total, currency: currency(code) });
const usd = (amount: string) => [{ currency: 'USD', amount }];

describe('what the invoices of a month come to', () => {
  const summary = invoiceSummary([
    invoice('proforma', '10.10'),
    invoice('ready', '20.20'),
    invoice('issuable', '30.30'),
    invoice('issued', '40.40'),
    invoice('cancelled', '50.50'),
    invoice('discarded', '60.60'),
    invoice('discarded', '0.01'),
  ]);

  it('is shown for each status, those without any included', () => {
    expect(summary.statuses.map(({ status, count, totals }) => [status, count, totals[0]?.amount])).toEqual([
      ['proforma', 1, '10.1'],
      ['ready', 1, '20.2'],
      ['issuable', 1, '30.3'],
      ['issued', 1, '40.4'],
      ['cancelled', 1, '50.5'],
      ['discarded', 2, '60.61'],
    ]);
    expect(invoiceSummary([]).statuses.map(({ count, totals }) => [count, totals])).toEqual(Array(6).fill([0, []]));
  });

  it('can be revenue but for what was cancelled or discarded: that comes back as ready', () => {
    expect(summary.totalPossible).toEqual(usd('101'));
    expect(summary.totalPossibleAllStatuses).toEqual(usd('212.11'));
  });

  it('remains to be issued as far as it is proforma, ready or issuable', () => {
    expect(summary.totalIssuable).toEqual(usd('60.6'));
  });

  it('is never added up across currencies', () => {
    const { totalPossible } = invoiceSummary([invoice('ready', '1'), invoice('ready', '2', 'EUR'), invoice('issued', '3')]);
    expect(totalPossible).toEqual([
      { currency: 'EUR', amount: '2' },
      { currency: 'USD', amount: '4' },
    ]);
  });
});
