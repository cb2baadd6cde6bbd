import { type ColumnName, identifier, quoted } from './columns.ts';
import { type DuckDb, type Row, type StatementOptions } from './duckdb.ts';
import {
  exampleGroup,
  exampleGrouping,
  exampleProfile,
  type Grouping,
  profileOf,
  type Signature,
  signatureOf,
  type UsageSlice,
} from './grouping.ts';
import { type UsageGroup } from './usage-group.ts';
import { usageStatement } from './statement.ts';
import { usageIn } from './usage-files.ts';

/** What a source line shows of itself. */
export const SHOWN = [
  'x_Row',
  'ChargePeriodStart',
  'ChargePeriodEnd',
  'SubAccountId',
  'SubAccountName',
  'ServiceName',
  'ChargeCategory',
  'ChargeDescription',
  'RegionId',
  'ResourceId',
  'x_LineItemType',
  'x_UsageType',
  'x_Operation',
  'x_Marketplace',
  'BillingCurrency',
  'PricingQuantity',
  'PricingUnit',
  'BilledCost',
] as const satisfies readonly ColumnName[];

/** A line of a slice's files, by column name. */
type SourceLine = Row;

/** Some groups of one slice, under the grouping that made them. */
export type SliceGroups = Readonly<{ slice: UsageSlice; grouping: Grouping; groups: readonly UsageGroup[] }>;

/** SQL: is the line in one of the groups? */
const amongGroups = (signature: Signature, grouping: Grouping, groups: readonly UsageGroup[]): string => {
  const tuples = new Set(groups.map((group) => `(${tupleOf(signature, grouping, group).join(', ')})`));
  return tuples.size === 0 ? 'false' : `(${signature.columns.join(', ')}) IN (${[...tuples].join(', ')})`;
};

const tupleOf = (signature: Signature, grouping: Grouping, group: UsageGroup): readonly string[] => {
  const parts: readonly (readonly [part: string, sql: string])[] = [
    ['account', quoted(group.accountId)],
    ['segment', String(group.segment - signature.before)],
    ['currency', quoted(group.currency)],
    ['service', quoted(group.serviceName)],
    ['category', quoted(group.chargeCategory)],
    ['marketplace', String(group.marketplace)],
    ['unitRate', String(group.unitRateApplies)],
    ...grouping.dimensions.map((dimension) => [`value ${dimension}`, quoted(group.values[dimension] ?? '')] as const),
    ...grouping.conditions.map(({ key }) => [`truth ${key}`, String(group.truths[key] ?? false)] as const),
  ];
  const byPlace = new Map(parts.map(([part, sql]) => [signature.at(part), sql]));
  return signature.columns.map((_, place) => byPlace.get(place) ?? 'NULL');
};

const sourceLinesStatement = usageStatement<
  [
    files: readonly string[],
    signature: Signature,
    grouping: Grouping,
    groups: readonly UsageGroup[],
    after: bigint,
    limit: number,
  ]
>({
  name: 'source lines of groups',
  sql: (files, signature, grouping, groups, after, limit) =>
    [
      `SELECT ${SHOWN.map(identifier).join(', ')} FROM ${usageIn(files)}`,
      `WHERE x_Row > ${String(after)} AND ${amongGroups(signature, grouping, groups)} ORDER BY x_Row LIMIT ${String(limit)}`,
    ].join(' '),
  example: (files) => [files, signatureOf(exampleGrouping, exampleProfile), exampleGrouping, [exampleGroup], 0n, 10],
});

/** Where the next page begins: behind this line of this slice. */
export type SourceLineCursor = Readonly<{ slice: number; row: bigint }>;
export type SourceLinePage = Readonly<{ items: readonly SourceLine[]; next: SourceLineCursor | null; total: number }>;

/**
 * The source lines behind groups of some slices, in the order of the slices and of the lines within their import. `total` is exact.
 */
export const sourceLines = async (
  duckDb: DuckDb,
  slices: readonly SliceGroups[],
  page: Readonly<{ after?: SourceLineCursor; limit: number }>,
  options: StatementOptions = {},
): Promise<SourceLinePage> => {
  const total = slices.reduce((sum, { groups }) => sum + groups.reduce((lines, group) => lines + group.lines, 0), 0);
  const items: SourceLine[] = [];
  let last: SourceLineCursor | undefined;
  for (const [index, { slice, grouping, groups }] of slices.entries()) {
    if (index < (page.after?.slice ?? 0) || groups.length === 0) continue;
    const profile = await profileOf(duckDb, slice, grouping, options);
    if (!profile) continue;
    const after = index === page.after?.slice ? page.after.row : 0n;
    const wanted = page.limit - items.length + 1;
    const signature = signatureOf(grouping, profile);
    const found = await duckDb.all(sourceLinesStatement(slice.files, signature, grouping, groups, after, wanted), [], options);
    for (const line of found) {
      if (items.length === page.limit) return { items, next: last ?? null, total };
      items.push(line);
      last = { slice: index, row: BigInt(String(line['x_Row'])) };
    }
  }
  return { items, next: null, total };
};
