import { type DataSourceId, type TenantId } from '#libs/published/ids';
import { type Filter, type ReadModels } from '#libs/read-models/read-model';
import { type Instant } from '#libs/time/time';
import { type DataSourceRow, dataSources } from '../data-source/data-sources.projection.ts';
import { imports, type ImportRow } from '../import/imports.projection.ts';
import { type SourceFacts } from './health.ts';

/** How the last deliveries of one data source ended. */
export type LastImports = Pick<SourceFacts, 'failure' | 'unrecognisedFailure'> &
  Readonly<{ success: (Pick<ImportRow, 'id' | 'unknownColumns'> & Readonly<{ at: Instant }>) | null }>;

/**
 * Of each of these sources. An import that failed inside a file, before it showed what it was about, counts as an attempt of its
 * owner's data source where there is just one; where there are several, all of them say so.
 */
export const lastImportsOf = async (
  readModels: ReadModels,
  sources: readonly DataSourceRow[],
): Promise<(id: DataSourceId) => LastImports> => {
  const owners = [...new Set(sources.map(({ tenantId }) => tenantId))];
  const [unrecognised, owned] = await Promise.all([
    Promise.all(owners.map(async (owner) => [owner, await newestUnrecognised(readModels, owner)] as const)),
    readModels.of(dataSources).aggregate({ filter: { tenantId: { in: owners } }, groupBy: ['tenantId'] }),
  ]);
  const unrecognisedOf = new Map(unrecognised);
  const single = new Set(owned.filter(({ count }) => count === 1).map(({ group: [owner] }) => owner));
  const found = await Promise.all(
    sources.map(async ({ id, tenantId, registeredAt }) => {
      const success = await newest(readModels, { dataSourceIds: { has: id }, status: 'finished' });
      const failure = await newest(readModels, { dataSourceIds: { has: id }, status: 'failed' });
      const stray = unrecognisedOf.get(tenantId);
      const isSince = (last: ImportRow | undefined): boolean =>
        stray !== undefined && stray.requestedAt >= registeredAt && stray.order > (last?.order ?? 0);
      const attempt = failure && failure.order > (success?.order ?? 0) ? failure : success;
      const failed = isSince(attempt) && single.has(tenantId) ? stray : attempt;
      const last: LastImports = {
        failure: failed?.status === 'failed' ? (failed.problems[0]?.message ?? 'without a reason') : null,
        unrecognisedFailure: isSince(attempt) && !single.has(tenantId),
        success: success
          ? { id: success.id, unknownColumns: success.unknownColumns, at: success.endedAt ?? success.requestedAt }
          : null,
      };
      return [id, last] as const;
    }),
  );
  const bySource = new Map(found);
  return (id) => bySource.get(id) ?? { failure: null, unrecognisedFailure: false, success: null };
};

const NEWEST = [{ by: 'order', direction: 'descending' }] as const;

const newest = async (readModels: ReadModels, filter: Filter): Promise<ImportRow | undefined> =>
  (await readModels.of(imports).find({ filter, sort: NEWEST, limit: 1 })).items[0];

/** How many failures in a row are looked through: older ones have been forgotten. */
const LOOKED_THROUGH = 50;

/** What is wrong in no file is wrong with what was asked for (an account without a data source, totals): it is no source's. */
const newestUnrecognised = async (readModels: ReadModels, tenantId: TenantId): Promise<ImportRow | undefined> => {
  const failed = await readModels
    .of(imports)
    .find({ filter: { tenantId, status: 'failed' }, sort: NEWEST, limit: LOOKED_THROUGH });
  return failed.items.find(
    ({ dataSourceIds, problems }) => dataSourceIds.length === 0 && problems.some(({ file }) => file !== null),
  );
};
