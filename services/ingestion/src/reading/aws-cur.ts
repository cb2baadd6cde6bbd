import { type ColumnName, columnNames, quoted } from '#libs/usage-store/columns';
import { LEGACY, MAPS, mapKeyOf, SNAKE, type Spelling, tagsOfMap } from './aws-cur-names.ts';
import { type Header } from './csv-header.ts';
import { currencyIn, delivered, type Delivered, type Mapping, objectIn, type Source } from './mapping.ts';

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

/** Any of these makes a file a report, in this spelling. */
const TELLING = ['lineItem/LineItemType', 'bill/PayerAccountId'];

const spellingOf = ({ names }: Header): Spelling | undefined =>
  [LEGACY, SNAKE].find(({ nameOf }) => TELLING.some((telling) => names.includes(nameOf(telling))));

export const isAwsCur = (header: Header): boolean => spellingOf(header) !== undefined;

/** The Cost and Usage Report: legacy, with its `lineItem/…` names or as Parquet, and 2.0 with its map columns. */
export const awsCurMapping = (header: Header): Mapping => {
  const { textOf: columnOf, used, twice } = delivered(header);
  const { nameOf, isOurs, tagIn } = spellingOf(header) ?? LEGACY;
  const textOf: Delivered = (legacy) => {
    const column = columnOf(nameOf(legacy));
    const inMap = attributeIn(legacy, columnOf);
    return column && inMap ? `coalesce(${column}, ${inMap})` : (column ?? inMap);
  };
  const report: Report = { textOf, nameOf };
  const sources: Partial<Record<ColumnName, Source>> = {};
  for (const column of columnNames) {
    const source = firstOf(AS_IT_STANDS[column] ?? [], report);
    if (source) sources[column] = NEVER_EMPTY.includes(column) ? { ...source, required: true } : source;
  }
  const type = textOf('lineItem/LineItemType') ?? 'NULL';
  sources.ChargeCategory = {
    column: nameOf('lineItem/LineItemType'),
    text: type,
    value: categoryOf(type),
    refusal: 'is no line type of the Cost and Usage Report',
    required: true,
  };
  sources.ProviderName = constant('AWS');
  const entity = textOf('bill/BillingEntity') ?? 'NULL';
  sources.x_Marketplace = {
    column: nameOf('bill/BillingEntity'),
    text: entity,
    value: `CASE WHEN ${entity} = 'AWS Marketplace' THEN 'true' ELSE 'false' END`,
  };
  const currency = sources.BillingCurrency;
  if (currency) sources.BillingCurrency = { ...currency, ...currencyIn(currency.text) };
  const effective = effectiveCost(type, report);
  if (effective) sources.EffectiveCost = effective;
  const tags = tagsIn(header, tagIn, columnOf);
  if (tags) sources.Tags = tags;
  const discounts = columnOf(MAPS.discount);
  if (discounts !== undefined) sources.x_Discounts = { column: MAPS.discount, text: discounts, ...objectIn(discounts) };
  return {
    sources,
    unknown: header.names.filter((name) => !isOurs(name)),
    missing: REQUIRED.filter((names) => names.every((name) => textOf(name) === undefined)).map((names) =>
      names.map(nameOf).join(' or '),
    ),
    // A map without any pair says nothing either.
    nothing: Object.values(MAPS).some((map) => columnOf(map) !== undefined) ? ['', '{}'] : [''],
    used,
    twice,
  };
};

/** How a report is asked for its columns, by their legacy names, and what it calls them itself. */
type Report = Readonly<{ textOf: Delivered; nameOf: (legacy: string) => string }>;

/** SQL of an attribute that CUR 2.0 keeps in a map; what is no JSON has none. */
const attributeIn = (legacy: string, columnOf: Delivered): string | undefined => {
  const place = mapKeyOf(legacy);
  const map = place && columnOf(place.map);
  return map && `CASE WHEN json_valid(${map}) THEN nullif(json_extract_string(${map}, ${quoted(`/${place.key}`)}), '') END`;
};

const constant = (text: string): Source => ({ column: '', text: quoted(text) });

const firstOf = (names: readonly string[], { textOf, nameOf }: Report): Source | undefined => {
  const given = names.filter((name) => textOf(name) !== undefined);
  const [column] = given;
  if (column === undefined) return undefined;
  const texts = given.map((name) => textOf(name)).join(', ');
  return { column: nameOf(column), text: given.length > 1 ? `coalesce(${texts})` : texts };
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
const effectiveCost = (type: string, { textOf, nameOf }: Report): Source | undefined => {
  if (textOf('lineItem/UnblendedCost') === undefined) return undefined;
  const covered = {
    SavingsPlanCoveredUsage: 'savingsPlan/SavingsPlanEffectiveCost',
    DiscountedUsage: 'reservation/EffectiveCost',
  };
  const without = { SavingsPlanNegation: "'0'", SavingsPlanUpfrontFee: "'0'", RIFee: 'NULL', SavingsPlanRecurringFee: 'NULL' };
  const others = [...Object.keys(covered), ...Object.keys(without)].map(quoted).join(', ');
  return {
    // Which of them it is depends on the line: a problem names all that it may be about.
    column: Object.values(covered)
      .filter((name) => textOf(name) !== undefined)
      .map(nameOf)
      .join(' or '),
    text: `CASE ${type}
      ${Object.entries(covered)
        .map(([of, name]) => `WHEN ${quoted(of)} THEN ${textOf(name) ?? 'NULL'}`)
        .join(' ')}
      ${Object.entries(without)
        .map(([of, cost]) => `WHEN ${quoted(of)} THEN ${cost}`)
        .join(' ')} END`,
    sameAs: { column: 'BilledCost', holds: `coalesce(${type} NOT IN (${others}), true)` },
  };
};

/** The tags of a map, or else one JSON object of those that have a column each. */
const tagsIn = ({ names }: Header, tagIn: Spelling['tagIn'], columnOf: Delivered): Source | undefined => {
  const map = columnOf(MAPS.resourceTags);
  if (map !== undefined) {
    const { value, refusal } = objectIn(map);
    const tags = `CASE WHEN ${value} IS NOT NULL THEN ${tagsOfMap(map)} END`;
    return { column: MAPS.resourceTags, text: map, value: tags, refusal };
  }
  const tags = names.flatMap((name) => {
    const key = tagIn(name);
    const text = key === undefined ? undefined : columnOf(name);
    return key === undefined || text === undefined ? [] : [`${quoted(`${JSON.stringify(key)}:`)} || to_json(${text})::VARCHAR`];
  });
  if (tags.length === 0) return undefined;
  return { column: 'resourceTags', text: 'NULL', value: `nullif('{' || concat_ws(',', ${tags.join(', ')}) || '}', '{}')` };
};
