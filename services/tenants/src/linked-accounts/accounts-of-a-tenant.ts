import { type Allowed, among, includes } from '#libs/access-policy/reach';
import { type DataSourceId, type LinkedAccountId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { pageOf } from '#libs/read-models/cursor';
import { type Filter, type ReadModels } from '#libs/read-models/read-model';
import { type Holdings, type Interval } from '#libs/time/intervals';
import { type Day } from '#libs/time/time';
import { type AutoHolder, excludedBy, type KnownAccount } from '../auto-assignment/auto-assignment.ts';
import { autoAssignments } from '../auto-assignment/auto-assignments.projection.ts';
import { concatenated, type Pages } from '../concatenated-pages.ts';
import { automaticLinks } from './automatic-links.ts';
import { linkedAccounts, NO_END } from './linked-accounts.projection.ts';
import { sliceAccounts } from './sources.projection.ts';

/** A tenant alone, those directly below it, or it and everything below it. */
export type Scope = 'own' | 'children' | 'subtree';

export type Wanted = Readonly<{
  tenantId: TenantId;
  scope: Scope;
  /** Of the tenants in scope only these. */
  allowed: Allowed;
  dataSourceId: DataSourceId | undefined;
  accountId: LinkedAccountId | undefined;
  /** Leave out what ended before or on this day. */
  after: Day | undefined;
}>;

export type AccountOfTenant = Readonly<{
  tenantId: TenantId;
  dataSourceId: DataSourceId;
  managementAccountId: ManagementAccountId;
  accountId: LinkedAccountId;
  /** As the newest usage has it. */
  accountName: string | null;
  automatic: boolean;
  /** The pattern that leaves an account out of an automatic link: the tenant does not have it. */
  excludedBy: string | null;
  intervals: readonly Interval[];
}>;

/** Explicit links first, then what automatic links take in or leave out; each by data source and account. */
export const accountsOfTenant = async (readModels: ReadModels, wanted: Wanted): Promise<Pages<AccountOfTenant>> => {
  const found = await automatic(readModels, wanted);
  return concatenated([explicit(readModels, wanted), (asked) => Promise.resolve(pageOf(found, keyOf, asked))]);
};

const explicit =
  (readModels: ReadModels, { tenantId, scope, allowed, dataSourceId, accountId, after }: Wanted): Pages<AccountOfTenant> =>
  async ({ limit, cursor }) => {
    const filter: Filter = {
      ...among(allowed),
      ...{ own: { tenantId }, children: { parentId: tenantId }, subtree: { path: { has: tenantId } } }[scope],
      ...(dataSourceId === undefined ? {} : { dataSourceId }),
      ...(accountId === undefined ? {} : { accountId }),
      ...(after === undefined ? {} : { until: { gt: after } }),
    };
    const page = await readModels
      .of(linkedAccounts)
      .find({ filter, sort: BY_ACCOUNT, limit, ...(cursor === undefined ? {} : { cursor }) });
    const known = new Map<DataSourceId, ReadonlyMap<LinkedAccountId, KnownAccount>>();
    for (const { dataSourceId: source } of page.items)
      if (!known.has(source)) known.set(source, await knownAccounts(readModels, source));
    const items = page.items.map(({ path: _path, parentId: _parent, id: _id, until: _until, ...link }) => ({
      ...link,
      accountName: known.get(link.dataSourceId)?.get(link.accountId)?.name ?? null,
      automatic: false,
      excludedBy: null,
    }));
    return { ...page, items };
  };

const BY_ACCOUNT = [
  { by: 'dataSourceId', direction: 'ascending' },
  { by: 'accountId', direction: 'ascending' },
] as const;

const automatic = async (
  readModels: ReadModels,
  { tenantId, scope, allowed, dataSourceId, accountId, after }: Wanted,
): Promise<readonly AccountOfTenant[]> => {
  const inScope = ({ tenantId: id, path }: Readonly<{ tenantId: TenantId; path: readonly TenantId[] }>): boolean =>
    ({ own: id === tenantId, children: path.at(-2) === tenantId, subtree: path.includes(tenantId) })[scope];
  const assignments = await readModels
    .of(autoAssignments)
    .all({ within: { has: tenantId }, ...(dataSourceId === undefined ? {} : { id: dataSourceId }) });
  const found = await Promise.all(
    assignments.map(async (assignment) => {
      const known = await knownAccounts(readModels, assignment.id);
      const linked = new Map<LinkedAccountId, readonly Interval[]>();
      for (const { accountId: id, intervals } of await readModels.of(linkedAccounts).all({ dataSourceId: assignment.id }))
        linked.set(id, [...(linked.get(id) ?? []), ...intervals]);
      return automaticLinks(assignment, [...known.values()], (id) => linked.get(id) ?? [])
        .filter(
          (link) =>
            inScope(link) && includes(allowed, link.tenantId) && (accountId === undefined || link.accountId === accountId),
        )
        .filter(({ intervals }) => after === undefined || (intervals.at(-1)?.to ?? NO_END) > after)
        .map(({ path: _path, name, ...link }) => ({
          ...link,
          dataSourceId: assignment.id,
          managementAccountId: assignment.managementAccountId,
          accountName: name,
          automatic: true,
        }));
    }),
  );
  return found.flat().toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
};

/** No part of it holds a line break, so that keys of different accounts never mix. */
const keyOf = ({ dataSourceId, accountId, tenantId, intervals }: AccountOfTenant): string =>
  [dataSourceId, accountId, tenantId, intervals[0]?.from ?? ''].join('\n');

/** The accounts that a source's usage has shown, each with the name it had last. */
const knownAccounts = async (
  readModels: ReadModels,
  dataSourceId: DataSourceId,
): Promise<ReadonlyMap<LinkedAccountId, KnownAccount>> => {
  const slices = await readModels.of(sliceAccounts).all({ dataSourceId }, [{ by: 'month', direction: 'ascending' }]);
  return new Map(
    slices.flatMap(({ accounts }) => accounts.map(({ accountId, name }) => [accountId, { accountId, name }] as const)),
  );
};

/** The days on which a source's automatic links take this account in, wherever no explicit link stands. */
export const automaticDays = async (
  readModels: ReadModels,
  dataSourceId: DataSourceId,
  accountId: LinkedAccountId,
): Promise<Holdings<AutoHolder>> => {
  const assignment = await readModels.of(autoAssignments).get(dataSourceId);
  const account = assignment && (await knownAccounts(readModels, dataSourceId)).get(accountId);
  return account ? assignment.holdings.filter(({ holder }) => excludedBy(holder.exclude)(account) === undefined) : [];
};
