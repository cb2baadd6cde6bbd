import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Month } from '#libs/time/time';
import { type RatingInput } from '../rating/rating-input.ts';
import { contractInputs } from './contracts.projection.ts';
import { inputVersion } from './input-version.ts';
import { autoAssignmentInputs, linkInputs } from './links.projection.ts';
import { tenantInputs } from './tenants.projection.ts';
import { dataSourceInputs, usageMonthInputs } from './usage.projection.ts';

export type LoadedInput = Readonly<{ input: RatingInput; inputVersion: number }>;

const ATTEMPTS = 20;

/**
 * Everything that rating a month of a tree reads, as of one version; undefined without an import for the month. Between two of the
 * queries an input may change: then they are asked anew, so the parts never stem from different moments.
 * @throws Error when the inputs never hold still.
 */
export const loadRatingInput = async (
  readModels: ReadModels,
  rootId: TenantId,
  month: Month,
): Promise<LoadedInput | undefined> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = await inputVersion(readModels, rootId, month);
    if (before === undefined) return undefined;
    const input = await assemble(readModels, rootId, month);
    if ((await inputVersion(readModels, rootId, month)) === before) return { input, inputVersion: before };
  }
  throw new Error(`the inputs of ${rootId}, ${month} changed ${String(ATTEMPTS)} times while they were read`);
};

const assemble = async (readModels: ReadModels, rootId: TenantId, month: Month): Promise<RatingInput> => {
  const byId = [{ by: 'id', direction: 'ascending' }] as const;
  const [tenants, sources, slices, accounts, autoAssignments, contracts] = await Promise.all([
    readModels.of(tenantInputs).all({ rootId }, byId),
    readModels.of(dataSourceInputs).all({ rootId }, byId),
    readModels.of(usageMonthInputs).all({ rootId, month }, byId),
    readModels.of(linkInputs).all({ rootId }, byId),
    readModels.of(autoAssignmentInputs).all({ rootId }, byId),
    readModels.of(contractInputs).all({ rootId }, byId),
  ]);
  const sliceOf = new Map(slices.map((slice) => [slice.dataSourceId, slice]));
  return {
    month,
    mode: 'as-of',
    tenants: tenants.map(({ id, path, tier, name, currency }) => ({ id, path, tier, name, currency })),
    dataSources: sources.map(({ id, managementAccountId, ownerId }) => {
      const slice = sliceOf.get(id);
      return {
        id,
        managementAccountId,
        ownerId,
        slice: slice ? { importId: slice.importId, files: slice.files } : null,
        accounts: (slice?.accounts ?? []).map(({ accountId, name }) => ({ accountId, name })),
      };
    }),
    links: accounts.flatMap(({ links }) => links),
    autoAssignments: autoAssignments.flatMap((source) => source.autoAssignments),
    contracts: contracts.flatMap((tenant) => tenant.contracts),
  };
};
