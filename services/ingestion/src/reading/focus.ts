import { type ColumnName, columnNames, quoted } from '#libs/usage-store/columns';
import { type Header } from './csv-header.ts';
import { currencyIn, delivered, objectIn, type Mapping, type Source, type SourceRules } from './mapping.ts';

const REQUIRED: readonly ColumnName[] = [
  'BilledCost',
  'BillingAccountId',
  'BillingCurrency',
  'BillingPeriodStart',
  'ChargeCategory',
  'ChargePeriodStart',
  'ServiceName',
];

/** Ours alone: a file's columns of these names are as unknown as any other. */
const OURS: readonly ColumnName[] = ['x_Discounts', 'x_Marketplace', 'x_Row'];

const CHARGE_CATEGORIES = ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'];

/** A file that lacks some of the required columns is still FOCUS: the refusal can then name what is missing. */
export const isFocus = ({ names }: Header): boolean =>
  REQUIRED.filter((column) => names.includes(column)).length > REQUIRED.length / 2;

/** FOCUS 1.0 to 1.2: the columns are the store's. */
export const focusMapping = (header: Header, rules: readonly SourceRules[]): Mapping => {
  const { textOf, used, twice } = delivered(header);
  const given = columnNames.filter((column) => !OURS.includes(column) && textOf(column) !== undefined);
  const sources: Partial<Record<ColumnName, Source>> = {};
  for (const column of given) {
    const text = textOf(column) ?? 'NULL';
    sources[column] = { column, text, ...MEANINGS[column]?.(text), ...(REQUIRED.includes(column) ? { required: true } : {}) };
  }
  const account = textOf('BillingAccountId') ?? 'NULL';
  const subAccount = textOf('SubAccountId') ?? 'NULL';
  sources.SubAccountId = { column: 'SubAccountId', text: subAccount, value: `coalesce(${subAccount}, ${account})` };
  sources.x_Marketplace = {
    column: 'PublisherName',
    text: textOf('PublisherName') ?? 'NULL',
    value: marketplace(account, textOf('ProviderName') ?? 'NULL', textOf('PublisherName') ?? 'NULL', rules),
  };
  return {
    sources,
    unknown: header.names.filter((name) => !given.some((column) => column === name)),
    missing: REQUIRED.filter((column) => textOf(column) === undefined),
    nothing: ['', 'NULL'],
    used,
    twice,
  };
};

const MEANINGS: Readonly<Partial<Record<ColumnName, (text: string) => Pick<Source, 'value' | 'refusal'>>>> = {
  ChargeCategory: (text) => ({
    value: `CASE WHEN ${text} IN (${CHARGE_CATEGORIES.map(quoted).join(', ')}) THEN ${text} END`,
    refusal: `is none of ${CHARGE_CATEGORIES.join(', ')}`,
  }),
  BillingCurrency: currencyIn,
  Tags: objectIn,
};

/** A provider's own publishers begin with one of these words; of any other provider, with its name. */
const PROVIDERS: readonly Readonly<{ provider: readonly string[]; publishers: readonly string[] }>[] = [
  { provider: ['aws', 'amazon'], publishers: ['aws', 'amazon'] },
  { provider: ['microsoft'], publishers: ['microsoft'] },
  { provider: ['google'], publishers: ['google'] },
  { provider: ['oracle'], publishers: ['oracle'] },
];

const begins = (text: string, words: readonly string[]): string =>
  `(${words.map((word) => `starts_with(lower(${text}), ${quoted(word.toLowerCase())})`).join(' OR ')})`;

/** SQL `'true'` or `'false'`: sold through the provider by somebody else. */
const marketplace = (account: string, provider: string, publisher: string, rules: readonly SourceRules[]): string => {
  const known = PROVIDERS.map(
    ({ provider: names, publishers }) => `WHEN ${begins(provider, names)} THEN ${begins(publisher, publishers)}`,
  ).join(' ');
  const added = rules
    .filter(({ ownPublishers }) => ownPublishers.length > 0)
    .map(
      ({ managementAccountId, ownPublishers }) =>
        `WHEN ${account} = ${quoted(managementAccountId)} AND ${begins(publisher, ownPublishers)} THEN 'false'`,
    );
  return `CASE WHEN ${publisher} IS NULL OR ${provider} IS NULL THEN 'false' ${added.join(' ')}
    WHEN (CASE ${known} ELSE starts_with(lower(${publisher}), lower(${provider})) END) THEN 'false' ELSE 'true' END`;
};
