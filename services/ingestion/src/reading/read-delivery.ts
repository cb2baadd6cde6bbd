import { createHash } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isNativeError } from 'node:util/types';
import { isCurrency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type DataSourceId, type ImportId, type LinkedAccountId, type ManagementAccountId } from '#libs/published/ids';
import {
  type ExpectedTotal,
  type ImportFormat,
  type ImportProblem,
  type Rounding,
  type Slice,
  type UsageFile,
} from '#libs/published/ingestion';
import { day, month as monthIn } from '#libs/time/time';
import { type ColumnName } from '#libs/usage-store/columns';
import { type DuckDb, type Row, type Value } from '#libs/usage-store/duckdb';
import { type UsageFiles } from '#libs/usage-store/usage-files';
import { awsCurMapping, isAwsCur } from './aws-cur.ts';
import { type FileKind, type Header, kindOf, readCsvHeader } from './csv-header.ts';
import { shown } from './shown.ts';
import { ROUNDING_SCALE } from './exact-number.ts';
import { focusMapping, isFocus } from './focus.ts';
import { checkParts, type Manifest, readManifest } from './manifest.ts';
import { type Mapping } from './mapping.ts';
import {
  accountsIn,
  accountsNamed,
  amountColumns,
  checks,
  deliveredRows,
  linesOf,
  oddAmounts,
  parquetColumns,
  problems as problemsIn,
  readTotals,
  sliceLines,
  type SliceOf,
  writeUsage,
  writtenTotals,
  WRONG_ROW,
} from './statements.ts';
import { damageOf, digestOfContent, type Seen } from './verified-content.ts';

/** One file of a delivery: the name its sender gave it, and where it lies. */
export type DeliveredFile = Readonly<{ name: string; path: string }>;

/** A data source that may receive: of the importer. */
export type Receiver = Readonly<{
  dataSourceId: DataSourceId;
  managementAccountId: ManagementAccountId;
  ownPublishers: readonly string[];
}>;

export type Read = Readonly<{
  format: ImportFormat;
  slices: readonly Slice[];
  unknownColumns: readonly string[];
  roundings: readonly Rounding[];
  rows: number;
}>;

/** Nothing of the delivery is imported. `managementAccounts` are those it was found to be about. */
export class DeliveryRefused extends Error {
  override readonly name = 'DeliveryRefused';

  constructor(
    readonly problems: readonly ImportProblem[],
    readonly problemCount: number,
    readonly managementAccounts: readonly string[] = [],
  ) {
    super(problems[0]?.message ?? 'the delivery is refused');
  }
}

/** `bytes` of `totalBytes` is how much of the work is done; `rows` are those seen so far. */
export type Progress = Readonly<{ bytes: number; totalBytes: number; rows: number }>;

/** How much of the work is done once a file has been verified, and once its totals are known; writing is the rest. */
const VERIFIED = 0.2;
const TOTALLED = 0.4;

export type Delivery = Readonly<{
  importId: ImportId;
  format: ImportFormat | 'auto';
  files: readonly DeliveredFile[];
  expected: readonly ExpectedTotal[];
  receivers: readonly Receiver[];
}>;

export type Reading = Readonly<{
  duckDb: DuckDb;
  usage: UsageFiles;
  /** Random, for this attempt alone. */
  attempt: string;
  /** The slice that serves now and was delivered with the same content, if its files can still be read. */
  unchanged: (dataSourceId: DataSourceId, month: string, contentHash: string) => Promise<Slice | undefined>;
  report: (progress: Progress) => void;
  signal: AbortSignal;
}>;

/** Raise it when the same content is to be read differently from now on. */
const READING_VERSION = 2;
const SHOWN_PROBLEMS = 20;

/**
 * Reads a delivery into write-once usage files, one per slice and delivered file. Each file is read twice: for its totals, by which a
 * slice is refused or found to be there already before anything is written, and to write it, which ends at the first row that is wrong.
 * The totals of what was written are compared with those read.
 * @throws DeliveryRefused; the signal's reason when it aborts. What was written is gone then.
 */
export const readDelivery = async (delivery: Delivery, reading: Reading): Promise<Read> => {
  const folder = path.join(reading.usage.folder, 'staging', `${delivery.importId}.${reading.attempt}`);
  const written: string[] = [];
  await mkdir(folder, { recursive: true });
  try {
    const files = await openAll(await withoutManifests(delivery.files), delivery, reading, folder);
    const totals = await totalsOf(files, delivery, reading);
    const roundings = new Map<Opened, readonly Rounding[]>();
    const paths = await writeAll(totals, files, delivery, reading, { folder, written, roundings });
    const slices: Slice[] = [];
    for (const total of totals) slices.push(total.served ?? (await sliceOf(total, paths.get(total) ?? [], reading)));
    for (const { file, before } of files) await refuseIfChanged(file, before);
    return {
      format: files[0]?.format ?? 'focus',
      slices,
      unknownColumns: [...new Set(files.flatMap(({ mapping }) => mapping.unknown))].toSorted(),
      roundings: files.flatMap((file) => roundings.get(file) ?? []),
      rows: files.reduce((sum, { rows }) => sum + rows, 0),
    };
  } catch (error) {
    for (const file of written) await reading.usage.remove(file);
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** The files with usage; what the manifests among them name must be there, and nothing else. */
const withoutManifests = async (files: readonly DeliveredFile[]): Promise<readonly DeliveredFile[]> => {
  const parts: DeliveredFile[] = [];
  const manifests: Manifest[] = [];
  for (const file of files) {
    if ((await kindOf(file.path).catch(() => 'csv')) !== 'json') parts.push(file);
    else manifests.push(await readManifest(file));
  }
  const problems = checkParts(manifests, parts).map((message) => problem(null, message));
  if (problems.length > 0) throw new DeliveryRefused(problems.slice(0, SHOWN_PROBLEMS), problems.length);
  return parts;
};

/** A delivered file whose content is verified and whose totals are known. */
type Opened = Readonly<{
  file: DeliveredFile;
  before: Before;
  format: ImportFormat;
  container: Header['container'];
  mapping: Mapping;
  /** Rows as texts, numbered or not: to number them takes one thread. */
  numbered: string;
  digest: string;
  totals: readonly Total[];
  rows: number;
  /** Lines of the files before this one. */
  rowsBefore: number;
}>;

type Total = SliceOf & Readonly<{ read: CurrencyTotal }>;
type Before = Readonly<{ size: number; mtimeMs: number }>;

const openAll = async (
  files: readonly DeliveredFile[],
  delivery: Delivery,
  reading: Reading,
  folder: string,
): Promise<readonly Opened[]> => {
  const headers: (Headed & Readonly<{ file: DeliveredFile }>)[] = [];
  for (const file of files) headers.push({ file, ...(await headerOf(file, delivery.format, reading)) });
  const [first] = headers;
  const other = headers.find(({ format }) => format !== first?.format);
  if (first && other)
    throw refused(
      other.file,
      `All files of an import are of one format, but ${shown(first.file.name)} is ${first.format} and ${shown(other.file.name)} is ${other.format}.`,
    );
  const totalBytes = headers.reduce((sum, { before }) => sum + before.size, 0);
  const opened: Opened[] = [];
  let bytesBefore = 0;
  let rowsBefore = 0;
  for (const [index, { file, header, format, before }] of headers.entries()) {
    const mapping = format === 'focus' ? focusMapping(header, delivery.receivers) : awsCurMapping(header);
    const columns = [
      ...mapping.missing.map((column) => ({ column, fault: 'is missing' })),
      ...[...mapping.twice].map((column) => ({ column: shown(column), fault: 'is there twice' })),
    ];
    if (columns.length > 0) {
      const place = headers.length > 1 ? `${shown(file.name)}: ` : '';
      throw new DeliveryRefused(
        columns
          .slice(0, SHOWN_PROBLEMS)
          .map(({ column, fault }) => problem(file, `${place}The column ${column} ${fault}.`, { column })),
        columns.length,
      );
    }
    const earlier = { bytes: bytesBefore * TOTALLED, rows: rowsBefore };
    const unpacked = path.join(folder, `${String(index)}.csv`);
    const one = await openOne(file, header, mapping, unpacked, reading, (seen) => {
      const done = earlier.bytes + seen.bytes * VERIFIED;
      const rows = header.container === 'parquet' ? 0 : Math.max(0, seen.lines - 1);
      reading.report({ bytes: Math.floor(done), totalBytes, rows: earlier.rows + rows });
    });
    opened.push({ file, before, format, container: header.container, mapping, rowsBefore, ...one });
    bytesBefore += before.size;
    rowsBefore += one.rows;
    reading.report({ bytes: Math.floor(bytesBefore * TOTALLED), totalBytes, rows: rowsBefore });
  }
  if (rowsBefore === 0) throw new DeliveryRefused([problem(null, 'The delivery holds no usage line.')], 1);
  return opened;
};

type Headed = Readonly<{ header: Header; format: ImportFormat; before: Before }>;

const headerOf = async (file: DeliveredFile, wanted: ImportFormat | 'auto', { duckDb }: Reading): Promise<Headed> => {
  const { size, mtimeMs } = await stat(file.path).catch(() => {
    throw refused(file, 'The file is no longer there, or cannot be read.');
  });
  const header = await readHeader(file, await kindOf(file.path), duckDb);
  if (!header) throw refused(file, 'The file is empty, or does not begin with a line of column names.');
  const found = isAwsCur(header) ? 'aws-cur' : isFocus(header) ? 'focus' : undefined;
  if (wanted === 'auto' && !found)
    throw refused(
      file,
      'The columns are neither those of FOCUS nor those of an AWS Cost and Usage Report (lineItem/… or line_item_…).',
    );
  return { header, format: wanted === 'auto' ? (found ?? 'focus') : wanted, before: { size, mtimeMs } };
};

const readHeader = async (file: DeliveredFile, kind: FileKind, duckDb: DuckDb): Promise<Header | undefined> => {
  switch (kind) {
    case 'parquet': {
      const columns = await duckDb.describe(parquetColumns(file.path)).catch((error: unknown) => {
        throw refusedAsUnreadable(file, 'parquet', error);
      });
      return { names: columns.map(({ name }) => name), types: columns.map(({ type }) => type), container: 'parquet' };
    }
    case 'zip':
      throw refused(file, 'The file is a ZIP archive: deliver what is in it, or GZIP or Parquet.');
    case 'json':
      throw refused(file, 'The file is JSON, not usage.');
    case 'csv':
    case 'gzip':
      return readCsvHeader(file.path, kind).catch((error: unknown) => {
        throw refusedAsDamaged(file, error);
      });
  }
};

/** Verifies a file's content, unpacked to be read, and adds it up. */
const openOne = async (
  file: DeliveredFile,
  header: Header,
  mapping: Mapping,
  unpacked: string,
  reading: Reading,
  seen: (sofar: Seen) => void,
): Promise<Pick<Opened, 'numbered' | 'digest' | 'totals' | 'rows'>> => {
  const { duckDb, signal } = reading;
  const packed = header.container === 'gzip';
  const source: Header = packed ? { ...header, container: 'csv' } : header;
  const rowsOf = (numbered: boolean): string => deliveredRows(packed ? unpacked : file.path, source, mapping, numbered);
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  const digestOf = (): Promise<string> =>
    digestOfContent(file.path, { ...(packed ? { unpacked } : {}), signal: either, seen }).catch((error: unknown) => {
      ending.abort();
      throw error;
    });
  const unpacking = packed ? await digestOf().catch(failure) : undefined;
  signal.throwIfAborted();
  if (unpacking instanceof Failure) throw refusedAsDamaged(file, unpacking.reason);
  const [verified, read] = await Promise.all([
    (unpacking === undefined ? digestOf() : Promise.resolve(unpacking)).catch(failure),
    duckDb.all(readTotals({ relation: rowsOf(false), mapping, odd: [] }), [], { signal: either }).catch(failure),
  ]);
  signal.throwIfAborted();
  if (verified instanceof Failure) throw refusedAsDamaged(file, verified.reason);
  if (read instanceof Failure)
    throw refusedAsOverflowing(file, mapping, read.reason) ?? refusedAsUnreadable(file, header.container, read.reason);
  const numbered = rowsOf(true);
  if (read.some(({ account, month, currency }) => account === null || month === null || currency === null))
    await check({ file, container: header.container, numbered, mapping }, reading);
  const totals = read.map((row) => ({
    managementAccountId: text(row['account']),
    month: text(row['month']),
    read: currencyTotal(row),
  }));
  return { numbered, digest: verified, totals, rows: rowsIn(totals.map((total) => total.read)) };
};

/** What went wrong where two things go on at once. */
class Failure {
  constructor(readonly reason: unknown) {}
}
const failure = (reason: unknown): Failure => new Failure(reason);

const refuseIfChanged = async (file: DeliveredFile, { size, mtimeMs }: Before): Promise<void> => {
  const after = await stat(file.path).catch(() => undefined);
  if (after?.size !== size || after.mtimeMs !== mtimeMs) throw refused(file, 'The file changed while it was read.');
};

type Checked = Pick<Opened, 'file' | 'container' | 'numbered' | 'mapping'>;

/** What is wrong with which rows of a file; without that, the amounts that must be rounded. @throws DeliveryRefused */
const check = async (
  { file, container, numbered: relation, mapping }: Checked,
  { duckDb, signal }: Reading,
): Promise<readonly Rounding[]> => {
  const ask = (sql: string): Promise<Row[]> =>
    duckDb.all(sql, [], { signal }).catch((error: unknown) => {
      throw refusedAsUnreadable(file, container, error);
    });
  const [counts = {}] = await ask(checks(relation, mapping));
  let count = number(counts['problems']);
  const odd: ColumnName[] = [];
  const roundings: Rounding[] = [];
  for (const { name, column } of amountColumns(mapping)) {
    if (number(counts[`odd_${name}`]) === 0) continue;
    odd.push(name);
    const [found = {}] = await ask(oddAmounts(relation, mapping, name));
    count += number(found['problems']);
    const rows = number(found['rounded']);
    const added = Decimal.scaled(bigint(found['added']), ROUNDING_SCALE);
    if (rows > 0) roundings.push({ file: file.name, column, rows, added: added.toString() });
  }
  if (count > 0) {
    const first = await ask(problemsIn({ relation, mapping, odd }, SHOWN_PROBLEMS));
    const accounts = await ask(accountsNamed(relation, mapping));
    throw new DeliveryRefused(
      first.map((row) => rowProblem(file, row)),
      count,
      accounts.flatMap(({ account }) => (account === null || account === undefined ? [] : [text(account)])),
    );
  }
  return roundings;
};

type CurrencyTotal = Readonly<{ currency: string; rows: number; billed: Decimal }>;
type SliceTotal = SliceOf &
  Readonly<{
    receiver: Receiver;
    contentHash: string;
    read: readonly CurrencyTotal[];
    /** It is there already, of this same content. */
    served: Slice | undefined;
  }>;

/** What the delivery holds, slice by slice, once every slice has its data source and adds up to what was expected. */
const totalsOf = async (
  files: readonly Opened[],
  { receivers, expected }: Delivery,
  reading: Reading,
): Promise<readonly SliceTotal[]> => {
  const found = new Map<string, SliceOf & { read: CurrencyTotal[] }>();
  for (const { managementAccountId, month, read } of files.flatMap(({ totals }) => totals)) {
    const slice = { managementAccountId, month };
    found.set(sliceName(slice), { ...slice, read: addUp([...(found.get(sliceName(slice))?.read ?? []), read]) });
  }
  const slices = [...found.values()].toSorted((a, b) => (sliceName(a) < sliceName(b) ? -1 : 1));
  const accounts = [...new Set(slices.map(({ managementAccountId }) => managementAccountId))];
  const refuseAll = async (problems: readonly ImportProblem[]): Promise<void> => {
    if (problems.length === 0) return;
    // A row that is wrong explains more than a total that is.
    for (const file of files) await check(file, reading);
    throw new DeliveryRefused(problems.slice(0, SHOWN_PROBLEMS), problems.length, accounts);
  };
  await refuseAll(slices.flatMap((slice) => overflow(slice, files)));
  await refuseAll(
    accounts
      .filter((account) => !receivers.some(({ managementAccountId }) => managementAccountId === account))
      .map((account) =>
        problem(null, `The management account ${shown(account)} has no data source of this tenant: register one first.`),
      ),
  );
  await refuseAll(
    expected.flatMap((total) => differences(total, found.get(sliceName(total))?.read)).map((message) => problem(null, message)),
  );
  const digests = files.map(({ digest }) => digest).toSorted();
  const totals: SliceTotal[] = [];
  for (const slice of slices)
    for (const receiver of receivers.filter((one) => one.managementAccountId === slice.managementAccountId)) {
      const contentHash = contentHashOf(digests, files[0]?.format, receiver);
      const served = await reading.unchanged(receiver.dataSourceId, slice.month, contentHash);
      totals.push({ ...slice, receiver, contentHash, served });
    }
  return totals;
};

const contentHashOf = (digests: readonly string[], format: ImportFormat | undefined, { ownPublishers }: Receiver): string =>
  createHash('sha256')
    .update(JSON.stringify([READING_VERSION, format, digests, ownPublishers.toSorted()]))
    .digest('hex');

const sliceName = ({ managementAccountId, month }: SliceOf): string => `${managementAccountId}, ${month}`;

const addUp = (totals: readonly CurrencyTotal[]): CurrencyTotal[] =>
  [...new Set(totals.map(({ currency }) => currency))].toSorted().map((currency) => {
    const same = totals.filter((total) => total.currency === currency);
    return {
      currency,
      rows: same.reduce((sum, { rows }) => sum + rows, 0),
      billed: Decimal.sum(same.map(({ billed }) => billed)),
    };
  });

/** Sums are stored as amounts are: with so many digits before the point. */
const STORED_LIMIT = Decimal.of('1e20');
const TOO_LARGE = 'is too large: it has more than 20 digits before the point';

/** A problem for each file of a slice whose sum in some currency the store cannot hold. */
const overflow = (
  slice: SliceOf & Readonly<{ read: readonly CurrencyTotal[] }>,
  files: readonly Opened[],
): readonly ImportProblem[] =>
  slice.read
    .filter(({ billed }) => billed.abs().compare(STORED_LIMIT) >= 0)
    .flatMap(({ currency }) =>
      files
        .filter(({ totals }) => totals.some((total) => sliceName(total) === sliceName(slice) && total.read.currency === currency))
        .map(({ file, mapping }) => {
          const column = mapping.sources.BilledCost?.column ?? 'BilledCost';
          const sum = `the sum of ${column} in ${currency} of the slice ${shown(sliceName(slice))}`;
          return problem(file, `${shown(file.name)}: ${sum} ${TOO_LARGE}.`, { column });
        }),
    );

const rowsIn = (totals: readonly CurrencyTotal[]): number => totals.reduce((sum, { rows }) => sum + rows, 0);

/** A sentence for each figure that is not as expected, with both numbers. */
const differences = (expected: ExpectedTotal, read: readonly CurrencyTotal[] | undefined): readonly string[] => {
  if (!read) return [`The slice ${sliceName(expected)} was expected, but the delivery has no line of it.`];
  const rows = rowsIn(read);
  const billed = Decimal.sum(read.map((total) => total.billed));
  return [
    ...(expected.rows === undefined || expected.rows === rows
      ? []
      : [`The slice ${sliceName(expected)} has ${String(rows)} rows, but ${String(expected.rows)} were expected.`]),
    ...(expected.billedCost === undefined || Decimal.of(expected.billedCost).equals(billed)
      ? []
      : [`The slice ${sliceName(expected)} has a BilledCost of ${String(billed)}, but ${expected.billedCost} was expected.`]),
  ];
};

type Writing = Readonly<{
  folder: string;
  /** Every file of the store that is begun. */
  written: string[];
  roundings: Map<Opened, readonly Rounding[]>;
}>;

/** Writes the files of every slice that is not there yet, in the order of the delivery. */
const writeAll = async (
  totals: readonly SliceTotal[],
  files: readonly Opened[],
  { importId }: Delivery,
  reading: Reading,
  writing: Writing,
): Promise<ReadonlyMap<SliceTotal, readonly UsageFile[]>> => {
  const { duckDb, usage, signal } = reading;
  const paths = new Map<SliceTotal, UsageFile[]>();
  const totalBytes = files.reduce((sum, { before }) => sum + before.size, 0);
  const rows = files.reduce((sum, one) => sum + one.rows, 0);
  for (const [index, opened] of files.entries()) {
    const own = new Set(opened.totals.map(sliceName));
    const missing = totals.filter((total) => own.has(sliceName(total)) && !total.served);
    const target = async ({ receiver, month }: SliceTotal): Promise<string> => {
      const attempt = `${reading.attempt}-${String(index)}`;
      const relative = usage.relativePath(receiver.dataSourceId, monthIn(month), importId, attempt);
      writing.written.push(relative);
      await usage.prepare(relative);
      return relative;
    };
    const add = async (total: SliceTotal, relative: string): Promise<void> => {
      const lines = rowsIn(opened.totals.filter((one) => sliceName(one) === sliceName(total)).map(({ read }) => read));
      const file = { path: relative, sha256: await usage.seal(relative), rows: lines };
      paths.set(total, [...(paths.get(total) ?? []), file]);
    };
    const [only] = missing;
    if (only && own.size === 1 && missing.length === 1) {
      const relative = await target(only);
      await writeLines(opened, usage.absolute(relative), reading, writing);
      await add(only, relative);
    } else if (only) {
      const all = path.join(writing.folder, `${String(index)}.parquet`);
      await writeLines(opened, all, reading, writing);
      for (const total of missing) {
        const relative = await target(total);
        await duckDb.run(writeUsage(sliceLines(all, total), usage.absolute(relative)), [], { signal });
        await add(total, relative);
      }
    }
    const done = (opened.rowsBefore + opened.rows) / rows;
    reading.report({ bytes: Math.floor(totalBytes * (TOTALLED + (1 - TOTALLED) * done)), totalBytes, rows });
  }
  return paths;
};

/** Writes all lines of a file. @throws DeliveryRefused naming the rows that are wrong. */
const writeLines = async (opened: Opened, target: string, reading: Reading, { roundings }: Writing): Promise<void> => {
  const { file, container, numbered: relation, mapping, rowsBefore } = opened;
  const writing = (refuseRoundings: boolean): Promise<void> => {
    const lines = linesOf({ relation, mapping, odd: [] }, rowsBefore, refuseRoundings);
    return reading.duckDb.run(writeUsage(lines, target), [], { signal: reading.signal });
  };
  try {
    await writing(true);
  } catch (error) {
    if (!isNativeError(error) || !error.message.includes(WRONG_ROW)) throw refusedAsUnreadable(file, container, error);
    roundings.set(opened, await check(opened, reading));
    await writing(false);
  }
};

/** A slice as it was written, once it is proved to hold what was read. */
const sliceOf = async (total: SliceTotal, files: readonly UsageFile[], reading: Reading): Promise<Slice> => {
  const { duckDb, usage, signal } = reading;
  const { receiver, read, contentHash } = total;
  const paths = files.map((file) => usage.absolute(file.path));
  const stored = await writtenIn(paths, reading);
  if (JSON.stringify(stored) !== JSON.stringify(read))
    throw new DeliveryRefused([problem(null, notAsRead(total, stored))], 1, [total.managementAccountId]);
  const accounts = await duckDb.all(accountsIn(paths), [], { signal });
  return {
    dataSourceId: receiver.dataSourceId,
    managementAccountId: receiver.managementAccountId,
    month: monthIn(total.month),
    files,
    rows: rowsIn(read),
    billedCost: read.flatMap(({ currency, billed }) => (isCurrency(currency) ? [{ currency, amount: billed.toString() }] : [])),
    contentHash,
    accounts: accounts.map((row) => ({
      accountId: text(row['account']) as LinkedAccountId,
      name: row['name'] === null ? null : text(row['name']),
      firstDay: day(text(row['first_day'])),
      lastDay: day(text(row['last_day'])),
    })),
  };
};

const notAsRead = (slice: SliceTotal, stored: readonly CurrencyTotal[]): string => {
  const figures = (totals: readonly CurrencyTotal[]): string =>
    totals.map(({ currency, rows, billed }) => `${String(rows)} rows of ${String(billed)} ${currency}`).join(', ') || 'no row';
  return `The slice ${sliceName(slice)} was read as ${figures(slice.read)}, but written as ${figures(stored)}.`;
};

const writtenIn = async (paths: readonly string[], { duckDb, signal }: Reading): Promise<readonly CurrencyTotal[]> => {
  if (paths.length === 0) return [];
  return addUp((await duckDb.all(writtenTotals(paths), [], { signal })).map(currencyTotal));
};

const currencyTotal = (row: Row): CurrencyTotal => ({
  currency: text(row['currency']),
  rows: number(row['lines']),
  billed: decimal(row['billed']),
});

const text = (value: Value | undefined): string => {
  if (typeof value !== 'string') throw new TypeError(`expected a text, got ${typeof value}`);
  return value;
};
const bigint = (value: Value | undefined): bigint => {
  if (typeof value !== 'bigint') throw new TypeError(`expected an integer, got ${typeof value}`);
  return value;
};
const number = (value: Value | undefined): number => Number(bigint(value));
const decimal = (value: Value | undefined): Decimal => {
  if (!(value instanceof Decimal)) throw new TypeError(`expected a decimal, got ${typeof value}`);
  return value;
};

const problem = (
  file: DeliveredFile | null,
  message: string,
  place: Readonly<{ row?: number | null; column?: string; value?: string | null }> = {},
): ImportProblem => ({
  file: file && shown(file.name),
  row: place.row ?? null,
  column: place.column ?? null,
  value: place.value ?? null,
  message,
});

const refused = (file: DeliveredFile, message: string, row: number | null = null): DeliveryRefused =>
  new DeliveryRefused([problem(file, `${shown(file.name)}: ${message}`, { row })], 1);

const rowProblem = (file: DeliveredFile, row: Row): ImportProblem => {
  const line = number(row['line']);
  const column = text(row['column']);
  const value = row['value'] === null ? null : shown(text(row['value']));
  const said = value === null ? '' : ` "${value}"`;
  return problem(file, `${shown(file.name)}, row ${String(line)}, ${column}:${said} ${text(row['refusal'])}.`, {
    row: line,
    column,
    value,
  });
};

const refusedAsDamaged = (file: DeliveredFile, error: unknown): unknown => {
  const damage = damageOf(error);
  return damage === undefined ? error : refused(file, damage);
};

const OVERFLOW = /Overflow in HUGEINT|Out of Range Error/i;

/** Of adding up a file's amounts; undefined: it failed for another reason. The engine does not say in which slice. */
const refusedAsOverflowing = (file: DeliveredFile, { sources }: Mapping, error: unknown): DeliveryRefused | undefined => {
  if (!isNativeError(error) || !OVERFLOW.test(error.message)) return undefined;
  const column = sources.BilledCost?.column ?? 'BilledCost';
  return new DeliveryRefused([problem(file, `${shown(file.name)}: the sum of ${column} ${TOO_LARGE}.`, { column })], 1);
};

const CSV_FAULT = /CSV Error on Line: (\d+)/;
const REASON = /^(Expected Number of Columns.*|Value with unterminated quote found.*|Invalid unicode.*|.*Maximum line size.*)$/im;

const DAMAGED_PARQUET = /parquet|thrift|TProtocol|magic bytes|decompress|corrupt|Invalid string encoding|Out of buffer/i;

/** DuckDB's message names the line and quotes our own paths: only the former is for the sender. */
const refusedAsUnreadable = (file: DeliveredFile, container: Header['container'], error: unknown): unknown => {
  if (!isNativeError(error)) return error;
  if (container === 'parquet')
    return DAMAGED_PARQUET.test(error.message) ? refused(file, 'The Parquet file is damaged or truncated.') : error;
  const fault = CSV_FAULT.exec(error.message);
  if (!fault) return error;
  const line = Number(fault[1]);
  const reason = REASON.exec(error.message)?.[1] ?? 'it is no well-formed CSV';
  return refused(file, `row ${String(line)} cannot be read: ${reason.trim().replace(/\.$/, '')}.`, line);
};
