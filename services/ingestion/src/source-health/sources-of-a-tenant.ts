import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Holdings } from '#libs/time/intervals';
import { addDays, type Day, dayOf, firstDay, type Instant, type Month, nextMonth } from '#libs/time/time';
import { type DataSourceRow, dataSources } from '../data-source/data-sources.projection.ts';
import { type Holder, holdersOf, type Links, unassignedDays } from './account-days.ts';
import { type Health, healthOf, type SourceFacts, type Thresholds } from './health.ts';
import { type LastImports, lastImportsOf } from './last-imports.ts';
import { accountLinks, automaticLinks, usedAccounts, type UsedAccountsRow } from './source-health.projection.ts';

export type Limits = Thresholds & Readonly<{ monthClosesAfterDays: number }>;

/** A data source as one tenant's data has it: judged by what concerns the tenant and everybody below it. */
export type SourceOfTenant = Health &
  Readonly<{
    dataSourceId: DataSourceId;
    managementAccountId: ManagementAccountId;
    ownerId: TenantId;
    /** Of the owner, from the root. */
    ownerPath: readonly TenantId[];
    name: string;
    lastImportAt: Instant | null;
    unassignedAccounts: number;
  }>;

/**
 * The sources that the tenant or anybody below it owns, whole, and those of tenants above it that serve accounts linked to them today
 * or later: of these only what concerns such an account counts, beside what concerns the deliveries themselves.
 */
export const sourcesOfTenant = async (
  readModels: ReadModels,
  tenantId: TenantId,
  limits: Limits,
  now: Instant,
): Promise<readonly SourceOfTenant[]> => {
  const isOurs = ({ path }: Holder): boolean => path.includes(tenantId);
  const owned = await readModels.of(dataSources).all({ path: { has: tenantId } });
  const serving = await sourcesServing(readModels, tenantId, (holdings) => lastsUntil(dayOf(now), holdings, isOurs));
  const ours = new Set(owned.map(({ id }) => id));
  const upstream = await readModels.of(dataSources).all({ id: { in: serving.filter((id) => !ours.has(id)) } });

  const sources = [...owned, ...upstream];
  const [usageOf, lastImports] = await Promise.all([usages(readModels, sources), lastImportsOf(readModels, sources)]);
  return sources.map((source) => {
    const whole = usageOf(source.id);
    const usage = ours.has(source.id) ? whole : partOf(whole, isOurs);
    const facts = factsOf(source, usage, lastImports(source.id), limits);
    return {
      ...healthOf(facts, limits, now),
      dataSourceId: source.id,
      managementAccountId: source.managementAccountId,
      ownerId: source.tenantId,
      ownerPath: source.path,
      name: source.name,
      lastImportAt: facts.lastSuccess?.at ?? null,
      unassignedAccounts: facts.unassignedAccounts.length,
    };
  });
};

/** Sources as they are judged whole, for their owners, and for tenants below whose accounts they serve. */
export const judgedSources = async (
  readModels: ReadModels,
  sources: readonly DataSourceRow[],
  limits: Limits,
  now: Instant,
): Promise<readonly Readonly<{ source: DataSourceRow; status: HealthStatus; statusBelow: HealthStatus }>[]> => {
  const [usageOf, lastImports] = await Promise.all([usages(readModels, sources), lastImportsOf(readModels, sources)]);
  return sources.map((source) => {
    const facts = factsOf(source, usageOf(source.id), lastImports(source.id), limits);
    const { status } = healthOf(facts, limits, now);
    return { source, status, statusBelow: healthOf({ ...facts, unassignedAccounts: [] }, limits, now).status };
  });
};

const lastsUntil = (today: Day, holdings: Holdings<Holder>, isOurs: (holder: Holder) => boolean): boolean =>
  holdings.some(({ holder, to }) => isOurs(holder) && (to === null || to > today));

const sourcesServing = async (
  readModels: ReadModels,
  tenantId: TenantId,
  lasting: (holdings: Holdings<Holder>) => boolean,
): Promise<readonly DataSourceId[]> => {
  const filter = { holders: { has: tenantId } };
  const [explicit, automatic] = await Promise.all([
    readModels.of(accountLinks).all(filter),
    readModels.of(automaticLinks).all(filter),
  ]);
  return [
    ...new Set([
      ...explicit.filter(({ holdings }) => lasting(holdings)).map(({ dataSourceId }) => dataSourceId),
      ...automatic.filter(({ holdings }) => lasting(holdings)).map(({ id }) => id),
    ]),
  ];
};

type Usage = Readonly<{ slices: readonly UsedAccountsRow[]; links: Links }>;

/** What the sources' months hold, and whose it is. */
const usages = async (readModels: ReadModels, sources: readonly DataSourceRow[]): Promise<(id: DataSourceId) => Usage> => {
  const ids = sources.map(({ id }) => id);
  const ofSources = { dataSourceId: { in: ids } };
  const [slices, explicit, automatic] = await Promise.all([
    readModels.of(usedAccounts).all(ofSources, [{ by: 'month', direction: 'ascending' }]),
    readModels.of(accountLinks).all(ofSources),
    readModels.of(automaticLinks).all({ id: { in: ids } }),
  ]);
  const slicesOf = new Map<DataSourceId, UsedAccountsRow[]>(ids.map((id) => [id, []]));
  for (const slice of slices) slicesOf.get(slice.dataSourceId)?.push(slice);
  const linksOf = new Map(explicit.map(({ id, holdings }) => [id, holdings]));
  const takenBy = new Map(automatic.map(({ id, holdings }) => [id, holdings]));
  return (id) => ({
    slices: slicesOf.get(id) ?? [],
    links: { explicit: (account) => linksOf.get(`${id}~${account}`) ?? [], automatic: takenBy.get(id) ?? [] },
  });
};

/** Only accounts that are ours on a day of their usage, and slices that have one. */
const partOf = ({ slices, links }: Usage, isOurs: (holder: Holder) => boolean): Usage => ({
  links,
  slices: slices.flatMap((slice) => {
    const accounts = slice.accounts.filter((account) => holdersOf(account, links).some(({ holder }) => isOurs(holder)));
    return accounts.length === 0 ? [] : [{ ...slice, accounts }];
  }),
});

const factsOf = (
  { registeredAt, scheduleHours }: DataSourceRow,
  { slices, links }: Usage,
  { success, ...failures }: LastImports,
  { monthClosesAfterDays }: Limits,
): SourceFacts => {
  const unassigned = slices.flatMap(({ accounts }) =>
    accounts.filter((account) => unassignedDays(account, links).length > 0).map(({ accountId }) => accountId),
  );
  const restatedMonths = slices
    .filter(({ importId, restates }) => restates && importId === success?.id)
    .filter(({ month, importedAt }) => dayOf(importedAt) >= closedFrom(month, monthClosesAfterDays))
    .map(({ month }) => month);
  return {
    registeredAt,
    scheduleHours,
    ...failures,
    lastSuccess: success && { at: success.at, unknownColumns: success.unknownColumns, restatedMonths },
    unassignedAccounts: [...new Set(unassigned)].toSorted(),
  };
};

const closedFrom = (month: Month, days: number): Day => addDays(firstDay(nextMonth(month)), days);
