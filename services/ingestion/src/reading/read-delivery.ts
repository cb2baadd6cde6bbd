import { createHash } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isNativeError } from 'node:util/types';
import { isCurrency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type DataSourceId, type ImportId, type LinkedAccountId, type ManagementAccountId } from '#libs/published/ids';
import { type Slice, type UsageFile } from '#libs/published/ingestion';
import { day, month as monthIn } from '#libs/time/time';
import { type ColumnName } from '#libs/usage-store/columns';
import { type DuckDb, type Row, type Value } from '#libs/usage-store/duckdb';
import { type UsageFiles } from '#libs/usage-store/usage-files';
import { awsCurMapping, isAwsCur } from './aws-cur.ts';
import { type CsvHeader, readCsvHeader } from './csv-header.ts';
import { type ExpectedTotal, type Format, type Problem, type Rounding } from './delivery.ts';
import { ROUNDING_SCALE } from './exact-number.ts';
import { focusMapping, isFocus } from './focus.ts';
import { type Mapping } from './mapping.ts';
import {
  accountsIn,
  accountsNamed,
  amountColumns,
  checks,
  oddAmounts,
  type Prepared,
  problems as problemsIn,
  readTotals,
  sliceLines,
  type SliceOf,
  stage,
  stagedRelation,
  writeUsage,
  writtenTotals,
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
  format: Format;
  slices: readonly Slice[];
  unknownColumns: readonly string[];
  roundings: readonly Rounding[];
  rows: number;
}>;

/** Nothing of the delivery is imported. `managementAccounts` are those it was found to be about. */
export class DeliveryRefused extends Error {
  override readonly name = 'DeliveryRefused';

  constructor(
    readonly problems: readonly Problem[],
    readonly problemCount: number,
    readonly managementAccounts: readonly string[] = [],
  ) {
    super(problems[0]?.message ?? 'the delivery is refused');
  }
}

/** `bytes` of `totalBytes` is how much of the work is done; `rows` are those seen so far. */
export type Progress = Readonly<{ bytes: number; totalBytes: number; rows: number }>;

/** How much of the work is done once a file has been verified, and once it has been staged too; writing is the rest. */
const VERIFIED = 0.3;
const STAGED = 0.6;

export type Delivery = Readonly<{
  importId: ImportId;
  format: Format | 'auto';
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
const READING_VERSION = 1;
const SHOWN_PROBLEMS = 20;
const SHOWN_CHARACTERS = 100;

/**
 * Reads a delivery into write-once usage files, one per slice and delivered file. Everything is checked before the first of them is
 * written, and the totals of what was written are compared with those read and with those expected.
 * @throws DeliveryRefused; the signal's reason when it aborts. What was written is gone then.
 */
export const readDelivery = async (delivery: Delivery, reading: Reading): Promise<Read> => {
  const folder = path.join(reading.usage.folder, 'staging', `${delivery.importId}.${reading.attempt}`);
  const written: string[] = [];
  await mkdir(folder, { recursive: true });
  try {
    const staged = await stageAll(delivery, reading, folder);
    const totals = await totalsOf(staged, delivery, reading);
    const slices: Slice[] = [];
    const rows = totals.reduce((sum, { read }) => sum + rowsIn(read), 0);
    const totalBytes = staged.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const total of totals) {
      slices.push(await write(total, staged, totals.length, delivery, reading, written));
      const done = slices.reduce((sum, slice) => sum + slice.rows, 0) / rows;
      reading.report({ bytes: Math.floor(totalBytes * (STAGED + (1 - STAGED) * done)), totalBytes, rows });
    }
    return {
      format: staged[0]?.format ?? 'focus',
      slices,
      unknownColumns: [...new Set(staged.flatMap(({ prepared }) => prepared.mapping.unknown))].toSorted(),
      roundings: staged.flatMap(({ roundings }) => roundings),
      rows,
    };
  } catch (error) {
    for (const file of written) await reading.usage.remove(file);
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

type Staged = Readonly<{
  file: DeliveredFile;
  format: Format;
  prepared: Prepared;
  digest: string;
  /** As it lies on the disk. */
  bytes: number;
  roundings: readonly Rounding[];
  rows: number;
  /** Lines of the files before this one. */
  rowsBefore: number;
}>;

const stageAll = async (delivery: Delivery, reading: Reading, folder: string): Promise<readonly Staged[]> => {
  const headers: { file: DeliveredFile; header: CsvHeader; format: Format; bytes: number }[] = [];
  for (const file of delivery.files) headers.push({ file, ...(await headerOf(file, delivery.format)) });
  const [first] = headers;
  const other = headers.find(({ format }) => format !== first?.format);
  if (first && other)
    throw refused(
      other.file,
      `All files of an import are of one format, but ${first.file.name} is ${first.format} and ${other.file.name} is ${other.format}.`,
    );
  const totalBytes = headers.reduce((sum, { bytes }) => sum + bytes, 0);
  const staged: Staged[] = [];
  let bytesBefore = 0;
  let rowsBefore = 0;
  for (const [index, { file, header, format, bytes }] of headers.entries()) {
    const mapping = format === 'focus' ? focusMapping(header, delivery.receivers) : awsCurMapping(header);
    if (mapping.missing.length > 0) {
      const missing = mapping.missing.map((column) => problem(file, `The column ${column} is missing.`, { column }));
      throw new DeliveryRefused(missing, missing.length);
    }
    const target = path.join(folder, `${String(index)}.parquet`);
    const before = await stat(file.path);
    const earlier = { bytes: bytesBefore * STAGED, rows: rowsBefore };
    const digest = await stageOne(file, header, mapping, target, reading, (seen) => {
      const done = earlier.bytes + seen.bytes * VERIFIED;
      reading.report({ bytes: Math.floor(done), totalBytes, rows: earlier.rows + Math.max(0, seen.lines - 1) });
    });
    const after = await stat(file.path);
    if (before.size !== after.size || before.mtimeMs !== after.mtimeMs)
      throw refused(file, 'The file changed while it was read.');
    const relation = stagedRelation(target);
    const { prepared, rows, roundings } = await check(file, relation, mapping, reading);
    staged.push({ file, format, prepared, digest, bytes, roundings, rows, rowsBefore });
    bytesBefore += bytes;
    rowsBefore += rows;
    reading.report({ bytes: Math.floor(bytesBefore * STAGED), totalBytes, rows: rowsBefore });
  }
  if (rowsBefore === 0) throw new DeliveryRefused([problem(null, 'The delivery holds no usage line.')], 1);
  return staged;
};

const headerOf = async (
  file: DeliveredFile,
  wanted: Format | 'auto',
): Promise<Readonly<{ header: CsvHeader; format: Format; bytes: number }>> => {
  const { size } = await stat(file.path).catch(() => {
    throw refused(file, 'The file is no longer there, or cannot be read.');
  });
  const header = await readCsvHeader(file.path).catch((error: unknown) => {
    throw refusedAsDamaged(file, error);
  });
  if (!header) throw refused(file, 'The file is empty, or does not begin with a line of column names.');
  const found = isAwsCur(header) ? 'aws-cur' : isFocus(header) ? 'focus' : undefined;
  if (wanted === 'auto' && !found)
    throw refused(file, 'The columns are neither those of FOCUS nor those of an AWS Cost and Usage Report (lineItem/…).');
  return { header, format: wanted === 'auto' ? (found ?? 'focus') : wanted, bytes: size };
};

/** Stages one file while its bytes are verified; answers the digest of its content. */
const stageOne = async (
  file: DeliveredFile,
  header: CsvHeader,
  mapping: Mapping,
  target: string,
  { duckDb, signal }: Reading,
  seen: (sofar: Seen) => void,
): Promise<string> => {
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  const [verified, read] = await Promise.allSettled([
    digestOfContent(file.path, header.gzip, { signal: either, seen }).catch((error: unknown) => {
      ending.abort();
      throw error;
    }),
    duckDb.run(stage(file.path, header, mapping, target), [], { signal: either }),
  ]);
  signal.throwIfAborted();
  if (verified.status === 'rejected') throw refusedAsDamaged(file, verified.reason);
  if (read.status === 'rejected') throw refusedAsCsv(file, read.reason);
  return verified.value;
};

const check = async (
  file: DeliveredFile,
  relation: string,
  mapping: Mapping,
  { duckDb, signal }: Reading,
): Promise<Pick<Staged, 'prepared' | 'rows' | 'roundings'>> => {
  const [counts = {}] = await duckDb.all(checks(relation, mapping), [], { signal });
  let count = number(counts['problems']);
  const odd: ColumnName[] = [];
  const roundings: Rounding[] = [];
  for (const { name, column } of amountColumns(mapping)) {
    if (number(counts[`odd_${name}`]) === 0) continue;
    odd.push(name);
    const [found = {}] = await duckDb.all(oddAmounts(relation, mapping, name), [], { signal });
    count += number(found['problems']);
    const rows = number(found['rounded']);
    const added = Decimal.scaled(bigint(found['added']), ROUNDING_SCALE);
    if (rows > 0) roundings.push({ file: file.name, column, rows, added: added.toString() });
  }
  const prepared = { relation, mapping, odd };
  if (count > 0) {
    const first = await duckDb.all(problemsIn(prepared, SHOWN_PROBLEMS), [], { signal });
    const accounts = await duckDb.all(accountsNamed(relation, mapping), [], { signal });
    throw new DeliveryRefused(
      first.map((row) => rowProblem(file, row)),
      count,
      accounts.flatMap(({ account }) => (account === null || account === undefined ? [] : [text(account)])),
    );
  }
  return { prepared, rows: number(counts['lines']), roundings };
};

type CurrencyTotal = Readonly<{ currency: string; rows: number; billed: Decimal }>;
type SliceTotal = SliceOf & Readonly<{ receiver: Receiver; contentHash: string; read: readonly CurrencyTotal[] }>;

/** What the delivery holds, slice by slice, once every slice has its data source and adds up to what was expected. */
const totalsOf = async (
  staged: readonly Staged[],
  { receivers, expected }: Delivery,
  { duckDb, signal }: Reading,
): Promise<readonly SliceTotal[]> => {
  const found = new Map<string, SliceOf & { read: CurrencyTotal[] }>();
  for (const { prepared } of staged) {
    for (const row of await duckDb.all(readTotals(prepared), [], { signal })) {
      const slice = { managementAccountId: text(row['account']), month: text(row['month']) };
      const key = sliceName(slice);
      const known = found.get(key) ?? { ...slice, read: [] };
      found.set(key, { ...slice, read: addUp([...known.read, currencyTotal(row)]) });
    }
  }
  const slices = [...found.values()].toSorted((a, b) => (sliceName(a) < sliceName(b) ? -1 : 1));
  const accounts = [...new Set(slices.map(({ managementAccountId }) => managementAccountId))];
  const refuseAll = (messages: readonly string[]): void => {
    if (messages.length === 0) return;
    throw new DeliveryRefused(
      messages.slice(0, SHOWN_PROBLEMS).map((message) => problem(null, message)),
      messages.length,
      accounts,
    );
  };
  refuseAll(
    accounts
      .filter((account) => !receivers.some(({ managementAccountId }) => managementAccountId === account))
      .map((account) => `The management account ${account} has no data source of this tenant: register one first.`),
  );
  refuseAll(expected.flatMap((total) => differences(total, found.get(sliceName(total))?.read)));
  const digests = staged.map(({ digest }) => digest).toSorted();
  return slices.flatMap((slice) =>
    receivers
      .filter(({ managementAccountId }) => managementAccountId === slice.managementAccountId)
      .map((receiver) => ({ ...slice, receiver, contentHash: contentHashOf(digests, staged[0]?.format, receiver) })),
  );
};

const contentHashOf = (digests: readonly string[], format: Format | undefined, { ownPublishers }: Receiver): string =>
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

const write = async (
  total: SliceTotal,
  staged: readonly Staged[],
  slicesInAll: number,
  { importId }: Delivery,
  reading: Reading,
  written: string[],
): Promise<Slice> => {
  const { duckDb, usage, signal } = reading;
  const { receiver, read, contentHash } = total;
  const served = await reading.unchanged(receiver.dataSourceId, total.month, contentHash);
  if (served) return served;
  const month = monthIn(total.month);
  const files: UsageFile[] = [];
  for (const [index, { prepared, rowsBefore }] of staged.entries()) {
    const relative = usage.relativePath(receiver.dataSourceId, month, importId, `${reading.attempt}-${String(index)}`);
    written.push(relative);
    const lines = sliceLines(prepared, rowsBefore, slicesInAll === 1 ? undefined : total);
    await duckDb.run(writeUsage(lines, await usage.prepare(relative)), [], { signal });
    const sha256 = await usage.seal(relative);
    const rows = rowsIn(await writtenIn([relative], reading));
    if (rows > 0) files.push({ path: relative, sha256, rows });
    else await usage.remove(relative);
  }
  const paths = files.map((file) => file.path);
  const stored = await writtenIn(paths, reading);
  if (JSON.stringify(stored) !== JSON.stringify(read))
    throw new DeliveryRefused([problem(null, notAsRead(total, stored))], 1, [total.managementAccountId]);
  const accounts = await duckDb.all(accountsIn(paths.map((file) => usage.absolute(file))), [], { signal });
  return {
    dataSourceId: receiver.dataSourceId,
    managementAccountId: receiver.managementAccountId,
    month,
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

const writtenIn = async (files: readonly string[], { duckDb, usage, signal }: Reading): Promise<readonly CurrencyTotal[]> => {
  if (files.length === 0) return [];
  const rows = await duckDb.all(writtenTotals(files.map((file) => usage.absolute(file))), [], { signal });
  return addUp(rows.map(currencyTotal));
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
): Problem => ({
  file: file?.name ?? null,
  row: place.row ?? null,
  column: place.column ?? null,
  value: place.value ?? null,
  message,
});

const refused = (file: DeliveredFile, message: string, row: number | null = null): DeliveryRefused =>
  new DeliveryRefused([problem(file, `${file.name}: ${message}`, { row })], 1);

const rowProblem = (file: DeliveredFile, row: Row): Problem => {
  const line = number(row['line']);
  const column = text(row['column']);
  const value = row['value'] === null ? null : text(row['value']).slice(0, SHOWN_CHARACTERS);
  const said = value === null ? '' : ` "${value}"`;
  return problem(file, `${file.name}, row ${String(line)}, ${column}:${said} ${text(row['refusal'])}.`, {
    row: line,
    column,
    value,
  });
};

const refusedAsDamaged = (file: DeliveredFile, error: unknown): unknown => {
  const damage = damageOf(error);
  return damage === undefined ? error : refused(file, damage);
};

const CSV_FAULT = /CSV Error on Line: (\d+)/;
const REASON = /^(Expected Number of Columns.*|Value with unterminated quote found.*|Invalid unicode.*|.*Maximum line size.*)$/im;

/** DuckDB's message names the line and quotes our own paths: only the former is for the sender. */
const refusedAsCsv = (file: DeliveredFile, error: unknown): unknown => {
  if (!isNativeError(error)) return error;
  const fault = CSV_FAULT.exec(error.message);
  if (!fault) return error;
  const line = Number(fault[1]);
  const reason = REASON.exec(error.message)?.[1] ?? 'it is no well-formed CSV';
  return refused(file, `row ${String(line)} cannot be read: ${reason}.`, line);
};
