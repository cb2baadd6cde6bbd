import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeDurable } from '#libs/durable-files';
import { type DataSourceId, type ImportId } from '#libs/published/ids';
import { type Month } from '#libs/time/time';
import { quoted } from './columns.ts';

/** Where the usage store lies inside the platform's data directory. */
export const usageFolderOf = (dataDir: string): string => path.join(dataDir, 'usage');

/** A query's FROM over usage files, given by their absolute paths. Files are listed, never globbed. */
export const usageIn = (files: readonly string[]): string =>
  `read_parquet([${files.map(quoted).join(', ')}], hive_partitioning = false)`;

/**
 * The store's folder: write-once Parquet files `<sourceId>/<month>/<importId>.<attempt>.parquet`. Names hold our own ids only, never
 * a name from the data. Events carry paths relative to the folder.
 */
export class UsageFiles {
  constructor(readonly folder: string) {}

  /** `attempt` is random: a repeated attempt never writes over a file that somebody may be reading. */
  relativePath(dataSourceId: DataSourceId, month: Month, importId: ImportId, attempt: string): string {
    return [dataSourceId, month, `${importId}.${attempt}.parquet`].join('/');
  }

  /** @throws RangeError for a path that leads out of the folder. */
  absolute(relative: string): string {
    const absolute = path.resolve(this.folder, relative);
    if (!absolute.startsWith(path.resolve(this.folder) + path.sep))
      throw new RangeError(`"${relative}" lies outside the usage store`);
    return absolute;
  }

  async prepare(relative: string): Promise<string> {
    const absolute = this.absolute(relative);
    await mkdir(path.dirname(absolute), { recursive: true });
    return absolute;
  }

  /** Makes a written file durable, its directories included (DuckDB's COPY does not), and answers its SHA-256 in hex. */
  async seal(relative: string): Promise<string> {
    const absolute = this.absolute(relative);
    const hash = createHash('sha256');
    await pipeline(createReadStream(absolute, { highWaterMark: 1 << 20 }), hash);
    await makeDurable(absolute);
    const root = path.resolve(this.folder);
    for (let directory = path.dirname(absolute); directory.startsWith(root); directory = path.dirname(directory))
      await makeDurable(directory);
    return hash.digest('hex');
  }

  async has(relative: string): Promise<boolean> {
    return access(this.absolute(relative)).then(
      () => true,
      () => false,
    );
  }

  async remove(relative: string): Promise<void> {
    await rm(this.absolute(relative), { force: true });
  }
}
