import { IsInt, Matches, Max, Min } from 'class-validator';
import { Variable } from '#libs/platform/configuration';

/** The columnar engine that imports and ratings of one process share. */
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
