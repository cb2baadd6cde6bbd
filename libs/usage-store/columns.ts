/**
 * The columns of a usage line as the store keeps them: FOCUS 1.0 to 1.2, and what we add (`x_`). Order is the Parquet files' order.
 * Every column is there in every file; what a delivery does not give is null.
 */

const TEXT = 'VARCHAR';
/** 20 digits before the point, 18 behind it. */
const AMOUNT = 'DECIMAL(38,18)';
/** UTC; a time without a zone is UTC. */
const TIME = 'TIMESTAMP';
const COUNT = 'BIGINT';

export type ColumnType = typeof TEXT | typeof AMOUNT | typeof TIME | typeof COUNT;

export const COLUMNS = {
  AvailabilityZone: TEXT,
  BilledCost: AMOUNT,
  BillingAccountId: TEXT,
  BillingAccountName: TEXT,
  BillingAccountType: TEXT,
  BillingCurrency: TEXT,
  BillingPeriodEnd: TIME,
  BillingPeriodStart: TIME,
  CapacityReservationId: TEXT,
  CapacityReservationStatus: TEXT,
  ChargeCategory: TEXT,
  ChargeClass: TEXT,
  ChargeDescription: TEXT,
  ChargeFrequency: TEXT,
  ChargePeriodEnd: TIME,
  ChargePeriodStart: TIME,
  CommitmentDiscountCategory: TEXT,
  CommitmentDiscountId: TEXT,
  CommitmentDiscountName: TEXT,
  CommitmentDiscountQuantity: AMOUNT,
  CommitmentDiscountStatus: TEXT,
  CommitmentDiscountType: TEXT,
  CommitmentDiscountUnit: TEXT,
  ConsumedQuantity: AMOUNT,
  ConsumedUnit: TEXT,
  ContractedCost: AMOUNT,
  ContractedUnitPrice: AMOUNT,
  EffectiveCost: AMOUNT,
  InvoiceId: TEXT,
  InvoiceIssuerName: TEXT,
  ListCost: AMOUNT,
  ListUnitPrice: AMOUNT,
  PricingCategory: TEXT,
  PricingCurrency: TEXT,
  PricingCurrencyContractedUnitPrice: AMOUNT,
  PricingCurrencyEffectiveCost: AMOUNT,
  PricingCurrencyListUnitPrice: AMOUNT,
  PricingQuantity: AMOUNT,
  PricingUnit: TEXT,
  ProviderName: TEXT,
  PublisherName: TEXT,
  RegionId: TEXT,
  RegionName: TEXT,
  ResourceId: TEXT,
  ResourceName: TEXT,
  ResourceType: TEXT,
  ServiceCategory: TEXT,
  ServiceName: TEXT,
  ServiceSubcategory: TEXT,
  SkuId: TEXT,
  SkuMeter: TEXT,
  SkuPriceDetails: TEXT,
  SkuPriceId: TEXT,
  /** Never null: the BillingAccountId where the delivery gives none. */
  SubAccountId: TEXT,
  SubAccountName: TEXT,
  SubAccountType: TEXT,
  /** A JSON object as text, values as text; null without tags. `textOf('Tags/<key>')` reads one. */
  Tags: TEXT,
  x_LineItemId: TEXT,
  x_LineItemType: TEXT,
  x_UsageType: TEXT,
  x_Operation: TEXT,
  /** A JSON object as text: discounts of a line by kind, where a report gives them beside the cost and not as lines. */
  x_Discounts: TEXT,
  /** `true` or `false`, never null. */
  x_Marketplace: TEXT,
  /** Number of the line within its import, from 1, the same however often the import is repeated. */
  x_Row: COUNT,
} as const satisfies Readonly<Record<string, ColumnType>>;

export type ColumnName = keyof typeof COLUMNS;

const isColumn = (name: string): name is ColumnName => Object.hasOwn(COLUMNS, name);

export const columnNames = Object.keys(COLUMNS).filter(isColumn);

const TAG = 'Tags/';

/** May a condition name this dimension: a text column of the store, an `x_` text column, or `Tags/<key>`? */
export const isDimension = (dimension: string): boolean =>
  dimension.startsWith(TAG) ? dimension.length > TAG.length : isColumn(dimension) && COLUMNS[dimension] === TEXT;

/** SQL text literal; a NUL cannot stand in a statement. */
export const quoted = (text: string): string =>
  text
    .split('\0')
    .map((piece) => `'${piece.replaceAll("'", "''")}'`)
    .join(' || chr(0) || ');

/** SQL identifier. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * SQL for the text that conditions on a dimension compare: a null column or an absent tag is the empty text.
 * @throws RangeError for a name that is no dimension.
 */
export const textOf = (dimension: string): string => {
  if (!isDimension(dimension)) throw new RangeError(`"${dimension}" is not a column of the usage store`);
  if (!dimension.startsWith(TAG)) return `coalesce(${identifier(dimension)}, '')`;
  const pointer = `/${dimension.slice(TAG.length).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return `coalesce(json_extract_string(Tags, ${quoted(pointer)}), '')`;
};
