import { join } from 'node:path';
import { IsInt, Matches, Max, Min } from 'class-validator';
import { type sharedDuckDb } from '#libs/usage-store/duckdb';
import { Variable } from './configuration.ts';
import { type Platform } from './service.ts';

/** For services that read or write usage: their definitions name it. */
export class UsageEngineConfiguration {
  @Variable('USAGE_THREADS', 'Threads of the usage engine; 0: one per core')
  @IsInt()
  @Min(0)
  @Max(1_024)
  threads = 0;

  @Variable('USAGE_MEMORY', 'Most memory of the usage engine, such as 2GB; empty: 80 % of what there is')
  @Matches(/^([1-9]\d*(MB|GB|MiB|GiB))?$/, { message: 'must be an amount of memory such as 2GB, or empty' })
  memoryLimit = '';
}

/** The columnar engine that all of a process share, as it is configured: loaded when first asked for. Whoever asks releases it. */
export const usageEngine = async ({
  configuration,
  dataDir,
}: Pick<Platform, 'configuration' | 'dataDir'>): ReturnType<typeof sharedDuckDb> => {
  const { threads, memoryLimit } = configuration(UsageEngineConfiguration);
  const library = await import('#libs/usage-store/duckdb');
  return library.sharedDuckDb({
    tempDirectory: join(dataDir, 'spill'),
    ...(threads === 0 ? {} : { threads }),
    ...(memoryLimit === '' ? {} : { memoryLimit }),
  });
};
