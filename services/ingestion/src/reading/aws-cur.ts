import { type ColumnName, columnNames, quoted } from '#libs/usage-store/columns';
import { type CsvHeader } from './csv-header.ts';
import { currencyIn, delivered, type Delivered, type Mapping, type Source } from './mapping.ts';

/** Columns of these families are the report's own; those that no column of the store takes are left, not unknown. */
const FAMILIES = [
  'identity/',
  'bill/',
  'lineItem/',
  'product/',
  'pricing/',
  'reservation/',
  'savingsPlan/',
  'discount/',
  'costCategory/',
  'resourceTags/',
  'splitLineItem/',
];
const TAGS = 'resourceTags/';

/** Each a column that the report must have; of the service's name one of two. */
const REQUIRED = [
  ['bill/PayerAccountId'],
  ['bill/BillingPeriodStartDate'],
  ['lineItem/LineItemType'],
  ['lineItem/UsageStartDate'],
  ['lineItem/UnblendedCost'],
  ['lineItem/CurrencyCode'],
  ['product/ProductName', 'lineItem/ProductCode'],
] as const;

/** Columns that come as they are, from the first of these that has a text. */
const AS_IT_STANDS: Readonly<Partial<Record<ColumnName, readonly string[]>>> = {
  AvailabilityZone: ['lineItem/AvailabilityZone'],
  BilledCost: ['lineItem/UnblendedCost'],
  BillingAccountId: ['bill/PayerAccountId'],
  BillingAccountName: ['bill/PayerAccountName'],
  BillingCurrency: ['lineItem/CurrencyCode'],
  BillingPeriodEnd: ['bill/BillingPeriodEndDate'],
  BillingPeriodStart: ['bill/BillingPeriodStartDate'],
  ChargeDescription: ['lineItem/LineItemDescription'],
  ChargePeriodEnd: ['lineItem/UsageEndDate'],
  ChargePeriodStart: ['lineItem/UsageStartDate'],
  CommitmentDiscountId: ['savingsPlan/SavingsPlanARN', 'reservation/ReservationARN'],
  InvoiceId: ['bill/InvoiceId'],
  InvoiceIssuerName: ['bill/InvoicingEntity'],
  ListCost: ['pricing/publicOnDemandCost'],
  ListUnitPrice: ['pricing/publicOnDemandRate'],
  PricingQuantity: ['lineItem/UsageAmount'],
  PricingUnit: ['pricing/unit'],
  PublisherName: ['lineItem/LegalEntity'],
  RegionId: ['product/regionCode', 'product/region'],
  ResourceId: ['lineItem/ResourceId'],
  ServiceName: ['product/ProductName', 'lineItem/ProductCode'],
  SkuId: ['product/sku'],
  SkuPriceId: ['pricing/RateCode'],
  SubAccountId: ['lineItem/UsageAccountId', 'bill/PayerAccountId'],
  SubAccountName: ['lineItem/UsageAccountName'],
  x_LineItemId: ['identity/LineItemId'],
  x_LineItemType: ['lineItem/LineItemType'],
  x_Operation: ['lineItem/Operation'],
  x_UsageType: ['lineItem/UsageType'],
};

/** Every row must have these. */
const NEVER_EMPTY: readonly ColumnName[] = [
  'BilledCost',
  'BillingAccountId',
  'BillingCurrency',
  'BillingPeriodStart',
  'ChargePeriodStart',
];

const CATEGORIES: Readonly<Record<string, readonly string[]>> = {
  Usage: ['Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation'],
  Purchase: ['Fee', 'RIFee', 'SavingsPlanUpfrontFee', 'SavingsPlanRecurringFee'],
  Tax: ['Tax'],
  Credit: ['Credit'],
  // Not Credit, or "exclude credits" would catch discounts.
  Adjustment: ['Refund'],
};

export const isAwsCur = ({ names }: CsvHeader): boolean =>
  names.includes('lineItem/LineItemType') || names.includes('bill/PayerAccountId');

/** The legacy Cost and Usage Report, with its `lineItem/…` names. */
export const awsCurMapping = (header: CsvHeader): Mapping => {
  const { textOf, used } = delivered(header);
  const sources: Partial<Record<ColumnName, Source>> = {};
  for (const column of columnNames) {
    const source = firstOf(AS_IT_STANDS[column] ?? [], textOf);
    if (source) sources[column] = NEVER_EMPTY.includes(column) ? { ...source, required: true } : source;
  }
  const type = textOf('lineItem/LineItemType') ?? 'NULL';
  sources.ChargeCategory = {
    column: 'lineItem/LineItemType',
    text: type,
    value: categoryOf(type),
    refusal: 'is no line type of the Cost and Usage Report',
    required: true,
  };
  sources.ProviderName = constant('AWS');
  sources.x_Marketplace = {
    column: 'bill/BillingEntity',
    text: textOf('bill/BillingEntity') ?? 'NULL',
    value: `CASE WHEN ${textOf('bill/BillingEntity') ?? 'NULL'} = 'AWS Marketplace' THEN 'true' ELSE 'false' END`,
  };
  const currency = sources.BillingCurrency;
  if (currency) sources.BillingCurrency = { ...currency, ...currencyIn(currency.text) };
  const effective = effectiveCost(type, textOf);
  if (effective) sources.EffectiveCost = effective;
  const tags = header.names.filter((name) => name.startsWith(TAGS) && name.length > TAGS.length);
  if (tags.length > 0) sources.Tags = { column: 'resourceTags', text: 'NULL', value: tagsOf(tags, textOf) };
  return {
    sources,
    unknown: header.names.filter((name) => !FAMILIES.some((family) => name.startsWith(family))),
    missing: REQUIRED.filter((names) => names.every((name) => textOf(name) === undefined)).map((names) => names.join(' or ')),
    nothing: [''],
    used,
  };
};

const constant = (text: string): Source => ({ column: '', text: quoted(text) });

const firstOf = (names: readonly string[], textOf: Delivered): Source | undefined => {
  const given = names.filter((name) => textOf(name) !== undefined);
  const [column] = given;
  if (column === undefined) return undefined;
  const texts = given.map((name) => textOf(name)).join(', ');
  return { column, text: given.length > 1 ? `coalesce(${texts})` : texts };
};

const categoryOf = (type: string): string => {
  const known = Object.entries(CATEGORIES).map(
    ([category, types]) => `WHEN ${type} IN (${types.map(quoted).join(', ')}) THEN ${quoted(category)}`,
  );
  return `CASE ${known.join(' ')} WHEN ends_with(${type}, 'Discount') THEN 'Adjustment' END`;
};

/**
 * What a line costs once commitments are spread over the usage that they cover. Null where the report gives it in parts only (fees
 * of commitments, which are partly used up).
 */
const effectiveCost = (type: string, textOf: Delivered): Source | undefined => {
  const unblended = textOf('lineItem/UnblendedCost');
  if (unblended === undefined) return undefined;
  const columns = ['lineItem/UnblendedCost', 'savingsPlan/SavingsPlanEffectiveCost', 'reservation/EffectiveCost'];
  return {
    // Which of them it is depends on the line: a problem names all that it may be about.
    column: columns.filter((column) => textOf(column) !== undefined).join(' or '),
    text: `CASE ${type}
      WHEN 'SavingsPlanCoveredUsage' THEN ${textOf('savingsPlan/SavingsPlanEffectiveCost') ?? 'NULL'}
      WHEN 'DiscountedUsage' THEN ${textOf('reservation/EffectiveCost') ?? 'NULL'}
      WHEN 'SavingsPlanNegation' THEN '0' WHEN 'SavingsPlanUpfrontFee' THEN '0'
      WHEN 'RIFee' THEN NULL WHEN 'SavingsPlanRecurringFee' THEN NULL
      ELSE ${unblended} END`,
  };
};

/** One JSON object of the tags that have a text; null without any. */
const tagsOf = (names: readonly string[], textOf: Delivered): string => {
  const members = names.map(
    (name) => `${quoted(`${JSON.stringify(name.slice(TAGS.length))}:`)} || to_json(${textOf(name) ?? 'NULL'})::VARCHAR`,
  );
  return `nullif('{' || concat_ws(',', ${members.join(', ')}) || '}', '{}')`;
};
