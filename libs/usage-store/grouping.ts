import { Decimal } from '#libs/money/decimal';
import { type Currency } from '#libs/money/currency';
import { type DataSourceId, type LinkedAccountId } from '#libs/published/ids';
import { conditionTest, matchesEverything } from '#libs/rules/condition';
import { wildcardPieces } from '#libs/rules/wildcard';
import { type Day } from '#libs/time/time';
import { type ColumnName, COLUMNS, identifier, quoted, textOf } from './columns.ts';
import { type DuckDb, type StatementOptions, type Value } from './duckdb.ts';
import { usageStatement } from './statement.ts';
import { usageIn } from './usage-files.ts';
import { type UsageGroup } from './usage-group.ts';

/** Usage of one data source and month: absolute paths of write-once files. */
export type UsageSlice = Readonly<{ dataSourceId: DataSourceId; files: readonly string[] }>;

/** What must not be summed together, beside account, currency, service, category, marketplace and whether a unit rate may apply. */
export type Grouping = Readonly<{
  /** Ascending: lines of days with another one of these between them stay apart. */
  cuts: readonly Day[];
  /** Dimensions whose text stays apart. */
  dimensions: readonly string[];
  /** Conditions whose truth stays apart: for dimensions with very many values. */
  conditions: readonly Readonly<{ key: string; dimension: string; values: readonly string[] }>[];
}>;

/**
 * What the SQL of a grouping needs to know of a slice beforehand. SQL and JavaScript agree on upper and lower case of ASCII only, so
 * other texts that conditions ask about are judged here, once for each distinct text.
 */
export type SliceProfile = Readonly<{
  firstDay: Day;
  lastDay: Day;
  /** By dimension: every text with a character beyond ASCII. */
  beyondAscii: Readonly<Record<string, readonly string[]>>;
}>;

/** An ESCAPE clause costs a much slower search, so it stands only where it is needed. */
const isLike = (text: string, pieces: readonly string[]): string => {
  const isLiteral = !pieces.some((piece) => /[\\%_]/.test(piece));
  const pattern = pieces.map((piece) => piece.replace(/[\\%_]/g, (special) => `\\${special}`)).join('%');
  return `${text} LIKE (${quoted(pattern)})${isLiteral ? '' : ` ESCAPE '\\'`}`;
};

const isAscii = (text: string): string => `strlen(${text}) = length(${text})`;

const truthOf = ({ values }: Grouping['conditions'][number], text: string, beyondAscii: readonly string[]): string => {
  if (values.some(matchesEverything)) return 'true';
  const asked = values.map((value) => {
    const pieces = wildcardPieces(value);
    return pieces.length === 1 ? `lower(${text}) = (${quoted(pieces[0] ?? '')})` : isLike(`lower(${text})`, pieces);
  });
  const holds = asked.length === 0 ? 'false' : `${text} <> '' AND (${asked.join(' OR ')})`;
  if (beyondAscii.length === 0) return holds;
  const others = beyondAscii.filter(conditionTest(values)).map(quoted);
  return `CASE WHEN ${isAscii(text)} THEN ${holds} ELSE ${others.length === 0 ? 'false' : `${text} IN (${others.join(', ')})`} END`;
};

/** The cuts that divide the slice's own days, and how many lie before all of them. */
const cutsWithin = (cuts: readonly Day[], { firstDay, lastDay }: SliceProfile) => ({
  before: cuts.filter((cut) => cut <= firstDay).length,
  within: cuts.filter((cut) => firstDay < cut && cut <= lastDay),
});

const segmentOf = (within: readonly Day[]): string =>
  within.length === 0
    ? '0::INTEGER'
    : `CASE ${within
        .map((cut, index) => `WHEN ChargePeriodStart >= TIMESTAMP '${cut} 00:00:00' THEN ${String(index + 1)}::INTEGER`)
        .toReversed()
        .join(' ')} ELSE 0::INTEGER END`;

/** The signature of a line as columns, and where a group's parts stand among them. */
export type Signature = Readonly<{
  columns: readonly string[];
  /** What to group by for each of the columns: a bare column is faster; its null and its empty text, the same by then, are summed afterwards. */
  groupedBy: readonly string[];
  at: (part: string) => number;
  within: readonly Day[];
  before: number;
}>;

/** Texts that every signature has. */
const TEXTS = ['SubAccountId', 'BillingCurrency', 'ServiceName', 'ChargeCategory'] as const satisfies readonly ColumnName[];

const isColumn = (dimension: string): dimension is ColumnName => dimension in COLUMNS;

/** SQL expressions (over the store's columns) that make up the signature of a line; equal expressions stand there once. */
export const signatureOf = (grouping: Grouping, profile: SliceProfile): Signature => {
  const { before, within } = cutsWithin(grouping.cuts, profile);
  const expressions: readonly (readonly [part: string, sql: string])[] = [
    ['account', textOf('SubAccountId')],
    ['segment', segmentOf(within)],
    ['currency', textOf('BillingCurrency')],
    ['service', textOf('ServiceName')],
    ['category', textOf('ChargeCategory')],
    ['marketplace', "x_Marketplace IS NOT DISTINCT FROM 'true'"],
    [
      'unitRate',
      'PricingQuantity IS NOT NULL AND NOT ((PricingQuantity > 0 AND BilledCost < 0) OR (PricingQuantity < 0 AND BilledCost > 0))',
    ],
    ...grouping.dimensions.map((dimension) => [`value ${dimension}`, textOf(dimension)] as const),
    ...grouping.conditions.map(
      (condition) =>
        [
          `truth ${condition.key}`,
          truthOf(condition, textOf(condition.dimension), profile.beyondAscii[condition.dimension] ?? []),
        ] as const,
    ),
  ];
  const columns = [...new Set(expressions.map(([, sql]) => sql))];
  const bare = new Map(
    [...TEXTS, ...grouping.dimensions].filter(isColumn).map((dimension) => [textOf(dimension), identifier(dimension)]),
  );
  const places = new Map(expressions.map(([part, sql]) => [part, columns.indexOf(sql)]));
  return {
    columns,
    groupedBy: columns.map((sql, index) => bare.get(sql) ?? `s${String(index)}`),
    before,
    within,
    at: (part) => {
      const place = places.get(part);
      if (place === undefined) throw new Error(`the signature has no ${part}`);
      return place;
    },
  };
};

const conditionDimensions = ({ conditions }: Grouping): readonly string[] => [
  ...new Set(conditions.map(({ dimension }) => dimension)),
];

/** What the examples of the statements over groups are made from. */
export const exampleGrouping = {
  cuts: ['2026-01-16' as Day],
  dimensions: ['ServiceName', 'RegionId', 'Tags/team'],
  conditions: [{ key: 'k', dimension: 'ResourceId', values: ['*arn*', 'i-1'] }],
} as const satisfies Grouping;
export const exampleProfile: SliceProfile = {
  firstDay: '2025-12-31' as Day,
  lastDay: '2026-02-01' as Day,
  beyondAscii: { ResourceId: ['é'] },
};
export const exampleGroup: UsageGroup = {
  dataSourceId: 'source' as DataSourceId,
  accountId: '111' as LinkedAccountId,
  segment: 1,
  currency: 'USD' as Currency,
  serviceName: 'Storage',
  chargeCategory: 'Usage',
  marketplace: false,
  values: { ServiceName: 'Storage', RegionId: '', 'Tags/team': '' },
  truths: { k: false },
  unitRateApplies: true,
  lines: 1,
  billedCost: Decimal.zero,
  pricingQuantity: Decimal.zero,
  firstDay: '2026-01-16' as Day,
  lastDay: '2026-01-16' as Day,
};

/** Whether a column holds something beyond ASCII; JSON may write such a character in ASCII, too. */
const mayGoBeyondAscii = (dimension: string): string =>
  isColumn(dimension) ? `NOT (${isAscii(identifier(dimension))})` : `NOT (${isAscii('Tags')}) OR contains(Tags, '\\u')`;

const profileStatement = usageStatement<[files: readonly string[], grouping: Grouping]>({
  name: 'profile of a slice',
  sql: (files, grouping) =>
    [
      'SELECT min(ChargePeriodStart)::DATE, max(ChargePeriodStart)::DATE',
      ...conditionDimensions(grouping).map((dimension) => `, bool_or(${mayGoBeyondAscii(dimension)})`),
      `FROM ${usageIn(files)}`,
    ].join(' '),
  example: (files) => [files, exampleGrouping],
});

const beyondAsciiStatement = usageStatement<[files: readonly string[], dimension: string]>({
  name: 'texts of a slice beyond ASCII',
  sql: (files, dimension) =>
    `SELECT DISTINCT ${textOf(dimension)} AS text FROM ${usageIn(files)} WHERE NOT (${isAscii(textOf(dimension))})`,
  example: (files) => [files, 'Tags/team'],
});

/** What few combinations of recur in very many groups: it comes as one text, which is read once for each of them. */
const kindParts = ({ dimensions, conditions }: Grouping): readonly string[] => [
  ...['currency', 'service', 'category', 'marketplace', 'unitRate'],
  ...dimensions.map((dimension) => `value ${dimension}`),
  ...conditions.map(({ key }) => `truth ${key}`),
];

const groupingStatement = usageStatement<[files: readonly string[], grouping: Grouping, signature: Signature]>({
  name: 'groups of a slice',
  sql: (files, grouping, { columns, groupedBy, at }) => {
    const place = (part: string): string => `s${String(at(part))}`;
    return [
      `SELECT ${place('account')}, ${place('segment')}, json_array(${kindParts(grouping).map(place).join(', ')})::VARCHAR,`,
      'sum(lines)::BIGINT, sum(cost), sum(quantity), min(first_day), max(last_day) FROM (SELECT',
      [
        ...columns.map((sql, index) => `${sql} AS s${String(index)}`),
        'count(*)::BIGINT AS lines',
        'sum(BilledCost) AS cost',
        'coalesce(sum(PricingQuantity), 0::DECIMAL(38,18)) AS quantity',
        'min(ChargePeriodStart)::DATE AS first_day',
        'max(ChargePeriodStart)::DATE AS last_day',
      ].join(', '),
      `FROM ${usageIn(files)} GROUP BY ${groupedBy.join(', ')}) GROUP BY 1, 2, 3`,
    ].join(' ');
  },
  example: (files) => [files, exampleGrouping, signatureOf(exampleGrouping, exampleProfile)],
});

/** Undefined: the slice has no line. */
export const profileOf = async (
  duckDb: DuckDb,
  slice: UsageSlice,
  grouping: Grouping,
  options: StatementOptions = {},
): Promise<SliceProfile | undefined> => {
  if (slice.files.length === 0) return undefined;
  for await (const [firstDays, lastDays, ...flags] of duckDb.columns(profileStatement(slice.files, grouping), [], options)) {
    const [firstDay, lastDay] = [firstDays?.[0], lastDays?.[0]];
    if (typeof firstDay !== 'string' || typeof lastDay !== 'string') return undefined;
    const beyondAscii: Record<string, readonly string[]> = {};
    for (const [index, dimension] of conditionDimensions(grouping).entries()) {
      if (flags[index]?.[0] !== true) continue;
      const rows = await duckDb.all(beyondAsciiStatement(slice.files, dimension), [], options);
      beyondAscii[dimension] = rows.map(({ text }) => String(text));
    }
    return { firstDay: firstDay as Day, lastDay: lastDay as Day, beyondAscii };
  }
  return undefined;
};

/** Groups of one slice, in no particular order. */
const groupSlice = async (
  duckDb: DuckDb,
  slice: UsageSlice,
  grouping: Grouping,
  profile: SliceProfile,
  options: StatementOptions,
): Promise<readonly UsageGroup[]> => {
  const signature = signatureOf(grouping, profile);
  const groups: UsageGroup[] = [];
  const read = groupReader(slice.dataSourceId, grouping, signature);
  for await (const columns of duckDb.columns(groupingStatement(slice.files, grouping, signature), [], options)) {
    const rows = columns[0]?.length ?? 0;
    for (let row = 0; row < rows; row++) groups.push(read(columns, row));
  }
  return groups;
};

type Columns = readonly (readonly Value[])[];
type Kind = Pick<
  UsageGroup,
  'currency' | 'serviceName' | 'chargeCategory' | 'marketplace' | 'values' | 'truths' | 'unitRateApplies'
>;

const kindOf = (text: string, { dimensions, conditions }: Grouping): Kind => {
  const [currency, serviceName, chargeCategory, marketplace, unitRateApplies, ...asked] = JSON.parse(text) as [
    Currency,
    string,
    string,
    boolean,
    boolean,
    ...(string | boolean)[],
  ];
  return {
    currency,
    serviceName,
    chargeCategory,
    marketplace,
    unitRateApplies,
    values: Object.fromEntries(dimensions.map((dimension, index) => [dimension, String(asked[index])])),
    truths: Object.fromEntries(conditions.map(({ key }, index) => [key, asked[dimensions.length + index] === true])),
  };
};

const groupReader = (dataSourceId: DataSourceId, grouping: Grouping, { before }: Signature) => {
  const accounts = new Map<string, LinkedAccountId>();
  const kinds = new Map<string, Kind>();
  return (columns: Columns, row: number): UsageGroup => {
    const account = textAt(columns, 0, row);
    const kindText = textAt(columns, 2, row);
    const kind = entryOf(kinds, kindText, () => kindOf(kindText, grouping));
    return {
      dataSourceId,
      accountId: entryOf(accounts, account, () => account as LinkedAccountId),
      segment: before + Number(columns[1]?.[row]),
      currency: kind.currency,
      serviceName: kind.serviceName,
      chargeCategory: kind.chargeCategory,
      marketplace: kind.marketplace,
      values: kind.values,
      truths: kind.truths,
      unitRateApplies: kind.unitRateApplies,
      lines: Number(columns[3]?.[row]),
      billedCost: decimalAt(columns, 4, row),
      pricingQuantity: decimalAt(columns, 5, row),
      firstDay: textAt(columns, 6, row) as Day,
      lastDay: textAt(columns, 7, row) as Day,
    };
  };
};

const entryOf = <K, V>(entries: Map<K, V>, key: K, make: () => V): V => {
  const known = entries.get(key);
  if (known !== undefined) return known;
  const made = make();
  entries.set(key, made);
  return made;
};

const textAt = (columns: Columns, place: number, row: number): string => {
  const value = columns[place]?.[row];
  if (typeof value !== 'string') throw new TypeError(`column ${String(place)} of a group is no text`);
  return value;
};

const decimalAt = (columns: Columns, place: number, row: number): Decimal => {
  const value = columns[place]?.[row];
  if (!(value instanceof Decimal)) throw new TypeError(`column ${String(place)} of a group is no decimal`);
  return value;
};

type Kept = Readonly<{ groups: Promise<readonly UsageGroup[]>; before: number }>;

/**
 * Groups that are kept: a slice is grouped again only when its files or what must stay apart in it have changed. Cuts outside the
 * slice's days only number the segments anew.
 */
export class KeptGroups {
  readonly #profiles = new Map<string, Promise<SliceProfile | undefined>>();
  readonly #kept = new Map<string, Kept>();
  #size = 0;

  /** `most`: how many groups are kept at most, over all slices; the ones used longest ago go first. */
  constructor(
    private readonly duckDb: DuckDb,
    private readonly most = 1_000_000,
  ) {}

  async of(slice: UsageSlice, grouping: Grouping, options: StatementOptions = {}): Promise<readonly UsageGroup[]> {
    const profile = await this.#profile(slice, grouping, options);
    if (!profile) return [];
    const { before, within } = cutsWithin(grouping.cuts, profile);
    const key = JSON.stringify([slice, within, grouping.dimensions, grouping.conditions]);
    const kept = this.#kept.get(key);
    if (kept) {
      const groups = kept.before === before ? kept.groups : kept.groups.then(renumbered(before - kept.before));
      this.#kept.delete(key);
      this.#kept.set(key, { groups, before });
      return groups;
    }
    const groups = groupSlice(this.duckDb, slice, grouping, profile, options);
    this.#kept.set(key, { groups, before });
    try {
      this.#size += (await groups).length;
    } catch (error) {
      this.#kept.delete(key);
      throw error;
    }
    await this.#forget();
    return groups;
  }

  async #profile(slice: UsageSlice, grouping: Grouping, options: StatementOptions): Promise<SliceProfile | undefined> {
    const key = JSON.stringify([slice, conditionDimensions(grouping)]);
    const known = this.#profiles.get(key) ?? profileOf(this.duckDb, slice, grouping, options);
    this.#profiles.delete(key);
    this.#profiles.set(key, known);
    for (const oldest of this.#profiles.keys()) {
      if (this.#profiles.size <= MOST_PROFILES) break;
      this.#profiles.delete(oldest);
    }
    try {
      return await known;
    } catch (error) {
      this.#profiles.delete(key);
      throw error;
    }
  }

  async #forget(): Promise<void> {
    for (const [key, { groups }] of [...this.#kept]) {
      if (this.#size <= this.most || this.#kept.size === 1) return;
      if (this.#kept.delete(key)) this.#size -= (await groups.catch(() => [])).length;
    }
  }
}

const MOST_PROFILES = 1_000;

const renumbered =
  (by: number) =>
  (groups: readonly UsageGroup[]): readonly UsageGroup[] =>
    groups.map((group) => ({ ...group, segment: group.segment + by }));
