import { COLUMNS, type ColumnName, columnNames, identifier, quoted } from '#libs/usage-store/columns';
import { usageStatement } from '#libs/usage-store/statement';
import { usageIn } from '#libs/usage-store/usage-files';
import { type CsvHeader } from './csv-header.ts';
import { amountOf, digitsOf, isOdd, isRounded, isTooLarge, plainOf, pointOf, roundingOf } from './exact-number.ts';
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
      delim = ',', quote = '"', escape = '"', nullstr = [${nothing.map(quoted).join(', ')}],
      compression = ${quoted(header.gzip ? 'gzip' : 'none')}, columns = {${columnsOf(header)}}))
  TO ${quoted(target)} (FORMAT parquet, COMPRESSION lz4)`;

/** Times as files write them; without a zone they are UTC. */
const DATE_TIME = '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?';
const UTC_TIME = quoted(`${DATE_TIME}Z?)?`);
const ZONED_TIME = quoted(`${DATE_TIME}[+-][0-9]{2}(:?[0-9]{2})?)`);

const timeOf = (text: string): string =>
  `CASE WHEN regexp_full_match(${text}, ${UTC_TIME}) THEN TRY_CAST(${text} AS TIMESTAMP)
    WHEN regexp_full_match(${text}, ${ZONED_TIME}) THEN TRY_CAST(${text} AS TIMESTAMPTZ)::TIMESTAMP END`;

const isAmount = (column: ColumnName): boolean => COLUMNS[column] === 'DECIMAL(38,18)';

/** The mapping's amounts: the column of the store and where it comes from. */
const amountsOf = ({ sources }: Mapping): readonly (readonly [ColumnName, Source])[] =>
  columnNames.flatMap((column) => {
    const source = sources[column];
    return source && isAmount(column) ? [[column, source] as const] : [];
  });

const textColumn = (column: ColumnName): string => `text_${column}`;
const digitsColumn = (column: ColumnName): string => `digits_${column}`;
const plainColumn = (column: ColumnName): string => `plain_${column}`;

/**
 * A staged file with its amounts as text (`text_…`) and as plain numbers (`plain_…`, null: no number). `odd` are the amounts of which
 * some text is more than the cast reads; the others are plain as they stand.
 */
export type Prepared = Readonly<{ relation: string; mapping: Mapping; odd: readonly ColumnName[] }>;

const list = (...columns: readonly string[]): string => columns.map((column) => `, ${column}`).join('');

const texts = (relation: string, mapping: Mapping): string =>
  `(SELECT *${list(...amountsOf(mapping).map(([column, { text }]) => `${text} AS ${textColumn(column)}`))} FROM ${relation})`;

const plainNumbers = (from: string, amounts: readonly ColumnName[], odd: readonly ColumnName[]): string => {
  const digits = odd.map((column) => `${digitsOf(textColumn(column))} AS ${digitsColumn(column)}`);
  const points = odd.map((column) => `${pointOf(textColumn(column), digitsColumn(column))} AS point_${column}`);
  const plain = amounts.map((column) => {
    const number = odd.includes(column)
      ? plainOf(textColumn(column), digitsColumn(column), `point_${column}`)
      : textColumn(column);
    return `${number} AS ${plainColumn(column)}`;
  });
  return `(SELECT *${list(...plain)} FROM (SELECT *${list(...points)} FROM (SELECT *${list(...digits)} FROM ${from})))`;
};

const numbers = ({ relation, mapping, odd }: Prepared): string =>
  plainNumbers(
    texts(relation, mapping),
    amountsOf(mapping).map(([column]) => column),
    odd,
  );

type Fault = Readonly<{ column: string; value: string; holds: string; refusal: string }>;

const fault = (name: ColumnName, { column, text }: Source, holds: (value: string) => string, refusal: string): Fault => {
  const value = isAmount(name) ? textColumn(name) : text;
  return { column, value, holds: `(${holds(value)})`, refusal };
};

/** Each way a row can be wrong but for amounts that are no numbers. */
const faultsOf = ({ sources }: Mapping): readonly Fault[] =>
  columnNames.flatMap((name): Fault[] => {
    const source = sources[name];
    if (!source) return [];
    const empty = source.required ? [fault(name, source, (value) => `${value} IS NULL`, 'is empty')] : [];
    const meaning = COLUMNS[name] === 'TIMESTAMP' ? timeOf(source.text) : source.value;
    const refusal = COLUMNS[name] === 'TIMESTAMP' ? 'is no date or time (YYYY-MM-DD hh:mm:ss or ISO 8601)' : source.refusal;
    if (meaning === undefined || refusal === undefined) return empty;
    return [...empty, fault(name, source, (value) => `${value} IS NOT NULL AND ${meaning} IS NULL`, refusal)];
  });

const isNoAmount = (column: ColumnName): string =>
  `${plainColumn(column)} IS NULL OR ${isTooLarge(plainColumn(column), digitsColumn(column))}`;

/** Of rows with `plain_…` columns. */
const amountFaultsOf = ({ mapping: { sources }, odd }: Prepared): readonly Fault[] =>
  odd.flatMap((name) => {
    const source = sources[name];
    const refusal = 'is no number (digits with one point, no separators, at most 20 digits before it)';
    return source ? [fault(name, source, (value) => `${value} IS NOT NULL AND (${isNoAmount(name)})`, refusal)] : [];
  });

const EXAMPLE_HEADER: CsvHeader = {
  names: columnNames.filter((name) => COLUMNS[name] !== 'BIGINT' && name !== 'x_Marketplace'),
  gzip: false,
};

/** Usage files as if they were staged, for the test of all statements. */
const example = (files: readonly string[]): Prepared => {
  const columns = EXAMPLE_HEADER.names.map((name, place) => `${identifier(name)}::VARCHAR AS c${String(place)}`);
  return {
    relation: `(SELECT ${columns.join(', ')}, x_Row AS file_row_number FROM ${usageIn(files)})`,
    mapping: focusMapping(EXAMPLE_HEADER, [{ managementAccountId: '1', ownPublishers: ['Red Hat'] }]),
    odd: columnNames.filter(isAmount),
  };
};

export const stagedRelation = (file: string): string => `(SELECT *, file_row_number FROM ${usageIn([file])})`;

/**
 * One row: `lines`, `problems` (but for amounts), and `odd_<column>` for each amount: how many of its texts need more than a cast.
 */
export const checks = usageStatement({
  name: 'checks of a staged file',
  sql: (relation: string, mapping: Mapping) =>
    `SELECT count(*) AS lines,
      coalesce(sum(${faultsOf(mapping)
        .map(({ holds }) => `${holds}::INTEGER`)
        .join(' + ')}), 0)::HUGEINT AS problems${list(
        ...amountsOf(mapping).map(
          ([column]) => `count(*) FILTER (WHERE ${isOdd(textColumn(column))}) AS ${identifier(`odd_${column}`)}`,
        ),
      )} FROM ${texts(relation, mapping)}`,
  example: (files) => [example(files).relation, example(files).mapping],
});

/**
 * One row about the odd texts of one amount, each looked at once however often it occurs: `problems`, `rounded` (rows) and `added`
 * (HUGEINT of 38 decimals: what rounding adds to all of them).
 */
export const oddAmounts = usageStatement({
  name: 'odd amounts of a staged file',
  sql: (relation: string, mapping: Mapping, column: ColumnName) => {
    const text = textColumn(column);
    const oddTexts = `(SELECT ${text}, count(*) AS lines FROM ${texts(relation, mapping)} WHERE ${isOdd(text)} GROUP BY ${text})`;
    const rounded = isRounded(plainColumn(column), digitsColumn(column));
    return `SELECT coalesce(sum(lines) FILTER (WHERE ${isNoAmount(column)}), 0)::HUGEINT AS problems,
        coalesce(sum(lines) FILTER (WHERE ${rounded}), 0)::HUGEINT AS rounded,
        coalesce(sum(lines * ${roundingOf(plainColumn(column))}) FILTER (WHERE ${rounded}), 0)::HUGEINT AS added
      FROM ${plainNumbers(oddTexts, [column], [column])}`;
  },
  example: (files) => [example(files).relation, example(files).mapping, 'BilledCost'],
});

/** The amounts of a mapping, and the names of their columns in the file. */
export const amountColumns = (mapping: Mapping): readonly Readonly<{ name: ColumnName; column: string }>[] =>
  amountsOf(mapping).map(([name, { column }]) => ({ name, column }));

/** The first problems in the file's order: `line` (the header is line 1), `column`, `value`, `refusal`. */
export const problems = usageStatement({
  name: 'problems of a staged file',
  sql: (prepared: Prepared, limit: number) => `
    SELECT line, fault.f_column AS "column", fault.f_value AS "value", fault.f_refusal AS refusal
    FROM (SELECT file_row_number + 2 AS line, unnest([${[...faultsOf(prepared.mapping), ...amountFaultsOf(prepared)]
      .map(
        ({ column, value, holds, refusal }) =>
          `CASE WHEN ${holds} THEN {f_column: ${quoted(column)}, f_value: ${value}, f_refusal: ${quoted(refusal)}} END`,
      )
      .join(',\n')}]) AS fault FROM ${numbers(prepared)})
    WHERE fault IS NOT NULL ORDER BY line, "column" LIMIT ${String(limit)}`,
  example: (files) => [example(files), 20],
});

/** The management accounts that a file is about, whatever else is wrong with it: `account`. */
export const accountsNamed = usageStatement({
  name: 'management accounts of a staged file',
  sql: (relation: string, { sources: { BillingAccountId } }: Mapping) =>
    `SELECT DISTINCT ${BillingAccountId?.text ?? 'NULL::VARCHAR'} AS account FROM ${relation} ORDER BY account LIMIT 1000`,
  example: (files) => [example(files).relation, example(files).mapping],
});

const valueOf = (column: ColumnName, source: Source | undefined): string => {
  if (!source) return `NULL::${COLUMNS[column]}`;
  switch (COLUMNS[column]) {
    case 'DECIMAL(38,18)':
      return amountOf(plainColumn(column));
    case 'TIMESTAMP':
      return timeOf(source.text);
    case 'BIGINT':
    case 'VARCHAR':
      return source.value ?? source.text;
  }
};

const linesOf = (prepared: Prepared, rowsBefore: number): string =>
  `SELECT ${columnNames
    .map((column) =>
      column === 'x_Row'
        ? `(file_row_number + ${String(rowsBefore + 1)})::BIGINT AS x_Row`
        : `${valueOf(column, prepared.mapping.sources[column])} AS ${identifier(column)}`,
    )
    .join(',\n')} FROM ${numbers(prepared)}`;

const MONTH = `strftime(BillingPeriodStart, '%Y-%m')`;

/** What was read, slice by slice and currency by currency: `account`, `month`, `currency`, `lines`, `billed`. */
export const readTotals = usageStatement({
  name: 'totals of a staged file',
  sql: (prepared: Prepared) => `
    SELECT BillingAccountId AS account, ${MONTH} AS month, BillingCurrency AS currency, count(*) AS lines,
      sum(BilledCost) AS billed
    FROM (${linesOf(prepared, 0)}) GROUP BY ALL ORDER BY ALL`,
  example: (files) => [example(files)],
});

export type SliceOf = Readonly<{ managementAccountId: string; month: string }>;

/** The lines of one slice as the store keeps them; without a slice all of them. */
export const sliceLines = usageStatement({
  name: 'lines of a slice',
  sql: (prepared: Prepared, rowsBefore: number, slice: SliceOf | undefined) =>
    `SELECT * FROM (${linesOf(prepared, rowsBefore)})${
      slice ? ` WHERE BillingAccountId = ${quoted(slice.managementAccountId)} AND ${MONTH} = ${quoted(slice.month)}` : ''
    }`,
  example: (files) => [example(files), 0, { managementAccountId: '1', month: '2026-01' }],
});

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
