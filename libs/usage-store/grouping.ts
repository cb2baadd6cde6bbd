import { Decimal } from '#libs/money/decimal';
import { type Currency } from '#libs/money/currency';
import { type DataSourceId, type LinkedAccountId } from '#libs/published/ids';
import { conditionTest, matchesEverything } from '#libs/rules/condition';
import { wildcardPieces } from '#libs/rules/wildcard';
import { type Day } from '#libs/time/time';
import { quoted, textOf } from './columns.ts';
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

const likePattern = (pieces: readonly string[]): string =>
  pieces.map((piece) => piece.replace(/[\\%_]/g, (special) => `\\${special}`)).join('%');

const isAscii = (text: string): string => `strlen(${text}) = length(${text})`;

const truthOf = ({ values }: Grouping['conditions'][number], text: string, beyondAscii: readonly string[]): string => {
  const matches = conditionTest(values);
  const asked = values.map((value) => {
    const pieces = wildcardPieces(value);
    return pieces.length === 1
      ? `lower(${text}) = (${quoted(pieces[0] ?? '')})`
      : `lower(${text}) LIKE (${quoted(likePattern(pieces))}) ESCAPE '\\'`;
  });
  const others = beyondAscii.filter(matches).map(quoted);
  return [
    `CASE WHEN ${text} = '' THEN ${String(values.some(matchesEverything))}`,
    `WHEN ${isAscii(text)} THEN ${asked.length === 0 ? 'false' : asked.map((one) => `(${one})`).join(' OR ')}`,
    `ELSE ${others.length === 0 ? 'false' : `${text} IN (${others.join(', ')})`} END`,
  ].join(' ');
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
  at: (part: string) => number;
  within: readonly Day[];
  before: number;
}>;

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
  const places = new Map(expressions.map(([part, sql]) => [part, columns.indexOf(sql)]));
  return {
    columns,
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

const profileStatement = usageStatement<[files: readonly string[], grouping: Grouping]>({
  name: 'profile of a slice',
  sql: (files, grouping) =>
    [
      'SELECT min(ChargePeriodStart)::DATE, max(ChargePeriodStart)::DATE',
      ...conditionDimensions(grouping).map((dimension) => {
        const text = textOf(dimension);
        return `, list(DISTINCT ${text}) FILTER (WHERE NOT (${isAscii(text)}))`;
      }),
      `FROM ${usageIn(files)}`,
    ].join(' '),
  example: (files) => [files, exampleGrouping],
});

const groupingStatement = usageStatement<[files: readonly string[], signature: Signature]>({
  name: 'groups of a slice',
  sql: (files, { columns }) =>
    [
      'SELECT',
      [
        ...columns.map((sql, index) => `${sql} AS s${String(index)}`),
        'count(*)::BIGINT',
        'sum(BilledCost)',
        'coalesce(sum(PricingQuantity), 0::DECIMAL(38,18))',
        'min(ChargePeriodStart)::DATE',
        'max(ChargePeriodStart)::DATE',
      ].join(', '),
      `FROM ${usageIn(files)}`,
      `GROUP BY ${columns.map((_, index) => `s${String(index)}`).join(', ')}`,
    ].join(' '),
  example: (files) => [files, signatureOf(exampleGrouping, exampleProfile)],
});

/** Undefined: the slice has no line. */
export const profileOf = async (
  duckDb: DuckDb,
  slice: UsageSlice,
  grouping: Grouping,
  options: StatementOptions = {},
): Promise<SliceProfile | undefined> => {
  if (slice.files.length === 0) return undefined;
  for await (const [firstDays = [], lastDays = [], ...lists] of duckDb.columns(
    profileStatement(slice.files, grouping),
    [],
    options,
  )) {
    const [firstDay, lastDay] = [firstDays[0], lastDays[0]];
    if (typeof firstDay !== 'string' || typeof lastDay !== 'string') return undefined;
    const texts = lists.map(([list]) =>
      Array.isArray(list) ? list.filter((text): text is string => typeof text === 'string') : [],
    );
    return {
      firstDay: firstDay as Day,
      lastDay: lastDay as Day,
      beyondAscii: Object.fromEntries(conditionDimensions(grouping).map((dimension, index) => [dimension, texts[index] ?? []])),
    };
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
  for await (const columns of duckDb.columns(groupingStatement(slice.files, signature), [], options)) {
    const rows = columns[0]?.length ?? 0;
    for (let row = 0; row < rows; row++) groups.push(read(columns, row));
  }
  return groups;
};

type Columns = readonly (readonly Value[])[];

/** Few combinations of values recur in very many groups: each is kept once. */
const groupReader = (dataSourceId: DataSourceId, grouping: Grouping, signature: Signature) => {
  const { at, columns: keys, before } = signature;
  const [account, segment, currency, service, category, marketplace, unitRate] = (
    ['account', 'segment', 'currency', 'service', 'category', 'marketplace', 'unitRate'] as const
  ).map(at) as [number, number, number, number, number, number, number];
  const aggregates = keys.length;
  const texts = new Map<string, string>();
  const values = recurring(grouping.dimensions, (dimension) => at(`value ${dimension}`), textAt);
  const truths = recurring(
    grouping.conditions.map(({ key }) => key),
    (key) => at(`truth ${key}`),
    (columns, place, row) => columns[place]?.[row] === true,
  );
  const once = (text: string): string => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, text);
    return text;
  };
  return (columns: Columns, row: number): UsageGroup => ({
    dataSourceId,
    accountId: once(textAt(columns, account, row)) as LinkedAccountId,
    segment: before + Number(columns[segment]?.[row]),
    currency: once(textAt(columns, currency, row)) as Currency,
    serviceName: once(textAt(columns, service, row)),
    chargeCategory: once(textAt(columns, category, row)),
    marketplace: columns[marketplace]?.[row] === true,
    values: values(columns, row),
    truths: truths(columns, row),
    unitRateApplies: columns[unitRate]?.[row] === true,
    lines: Number(columns[aggregates]?.[row]),
    billedCost: decimalAt(columns, aggregates + 1, row),
    pricingQuantity: decimalAt(columns, aggregates + 2, row),
    firstDay: once(textAt(columns, aggregates + 3, row)) as Day,
    lastDay: once(textAt(columns, aggregates + 4, row)) as Day,
  });
};

const recurring = <V extends string | boolean>(
  names: readonly string[],
  placeOf: (name: string) => number,
  valueAt: (columns: Columns, place: number, row: number) => V,
) => {
  const places = names.map(placeOf);
  const known = new Map<string, Readonly<Record<string, V>>>();
  return (columns: Columns, row: number): Readonly<Record<string, V>> => {
    const found = places.map((place) => valueAt(columns, place, row));
    const key = found.join('\0');
    const record = known.get(key) ?? Object.fromEntries(names.map((name, index) => [name, found[index] as V]));
    known.set(key, record);
    return record;
  };
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
