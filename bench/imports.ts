import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataSourceId, type ImportId, type ManagementAccountId } from '#libs/published/ids';
import { quoted } from '#libs/usage-store/columns';
import { DuckDb } from '#libs/usage-store/duckdb';
import { UsageFiles } from '#libs/usage-store/usage-files';
import { readDelivery } from '#services/ingestion/src/reading/read-delivery';
import { writeGeneratedUsage } from '#services/standalone/src/demo/generated-usage';
import { alternately, type Bench, type Measured, type Ratio } from './goal.ts';

const ACCOUNT = '111111111111';
const MONTH = '2026-01';
const ACCOUNTS = 200;
const SHARE = 0.6;

/** What one side of one round took, in seconds. */
type Taken = Readonly<{ cpu: number; wall: number }>;

const timed = async (work: () => Promise<void>): Promise<Taken> => {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / 1e6, wall: (performance.now() - wall) / 1e3 };
};

/** Theirs by ours: a throughput, so that more is better. */
const throughput = (ours: readonly number[], theirs: readonly number[]): Promise<Readonly<{ ratio: Ratio }>> => {
  let round = 0;
  let other = 0;
  return alternately(
    ours.length,
    () => Promise.resolve(theirs[round++] ?? Number.NaN),
    () => Promise.resolve(ours[other++] ?? Number.NaN),
  );
};

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/**
 * A month of AWS CUR, CSV.gz in two files, into the usage store by the service's own reading: content verified, every row checked,
 * amounts exact, totals compared, files synced. Against DuckDB's own COPY of the same files to zstd Parquet, every column as text: it
 * loses nothing then, and neither does ours. (With DuckDB's guessed types, costs are floats.)
 */
export const imports: Bench = {
  goals: ['P13'],
  run: async ({ rounds, lines, folder, say }) => {
    const duckDb = await DuckDb.open({ tempDirectory: join(folder, 'spill') });
    try {
      const accounts = Array.from({ length: ACCOUNTS }, (_, account) => String(200_000_000_000 + account));
      say(`generating ${String(lines)} lines`);
      const { files, totals } = await writeGeneratedUsage(
        duckDb,
        { managementAccount: ACCOUNT, month: MONTH, accounts, rows: lines, seed: 13 },
        folder,
      );
      const bytes = (await Promise.all(files.map((file) => stat(file)))).reduce((sum, { size }) => sum + size, 0);

      const imported = async (): Promise<void> => {
        const store = await mkdtemp(join(folder, 'store-'));
        const { slices } = await readDelivery(
          {
            importId: 'import' as ImportId,
            format: 'auto',
            files: files.map((file) => ({ name: file, path: file })),
            expected: [
              {
                managementAccountId: ACCOUNT,
                month: MONTH,
                rows: lines,
                ...(totals.billedCost === undefined ? {} : { billedCost: totals.billedCost }),
              },
            ],
            receivers: [
              {
                dataSourceId: 'source' as DataSourceId,
                managementAccountId: ACCOUNT as ManagementAccountId,
                ownPublishers: [],
              },
            ],
          },
          {
            duckDb,
            usage: new UsageFiles(store),
            attempt: 'attempt',
            unchanged: () => Promise.resolve(undefined),
            report: () => undefined,
            signal: new AbortController().signal,
          },
        );
        if (slices[0]?.rows !== lines) throw new Error('not every line was imported');
        await rm(store, { recursive: true });
      };

      const copying = async (options: string): Promise<void> => {
        const target = join(folder, 'copied.parquet');
        for (const file of files)
          await duckDb.run(
            `COPY (SELECT * FROM read_csv(${quoted(file)}${options})) TO ${quoted(target)} (FORMAT parquet, COMPRESSION zstd)`,
          );
        await rm(target);
      };
      await imported();
      await copying('');

      const against = async (name: string, options: string): Promise<readonly Measured[]> => {
        const ours: Taken[] = [];
        const theirs: Taken[] = [];
        await alternately(
          rounds,
          async () => {
            const taken = await timed(imported);
            ours.push(taken);
            return taken.cpu;
          },
          async () => {
            const taken = await timed(() => copying(options));
            theirs.push(taken);
            return taken.cpu;
          },
        );
        return Promise.all(
          (['cpu', 'wall'] as const).map(async (kind): Promise<Measured> => {
            const [own, other] = [ours.map((taken) => taken[kind]), theirs.map((taken) => taken[kind])];
            return {
              goal: 'P13',
              what: `import ${String(lines)} lines of CSV.gz, ${(bytes / 1e6).toFixed(0)} MB in ${String(files.length)} files, by ${kind === 'cpu' ? 'CPU' : 'wall clock'}`,
              against: name,
              ratio: (await throughput(own, other)).ratio,
              bound: { atLeast: SHARE },
              seen: `${middle(own).toFixed(2)} s, theirs ${middle(other).toFixed(2)} s`,
            };
          }),
        );
      };
      return [
        ...(await against('DuckDB COPY of the files, all columns as text', ', all_varchar = true')),
        ...(await against('DuckDB COPY of the files, guessed types (costs are floats)', '')),
      ];
    } finally {
      duckDb.close();
    }
  },
};
