import {
  amount,
  coded,
  contractId,
  currency,
  dataSourceId,
  day,
  importId,
  instant,
  linkedAccountId,
  managementAccountId,
  month,
  ruleId,
  tenantId,
  tier,
} from '#libs/platform/published-schemas';
import {
  choice,
  count,
  type FieldsOf,
  integer,
  list,
  named,
  nullable,
  object,
  saying,
  type Schema,
  text,
} from '#libs/platform/schema';
import { type Bill, type ProformaLine, type TaxLine } from '#libs/published/invoicing';
import { type BillRow } from '../bill-list/bill-list.projection.ts';
import { type UnpricedItem } from '../bill-list/unpriced-usage.ts';
import { type RatingState } from '../month-rating/due-months.ts';
import { type ViewedParts } from './bill-view.ts';

type Figures = ViewedParts['figures'][number];
type MarginPart = Figures['marginParts'][number];

const figures = named(
  'Figures',
  object<Figures>({
    currency,
    billed: amount,
    resold: saying('Null for an end customer, as is `margin`', nullable(amount)),
    margin: nullable(amount),
    rated: saying(
      'A source amount, as are `excluded`, `unbilled` and `unassigned`: they add up to the source. Null where basis `UPSTREAM` hides them',
      nullable(amount),
    ),
    excluded: nullable(amount),
    unbilled: nullable(amount),
    unassigned: nullable(amount),
    marginParts: saying(
      'Parts of the margin that have only one side',
      list(
        object<MarginPart>({
          reason: choice('unbilled', 'upstream-unbilled', 'unassigned', 'own-use'),
          amount,
          sourceAmount: saying('Behind it, without tax', nullable(amount)),
        }),
      ),
    ),
  }),
);

type Totals = NonNullable<BillRow['proforma']>;

const taxLine = object<TaxLine>({ id: text, text, amount, contractId, ruleId });

const totals = named(
  'ProformaTotals',
  object<Totals>({
    currency,
    lines: saying('How many', count),
    net: amount,
    roundingDifference: saying('`net` less the unrounded net', amount),
    taxes: list(taxLine),
    passThroughTax: amount,
    total: amount,
  }),
);

type ContractInForce = Bill['contracts'][number];
type ServingImport = Bill['imports'][number];

/** What bills in lists and by themselves have in common; `revision` and `revisedAt` differ. */
export const billFields: FieldsOf<
  ViewedParts &
    Pick<BillRow, 'tenantId' | 'name' | 'tier' | 'month' | 'proforma' | 'reason' | 'imports'> &
    Readonly<{ state: RatingState }>
> = {
  tenantId,
  parentId: saying('Null for a root, and for the tenant where your reach begins', nullable(tenantId)),
  name: text,
  tier,
  month,
  state: choice('current', 'applying'),
  figures: list(figures),
  proforma: nullable(totals),
  reason: saying('Why there is no proforma; null with one', nullable(coded)),
  contracts: saying(
    'Versions in force on a day of the month',
    list(object<ContractInForce>({ tenantId, contractId, version: integer })),
  ),
  imports: list(object<ServingImport>({ dataSourceId, importId })),
  warnings: list(coded),
};

export const revision: Schema<number> = saying('Of the bill', count);
export const revisedAt = instant;

export const lineSchema = named(
  'ProformaLine',
  object<ProformaLine>({
    id: saying('The same from revision to revision', text),
    kind: choice('usage', 'separate', 'fixedRate', 'customLineItem'),
    text,
    amount: saying('As printed: `unrounded` rounded once', amount),
    unrounded: amount,
    contractId,
    customerId: saying('On a reseller’s document: whose usage it is', nullable(tenantId)),
    managementAccountId: nullable(managementAccountId),
    serviceName: nullable(text),
    chargeCategory: nullable(text),
    ruleId: saying('Null: no rule of the price book matched', nullable(ruleId)),
    sourceLines: saying('How many stand behind it', count),
  }),
);

export const unpricedSchema = named(
  'UnpricedUsage',
  object<UnpricedItem>({
    tenantId,
    name: saying('The tenant’s', text),
    month,
    dataSourceId,
    managementAccountId,
    accountId: linkedAccountId,
    currency,
    amount: saying('Of the source, tax included', amount),
    lines: count,
    firstDay: day,
    lastDay: day,
    reason: coded,
  }),
);
