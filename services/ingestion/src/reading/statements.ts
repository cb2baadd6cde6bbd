import { COLUMNS, type ColumnName, columnNames, identifier, quoted } from '#libs/usage-store/columns';
import { usageStatement } from '#libs/usage-store/statement';
import { usageIn } from '#libs/usage-store/usage-files';
import { type CsvHeader } from './csv-header.ts';
import { amountOf, isAmount, isRounded, roundingOf } from './exact-number.ts';
import { focusMapping } from './focus.ts';
import { type Mapping, type Source } from './mapping.ts';

/**
 * A delivery is staged as text, column by column, and worked on from there: the file is read once, and DuckDB evaluates a text that
 * occurs a thousand times once.
 */

const columnsOf = ({ names }: CsvHeader): string => names.map((_, place) => `c${String(place)}: 'VARCHAR'`).join(', ');

/** Writes the columns that a mapping reads, as text, in the order of the file. */
export const stage = (file: string, header: CsvHeader, { used, nothing }: Mapping, target: string): string => `
  COPY (SELECT ${[...used].join(', ')} FROM read_csv(${quoted(file)}, auto_detect = false, header = true, strict_mode = true,
      delim = ',', quote = '"', escape = '"', new_line = ${quoted(header.newline === '\n' ? '\\n' : '\\r\\n')}, nullstr = [${nothing.map(quoted).join(', ')}],
      compression = ${quoted(header.gzip ? 'gzip' : 'none')}, columns = {${columnsOf(header)}}))
  TO ${quoted(target)} (FORMAT parquet, COMPRESSION lz4)`;

/** Times as files write them; without a zone they are UTC. */
const DATE_TIME = '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?';
const UTC_TIME = quoted(`${DATE_TIME}Z?)?`);
const ZONED_TIME = quoted(`${DATE_TIME}[+-][0-9]{2}(:?[0-9]{2})?)`);

const timeOf = (text: string): string =>
  `CASE WHEN regexp_full_match(${text}, ${UTC_TIME}) THEN TRY_CAST(${text} AS TIMESTAMP)
    WHEN regexp_full_match(${text}, ${ZONED_TIME}) THEN TRY_CAST(${text} AS TIMESTAMPTZ)::TIMESTAMP END`;

const valueOf = (column: ColumnName, source: Source | undefined): string => {
  if (!source) return `NULL::${COLUMNS[column]}`;
  switch (COLUMNS[column]) {
    case 'DECIMAL(38,18)':
      return amountOf(source.text);
    case 'TIMESTAMP':
      return timeOf(source.text);
    case 'BIGINT':
    case 'VARCHAR':
      return source.value ?? source.text;
  }
};

type Fault = Readonly<{ source: Source; holds: string; refusal: string }>;

/** Each way a row can be wrong; a row has at most one of them per column. */
const faultsOf = ({ sources }: Mapping): readonly Fault[] =>
  columnNames.flatMap((column): Fault[] => {
    const source = sources[column];
    if (!source) return [];
    const empty: Fault[] = source.required ? [{ source, holds: `${source.text} IS NULL`, refusal: 'is empty' }] : [];
    const wrong = (means: string, refusal: string): Fault[] => [
      ...empty,
      { source, holds: `(${source.text} IS NOT NULL AND NOT ${means})`, refusal },
    ];
    switch (COLUMNS[column]) {
      case 'DECIMAL(38,18)':
        return wrong(isAmount(source.text), 'is no number (digits with one point, no separators, at most 20 digits before it)');
      case 'TIMESTAMP':
        return wrong(
          `coalesce(${timeOf(source.text)} IS NOT NULL, false)`,
          'is no date or time (YYYY-MM-DD hh:mm:ss or ISO 8601)',
        );
      case 'BIGINT':
      case 'VARCHAR':
        return source.refusal ? wrong(`coalesce(${source.value ?? source.text}, '') <> ''`, source.refusal) : empty;
    }
  });

const amountsOf = ({ sources }: Mapping): readonly Source[] =>
  columnNames.flatMap((column) => {
    const source = sources[column];
    return source && COLUMNS[column] === 'DECIMAL(38,18)' ? [source] : [];
  });

const EXAMPLE_HEADER: CsvHeader = {
  names: columnNames.filter((name) => COLUMNS[name] !== 'BIGINT' && name !== 'x_Marketplace'),
  gzip: false,
  newline: '\n',
};
const EXAMPLE = focusMapping(EXAMPLE_HEADER, [{ managementAccountId: '1', ownPublishers: ['Red Hat'] }]);
/** Usage files under the names of staged columns. */
const staged = (file: string): string => usageIn([file]);
const asStaged = (files: readonly string[]): string =>
  `(SELECT ${EXAMPLE_HEADER.names.map((name, place) => `${identifier(name)}::VARCHAR AS c${String(place)}`).join(', ')}, x_Row AS file_row_number FROM ${usageIn(files)})`;

/** One row: `lines`, `problems` of all of them, and for the n-th amount of the mapping `roundings_n` and `added_n` (HUGEINT, 38 decimals). */
export const checks = usageStatement({
  name: 'checks of a staged file',
  sql: (relation: string, mapping: Mapping) => `
    SELECT ${[
      `coalesce(sum(${faultsOf(mapping)
        .map(({ holds }) => `${holds}::INTEGER`)
        .join(' + ')}), 0)::HUGEINT AS problems`,
      'count(*) AS lines',
      ...amountsOf(mapping).flatMap(({ text }, index) => [
        `count(*) FILTER (WHERE ${isRounded(text)}) AS roundings_${String(index)}`,
        `coalesce(sum(${roundingOf(text)}) FILTER (WHERE ${isRounded(text)}), 0)::HUGEINT AS added_${String(index)}`,
      ]),
    ].join(',\n')}
    FROM ${relation}`,
  example: (files) => [asStaged(files), EXAMPLE],
});

/** Names of the file's columns that `checks` counts roundings of, in its order. */
export const amountColumns = (mapping: Mapping): readonly string[] => amountsOf(mapping).map(({ column }) => column);

/** The first problems in the file's order: `line` (the header is line 1), `column`, `value`, `refusal`. */
export const problems = usageStatement({
  name: 'problems of a staged file',
  sql: (relation: string, mapping: Mapping, limit: number) => `
    SELECT line, fault.f_column AS "column", fault.f_value AS "value", fault.f_refusal AS refusal
    FROM (SELECT file_row_number + 2 AS line, unnest([${faultsOf(mapping)
      .map(
        ({ source, holds, refusal }) =>
          `CASE WHEN ${holds} THEN {f_column: ${quoted(source.column)}, f_value: ${source.text}, f_refusal: ${quoted(refusal)}} END`,
      )
      .join(',\n')}]) AS fault FROM ${relation})
    WHERE fault IS NOT NULL ORDER BY line, "column" LIMIT ${String(limit)}`,
  example: (files) => [asStaged(files), EXAMPLE, 20],
});

const linesOf = (relation: string, { sources }: Mapping, rowsBefore: number): string =>
  `SELECT ${columnNames
    .map((column) =>
      column === 'x_Row'
        ? `(file_row_number + ${String(rowsBefore + 1)})::BIGINT AS x_Row`
        : `${valueOf(column, sources[column])} AS ${identifier(column)}`,
    )
    .join(',\n')} FROM ${relation}`;

const MONTH = `strftime(BillingPeriodStart, '%Y-%m')`;

/** What was read, slice by slice and currency by currency: `account`, `month`, `currency`, `lines`, `billed`. */
export const readTotals = usageStatement({
  name: 'totals of a staged file',
  sql: (relation: string, mapping: Mapping) => `
    SELECT BillingAccountId AS account, ${MONTH} AS month, BillingCurrency AS currency, count(*) AS lines,
      sum(BilledCost) AS billed
    FROM (${linesOf(relation, mapping, 0)}) GROUP BY ALL ORDER BY ALL`,
  example: (files) => [asStaged(files), EXAMPLE],
});

export type SliceOf = Readonly<{ managementAccountId: string; month: string }>;

/** The lines of one slice as the store keeps them; without a slice all of them. */
export const sliceLines = usageStatement({
  name: 'lines of a slice',
  sql: (relation: string, mapping: Mapping, rowsBefore: number, slice: SliceOf | undefined) =>
    `SELECT * FROM (${linesOf(relation, mapping, rowsBefore)})${
      slice ? ` WHERE BillingAccountId = ${quoted(slice.managementAccountId)} AND ${MONTH} = ${quoted(slice.month)}` : ''
    }`,
  example: (files) => [asStaged(files), EXAMPLE, 0, { managementAccountId: '1', month: '2026-01' }],
});

export const stagedRelation = (file: string): string => `(SELECT *, file_row_number FROM ${staged(file)})`;

/** Writes a usage file of the store. */
export const writeUsage = (lines: string, target: string): string =>
  `COPY (${lines}) TO ${quoted(target)} (FORMAT parquet, COMPRESSION zstd)`;

/** What the files of one slice hold: `currency`, `lines`, `billed`. */
export const writtenTotals = usageStatement({
  name: 'totals of a slice as written',
  sql: (files: readonly string[]) => `
    SELECT BillingCurrency AS currency, count(*) AS lines, sum(BilledCost) AS billed
    FROM ${usageIn(files)} GROUP BY ALL ORDER BY ALL`,
  example: (files) => [files],
});

/** `account`, `name` (the last one given), `first_day` and `last_day` of its lines. */
export const accountsIn = usageStatement({
  name: 'accounts of a slice',
  sql: (files: readonly string[]) => `
    SELECT SubAccountId AS account, arg_max(SubAccountName, x_Row) AS name,
      min(ChargePeriodStart)::DATE AS first_day, max(ChargePeriodStart)::DATE AS last_day
    FROM ${usageIn(files)} GROUP BY ALL ORDER BY account`,
  example: (files) => [files],
});
