import { COLUMNS, type ColumnName, columnNames, identifier, quoted } from '#libs/usage-store/columns';
import { usageStatement } from '#libs/usage-store/statement';
import { usageIn } from '#libs/usage-store/usage-files';
import { type Header } from './csv-header.ts';
import { amountOf, digitsOf, isOdd, isRounded, isTooLarge, plainOf, pointOf, roundingOf, shortAmountOf } from './exact-number.ts';
import { focusMapping } from './focus.ts';
import { type Mapping, type Source } from './mapping.ts';

/**
 * A delivered file is a relation of texts `c0`, `c1`, … by place. It is read twice: for its totals, and to write the usage file, which
 * ends at the first row that is wrong. Only then are the rows looked at for what is wrong with them, and where.
 */

/** What the engine says at a row that cannot be written as it stands. */
export const WRONG_ROW = 'a row of the delivery is wrong';

/** The columns that a mapping reads, in the order of the file. With `numbered`, `file_row_number` counts the rows from 0. */
export const deliveredRows = (
  file: string,
  header: Header,
  { used, nothing }: Pick<Mapping, 'used' | 'nothing'>,
  numbered: boolean,
): string => {
  if (header.container !== 'parquet') {
    const columns = header.names.map((_, place) => `c${String(place)}: 'VARCHAR'`).join(', ');
    return `(SELECT ${[...used].join(', ')}${numbered ? ', row_number() OVER () - 1 AS file_row_number' : ''}
      FROM read_csv(${quoted(file)}, auto_detect = false, header = true, strict_mode = true, delim = ',', quote = '"', escape = '"',
        nullstr = [${nothing.map(quoted).join(', ')}], compression = ${quoted(header.container === 'gzip' ? 'gzip' : 'none')},
        columns = {${columns}}))`;
  }
  const texts = header.names.flatMap((name, place) => {
    const column = `c${String(place)}`;
    if (!used.has(column)) return [];
    const text = textIn(identifier(name), header.types[place] ?? '');
    return [`${nothing.reduce((value, none) => `nullif(${value}, ${quoted(none)})`, text)} AS ${column}`];
  });
  return `(SELECT ${[...texts, ...(numbered ? ['file_row_number'] : [])].join(', ')} FROM ${parquet(file)})`;
};

const parquet = (file: string): string => `read_parquet([${quoted(file)}], hive_partitioning = false, binary_as_string = true)`;

/** Names and types of a Parquet file. */
export const parquetColumns = (file: string): string => `SELECT * FROM ${parquet(file)}`;

/** Pairs and lists as JSON. A float has the shortest decimal text that means it: what its writer had, if that had up to 15 digits. */
const textIn = (column: string, type: string): string =>
  /^(MAP|STRUCT)|\[\]$/.test(type) ? `to_json(${column})::VARCHAR` : `${column}::VARCHAR`;

/** Times as files write them; without a zone they are UTC. */
const DATE_TIME = '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?';
const UTC_TIME = quoted(`${DATE_TIME}Z?)?`);
const ZONED_TIME = quoted(`${DATE_TIME}[+-][0-9]{2}(:?[0-9]{2})?)`);

/** Nearly every time. What has these marks where they belong, and begins with a digit, is a time or is refused by the cast. */
const PLAIN_TIME = quoted('____-__-__T__:__:__Z');

const timeOf = (text: string): string =>
  `CASE WHEN ${text} LIKE ${PLAIN_TIME} AND ${text} >= '0' THEN TRY_CAST(${text} AS TIMESTAMP)
    WHEN regexp_full_match(${text}, ${UTC_TIME}) THEN TRY_CAST(${text} AS TIMESTAMP)
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

/** A file's rows and how they are read. `odd` are the amounts of which some text is more than a cast reads. */
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

const EXAMPLE_HEADER: Header = {
  names: columnNames.filter((name) => COLUMNS[name] !== 'BIGINT' && name !== 'x_Marketplace'),
  container: 'csv',
};

/** Usage files as if they were delivered, for the test of all statements. */
const example = (files: readonly string[]): Prepared => {
  const columns = EXAMPLE_HEADER.names.map((name, place) => `${identifier(name)}::VARCHAR AS c${String(place)}`);
  return {
    relation: `(SELECT ${columns.join(', ')}, x_Row AS file_row_number FROM ${usageIn(files)})`,
    mapping: focusMapping(EXAMPLE_HEADER, [{ managementAccountId: '1', ownPublishers: ['Red Hat'] }]),
    odd: columnNames.filter(isAmount),
  };
};

/**
 * One row: `lines`, `problems` (but for amounts), and `odd_<column>` for each amount: how many of its texts need more than a cast.
 */
export const checks = usageStatement({
  name: 'checks of a delivered file',
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
  name: 'odd amounts of a delivered file',
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
  name: 'problems of a delivered file',
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
  name: 'management accounts of a delivered file',
  sql: (relation: string, { sources: { BillingAccountId } }: Mapping) =>
    `SELECT DISTINCT ${BillingAccountId?.text ?? 'NULL::VARCHAR'} AS account FROM ${relation} ORDER BY account LIMIT 1000`,
  example: (files) => [example(files).relation, example(files).mapping],
});

const shortColumn = (column: ColumnName): string => `short_${column}`;
const amountColumn = (column: ColumnName): string => `amount_${column}`;
const valueColumn = (column: ColumnName): string => `value_${column}`;

/**
 * The relation with `amount_…` beside each amount's text. Most are short: only the others go the long way, each step a column of its
 * own, since an expression is evaluated as often as it is written.
 */
const withAmounts = (relation: string, mapping: Mapping, amounts: readonly ColumnName[]): string => {
  const sources = amounts.flatMap((column) => {
    const source = mapping.sources[column];
    return source ? [`${source.text} AS ${textColumn(column)}`] : [];
  });
  const step = (from: string, sql: (column: ColumnName) => string): string =>
    `(SELECT *${list(...amounts.map(sql))} FROM ${from})`;
  const texts = `(SELECT *${list(...sources)} FROM ${relation})`;
  const short = step(texts, (column) => `${shortAmountOf(textColumn(column))} AS ${shortColumn(column)}`);
  const digits = step(short, (column) => {
    const long = `CASE WHEN ${shortColumn(column)} IS NULL THEN ${textColumn(column)} END`;
    return `${long} AS long_${column}`;
  });
  const odd = step(digits, (column) => `${digitsOf(`long_${column}`)} AS ${digitsColumn(column)}`);
  const points = step(odd, (column) => `${pointOf(`long_${column}`, digitsColumn(column))} AS point_${column}`);
  const plain = step(
    points,
    (column) => `${plainOf(`long_${column}`, digitsColumn(column), `point_${column}`)} AS ${plainColumn(column)}`,
  );
  return step(
    plain,
    (column) =>
      `CASE WHEN ${shortColumn(column)} IS NOT NULL THEN ${shortColumn(column)}
        WHEN ${plainColumn(column)} IS NOT NULL THEN ${amountOf(plainColumn(column))} END AS ${amountColumn(column)}`,
  );
};

const valueOf = (column: ColumnName, source: Source): string => {
  switch (COLUMNS[column]) {
    case 'DECIMAL(38,18)':
      return source.sameAs
        ? `CASE WHEN ${source.sameAs.holds} THEN ${amountColumn(source.sameAs.column)} ELSE ${amountColumn(column)} END`
        : amountColumn(column);
    case 'TIMESTAMP':
      return timeOf(source.text);
    case 'BIGINT':
    case 'VARCHAR':
      return source.value ?? source.text;
  }
};

/** SQL truth: the row cannot be written as it stands, over rows with `value_…` columns. */
const isWrong = ({ sources }: Mapping, refuseRoundings: boolean): string => {
  const faults = columnNames.flatMap((name): readonly string[] => {
    const source = sources[name];
    if (!source) return [];
    const empty = source.required ? [`${source.text} IS NULL`] : [];
    if (isAmount(name)) {
      const rounded = `(${digitsColumn(name)} IS NOT NULL AND ${isRounded(plainColumn(name), digitsColumn(name))})`;
      return [
        ...empty,
        `(${textColumn(name)} IS NOT NULL AND ${amountColumn(name)} IS NULL)`,
        ...(refuseRoundings ? [rounded] : []),
      ];
    }
    const means = COLUMNS[name] === 'TIMESTAMP' || (source.value !== undefined && source.refusal !== undefined);
    return means ? [...empty, `(${source.text} IS NOT NULL AND ${valueColumn(name)} IS NULL)`] : empty;
  });
  return faults.length === 0 ? 'false' : faults.join(' OR ');
};

/**
 * The lines of a file as the store keeps them, in the file's order. Ends with `WRONG_ROW` at the first that is wrong, or that must be
 * rounded when `refuseRoundings` says so. `rowsBefore` are those of the files before it.
 */
export const linesOf = usageStatement({
  name: 'lines of a delivered file',
  sql: ({ relation, mapping }: Prepared, rowsBefore: number, refuseRoundings: boolean) => {
    const amounts = amountsOf(mapping).map(([column]) => column);
    const given = columnNames.flatMap((column) => {
      const source = mapping.sources[column];
      return source ? [`${valueOf(column, source)} AS ${valueColumn(column)}`] : [];
    });
    const columns = columnNames.map((column) => {
      const row = `(file_row_number + ${String(rowsBefore + 1)})::BIGINT`;
      const value =
        column === 'x_Row'
          ? `CASE WHEN ${isWrong(mapping, refuseRoundings)} THEN error(${quoted(WRONG_ROW)}) ELSE ${row} END`
          : mapping.sources[column]
            ? valueColumn(column)
            : `NULL::${COLUMNS[column]}`;
      return `${value} AS ${identifier(column)}`;
    });
    return `SELECT ${columns.join(',\n')} FROM (SELECT *${list(...given)} FROM ${withAmounts(relation, mapping, amounts)})`;
  },
  example: (files) => [example(files), 0, true],
});

const MONTH = `strftime(BillingPeriodStart, '%Y-%m')`;

/**
 * What a file holds, slice by slice and currency by currency: `account`, `month`, `currency`, `lines`, `billed`. Null where a row does
 * not say.
 */
export const readTotals = usageStatement({
  name: 'totals of a delivered file',
  sql: ({ relation, mapping }: Prepared) => {
    const { BillingAccountId: account, BillingPeriodStart: period, BillingCurrency: currency } = mapping.sources;
    const sums = `SELECT ${account?.text ?? 'NULL'} AS account, ${period?.text ?? 'NULL'} AS period, ${currency?.text ?? 'NULL'} AS currency,
      count(*) AS lines, sum(${amountColumn('BilledCost')}) AS billed
      FROM ${withAmounts(relation, mapping, ['BilledCost'])} GROUP BY ALL`;
    return `SELECT account, strftime(${timeOf('period')}, '%Y-%m') AS month, currency, sum(lines)::BIGINT AS lines,
        coalesce(sum(billed), 0)::DECIMAL(38,18) AS billed
      FROM (${sums}) GROUP BY ALL ORDER BY ALL`;
  },
  example: (files) => [example(files)],
});

export type SliceOf = Readonly<{ managementAccountId: string; month: string }>;

/** One slice of lines that were written together. */
export const sliceLines = usageStatement({
  name: 'lines of a slice',
  sql: (file: string, { managementAccountId, month }: SliceOf) =>
    `SELECT * FROM ${usageIn([file])} WHERE BillingAccountId = ${quoted(managementAccountId)} AND ${MONTH} = ${quoted(month)}`,
  example: ([file = '']) => [file, { managementAccountId: '1', month: '2026-01' }],
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
