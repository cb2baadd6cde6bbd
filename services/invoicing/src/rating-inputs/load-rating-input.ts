import { canonicalJson } from '#libs/canonical-json';
import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Month } from '#libs/time/time';
import { type RatingInput } from '../rating/rating-input.ts';
import { type ContractInput, contractInputs } from './contracts.projection.ts';
import { type Changes, versionedMonth } from './input-version.ts';
import { autoAssignmentInputs, linkInputs } from './links.projection.ts';
import { tenantInputs } from './tenants.projection.ts';
import { dataSourceInputs, usageMonthInputs } from './usage.projection.ts';

export type LoadedInput = Readonly<{
  input: RatingInput;
  inputVersion: number;
  changes: Changes;
  /** What the input's contracts were made of. */
  contracts: readonly ContractInput[];
}>;

const ATTEMPTS = 20;
const BY_ID = [{ by: 'id', direction: 'ascending' }] as const;

/**
 * Everything that rating a month of a tree reads, as of one version; undefined without an import for the month. Between two of the
 * queries an input may change: then they are asked anew, so the parts never stem from different moments. Of `before`, the same month
 * loaded earlier, every part that has not changed since is taken over: the very same objects.
 * @throws Error when the inputs never hold still.
 */
export const loadRatingInput = async (
  readModels: ReadModels,
  rootId: TenantId,
  month: Month,
  before?: LoadedInput,
): Promise<LoadedInput | undefined> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const version = await versionedMonth(readModels, rootId, month);
    if (!version) return undefined;
    const { inputVersion, changes } = version;
    const loaded = await assemble(readModels, rootId, month, changes, before);
    if ((await versionedMonth(readModels, rootId, month))?.inputVersion === inputVersion)
      return { ...loaded, inputVersion, changes };
  }
  throw new Error(`the inputs of ${rootId}, ${month} changed ${String(ATTEMPTS)} times while they were read`);
};

const assemble = async (
  readModels: ReadModels,
  rootId: TenantId,
  month: Month,
  changes: Changes,
  before: LoadedInput | undefined,
): Promise<Pick<LoadedInput, 'input' | 'contracts'>> => {
  const same = (...parts: readonly (keyof Changes)[]): RatingInput | undefined =>
    before && parts.every((part) => before.changes[part] === changes[part]) ? before.input : undefined;
  const [tenants, dataSources, links, autoAssignments, contracts] = await Promise.all([
    same('tenants')?.tenants ?? loadTenants(readModels, rootId),
    same('dataSources', 'usage')?.dataSources ?? loadDataSources(readModels, rootId, month),
    same('links')?.links ?? loadLinks(readModels, rootId),
    same('autoAssignments')?.autoAssignments ?? loadAutoAssignments(readModels, rootId),
    same('contracts') && before ? before.contracts : loadContracts(readModels, rootId, before?.contracts),
  ]);
  const input: RatingInput = {
    month,
    mode: 'as-of',
    tenants,
    dataSources,
    links,
    autoAssignments,
    contracts: contracts.flatMap((tenant) => tenant.contracts),
  };
  return { input, contracts };
};

const loadTenants = async (readModels: ReadModels, rootId: TenantId): Promise<RatingInput['tenants']> =>
  (await readModels.of(tenantInputs).all({ rootId }, BY_ID)).map(({ id, path, tier, name, currency }) => ({
    id,
    path,
    tier,
    name,
    currency,
  }));

const loadDataSources = async (readModels: ReadModels, rootId: TenantId, month: Month): Promise<RatingInput['dataSources']> => {
  const [sources, slices] = await Promise.all([
    readModels.of(dataSourceInputs).all({ rootId }, BY_ID),
    readModels.of(usageMonthInputs).all({ rootId, month }, BY_ID),
  ]);
  const sliceOf = new Map(slices.map((slice) => [slice.dataSourceId, slice]));
  return sources.map(({ id, managementAccountId, ownerId }) => {
    const slice = sliceOf.get(id);
    return {
      id,
      managementAccountId,
      ownerId,
      slice: slice ? { importId: slice.importId, files: slice.files } : null,
      accounts: (slice?.accounts ?? []).map(({ accountId, name }) => ({ accountId, name })),
    };
  });
};

const loadLinks = async (readModels: ReadModels, rootId: TenantId): Promise<RatingInput['links']> =>
  (await readModels.of(linkInputs).all({ rootId }, BY_ID)).flatMap(({ links }) => links);

const loadAutoAssignments = async (readModels: ReadModels, rootId: TenantId): Promise<RatingInput['autoAssignments']> =>
  (await readModels.of(autoAssignmentInputs).all({ rootId }, BY_ID)).flatMap((source) => source.autoAssignments);

/** As they will read from the archive: an explanation is the same text whether its rating is still in memory or made anew. */
const inOrder = (tenant: ContractInput): ContractInput => JSON.parse(canonicalJson(tenant)) as ContractInput;

/** Of a few tenants only, where most are known: terms are long. */
const loadContracts = async (
  readModels: ReadModels,
  rootId: TenantId,
  known: readonly ContractInput[] = [],
): Promise<readonly ContractInput[]> => {
  const contracts = readModels.of(contractInputs);
  if (known.length === 0) return (await contracts.all({ rootId }, BY_ID)).map(inOrder);
  const byId = new Map<string, ContractInput>(known.map((tenant) => [tenant.id, tenant]));
  const present = await contracts.aggregate({ filter: { rootId }, groupBy: ['id'], sum: ['changes'] });
  const loaded = await Promise.all(
    present.map(async ({ group: [id], sums: [changes], quarantined }) => {
      const before = byId.get(String(id));
      // What waits in quarantine is no change of the row yet, and all the same nothing is to be rated without it.
      if (before?.changes === changes && quarantined === 0) return before;
      const tenant = await contracts.get(String(id));
      return tenant && inOrder(tenant);
    }),
  );
  return loaded.filter((tenant) => tenant !== undefined).sort((a, b) => (a.id < b.id ? -1 : 1));
};
