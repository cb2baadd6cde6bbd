import { type Currency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { INVOICE_STATUSES, type InvoiceRow, type InvoiceStatus } from './invoices.projection.ts';

export type Total = Readonly<{ currency: Currency; amount: string }>;

export type StatusOfInvoices = Readonly<{ status: InvoiceStatus; count: number; totals: readonly Total[] }>;

/** Exact decimal text, a total for each currency. */
export type InvoiceSummary = Readonly<{
  statuses: readonly StatusOfInvoices[];
  /** Of all that can become revenue: a cancelled or discarded one comes back as ready, and would count twice. */
  totalPossible: readonly Total[];
  /** Of all there are, whatever their status. */
  totalPossibleAllStatuses: readonly Total[];
  /** Of those not issued yet. */
  totalIssuable: readonly Total[];
}>;

const REVENUE: readonly InvoiceStatus[] = ['proforma', 'ready', 'issuable', 'issued'];
const NOT_ISSUED: readonly InvoiceStatus[] = ['proforma', 'ready', 'issuable'];

type Invoice = Pick<InvoiceRow, 'status' | 'currency' | 'total'>;

export const invoiceSummary = (invoices: readonly Invoice[]): InvoiceSummary => {
  const of = (statuses: readonly InvoiceStatus[]): readonly Invoice[] =>
    invoices.filter(({ status }) => statuses.includes(status));
  return {
    statuses: INVOICE_STATUSES.map((status) => {
      const found = of([status]);
      return { status, count: found.length, totals: totalsOf(found) };
    }),
    totalPossible: totalsOf(of(REVENUE)),
    totalPossibleAllStatuses: totalsOf(invoices),
    totalIssuable: totalsOf(of(NOT_ISSUED)),
  };
};

const totalsOf = (invoices: readonly Invoice[]): readonly Total[] => {
  const currencies = [...new Set(invoices.map(({ currency }) => currency))].toSorted();
  return currencies.map((currency) => {
    const amounts = invoices.filter((one) => one.currency === currency).map(({ total }) => Decimal.of(total));
    return { currency, amount: Decimal.sum(amounts).toString() };
  });
};

export type InvoiceCounts = Readonly<Record<InvoiceStatus, number>>;

export const countsOfInvoices = (invoices: readonly Pick<Invoice, 'status'>[]): InvoiceCounts => {
  const counts: Record<InvoiceStatus, number> = { proforma: 0, ready: 0, issuable: 0, issued: 0, cancelled: 0, discarded: 0 };
  for (const { status } of invoices) counts[status] += 1;
  return counts;
};
