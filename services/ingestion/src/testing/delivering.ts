import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type DataSourceId, type ImportId, type ManagementAccountId } from '#libs/published/ids';
import { DuckDb, type Row } from '#libs/usage-store/duckdb';
import { UsageFiles, usageIn } from '#libs/usage-store/usage-files';
import {
  type Delivery,
  DeliveryRefused,
  type Progress,
  type Read,
  readDelivery,
  type Receiver,
} from '../reading/read-delivery.ts';

export const SAMPLES = path.resolve('scenarios/data');

export const receiver = (managementAccountId: string, ...ownPublishers: readonly string[]): Receiver => ({
  dataSourceId: `source-of-${managementAccountId.replaceAll('/', '_')}` as DataSourceId,
  managementAccountId: managementAccountId as ManagementAccountId,
  ownPublishers,
});

/** A place to deliver to: an engine and a usage store in a temporary folder. */
export class Delivering {
  readonly usage: UsageFiles;
  readonly progress: Progress[] = [];
  #deliveries = 0;

  private constructor(
    readonly folder: string,
    readonly duckDb: DuckDb,
  ) {
    this.usage = new UsageFiles(path.join(folder, 'usage'));
  }

  static async open(): Promise<Delivering> {
    const folder = await mkdtemp(path.join(tmpdir(), 'delivering-'));
    return new Delivering(folder, await DuckDb.open({ tempDirectory: path.join(folder, 'spill') }));
  }

  async close(): Promise<void> {
    this.duckDb.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Writes a file to deliver and answers its path. */
  async file(name: string, content: string | Buffer): Promise<string> {
    const file = path.join(this.folder, name);
    await writeFile(file, content);
    return file;
  }

  gzipped(name: string, content: string): Promise<string> {
    return this.file(name, gzipSync(content));
  }

  deliver(
    files: readonly string[],
    receivers: readonly Receiver[],
    more: Partial<Pick<Delivery, 'format' | 'expected'>> & Partial<Parameters<typeof readDelivery>[1]> = {},
  ): Promise<Read> {
    const attempt = `attempt${String(this.#deliveries++)}`;
    return readDelivery(
      {
        importId: 'import' as ImportId,
        format: more.format ?? 'auto',
        files: files.map((file) => ({ name: path.basename(file), path: file })),
        expected: more.expected ?? [],
        receivers,
      },
      {
        duckDb: this.duckDb,
        usage: this.usage,
        attempt: more.attempt ?? attempt,
        unchanged: more.unchanged ?? (() => Promise.resolve(undefined)),
        report: (progress) => this.progress.push(progress),
        signal: more.signal ?? new AbortController().signal,
      },
    );
  }

  async refusal(...delivery: Parameters<Delivering['deliver']>): Promise<DeliveryRefused> {
    try {
      await this.deliver(...delivery);
    } catch (error) {
      if (error instanceof DeliveryRefused) return error;
      throw error;
    }
    throw new Error('the delivery was not refused');
  }

  /** What stands in the usage files of a reading. */
  query(read: Read, select: string, rest = 'ORDER BY x_Row'): Promise<Row[]> {
    const files = read.slices.flatMap((slice) => slice.files.map((file) => this.usage.absolute(file.path)));
    return this.duckDb.all(`SELECT ${select} FROM ${usageIn(files)} ${rest}`);
  }
}

export type CsvRow = Readonly<Record<string, string>>;

/** CSV of rows that say only what differs from a plain line. */
export const csvOf =
  (plain: CsvRow) =>
  (...rows: readonly CsvRow[]): string => {
    const columns = [...new Set([...Object.keys(plain), ...rows.flatMap((row) => Object.keys(row))])];
    const field = (value: string): string => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const line = (values: readonly string[]): string => `${values.map(field).join(',')}\n`;
    return line(columns) + rows.map((row) => line(columns.map((column) => row[column] ?? plain[column] ?? ''))).join('');
  };

export const focusCsv = csvOf({
  BilledCost: '1.5',
  BillingAccountId: '111111111111',
  BillingCurrency: 'USD',
  BillingPeriodStart: '2026-01-01 00:00:00',
  ChargeCategory: 'Usage',
  ChargePeriodStart: '2026-01-10 00:00:00',
  ServiceName: 'Compute',
  ProviderName: 'AWS',
});

export const curCsv = csvOf({
  'bill/PayerAccountId': '111111111111',
  'bill/BillingPeriodStartDate': '2026-01-01T00:00:00Z',
  'lineItem/LineItemType': 'Usage',
  'lineItem/UsageStartDate': '2026-01-10T00:00:00Z',
  'lineItem/UnblendedCost': '1.5',
  'lineItem/CurrencyCode': 'USD',
  'product/ProductName': 'Amazon Elastic Compute Cloud',
});
