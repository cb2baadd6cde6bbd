import { type Currency } from '#libs/money/currency';
import { type TenantId } from '#libs/published/ids';
import { type BillEvent } from '#libs/published/invoicing';
import { part, projection } from '#libs/read-models/projection';
import { type Month } from '#libs/time/time';

/** What an invoice is on its way from a draft of the month to a paid document. */
export const INVOICE_STATUSES = ['proforma', 'ready', 'issuable', 'issued', 'cancelled', 'discarded'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

/** An invoice of a customer's month; one of them at most as long as nothing is issued. */
export type InvoiceRow = Readonly<{
  id: string;
  tenantId: TenantId;
  month: Month;
  status: InvoiceStatus;
  currency: Currency;
  /** Exact decimal text. */
  total: string;
}>;

export const invoiceId = (tenantId: TenantId, month: Month): string => `${tenantId}~${month}`;

type InvoicePart = Pick<InvoiceRow, 'tenantId' | 'month'> & Readonly<{ total: Pick<InvoiceRow, 'currency' | 'total'> | null }>;

/** A document per bill; a month without a proforma is no row. */
export const invoices = projection({
  name: 'invoices-of-customers',
  version: 1,
  parts: {
    bill: part<BillEvent, InvoicePart>('invoicing.bill', {
      document: ({ data }) => invoiceId(data.tenantId, data.month),
      evolve: (_before, { data: { tenantId, month, proforma } }) => ({
        tenantId,
        month,
        total: proforma && { currency: proforma.currency, total: proforma.total },
      }),
    }),
  },
  row: ({ bill }, id): InvoiceRow | undefined =>
    bill?.total ? { id, tenantId: bill.tenantId, month: bill.month, status: 'proforma', ...bill.total } : undefined,
  indexes: [['tenantId', 'month']],
});
