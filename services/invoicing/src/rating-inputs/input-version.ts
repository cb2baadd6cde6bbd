import { type TenantId } from '#libs/published/ids';
import { type AggregateRow, type Filter, type ReadModel, type ReadModels } from '#libs/read-models/read-model';
import { type Row } from '#libs/read-models/projection';
import { type Month } from '#libs/time/time';
import { contractInputs } from './contracts.projection.ts';
import { autoAssignmentInputs, linkInputs } from './links.projection.ts';
import { type OneStream } from './one-stream.ts';
import { tenantInputs } from './tenants.projection.ts';
import { dataSourceInputs, usageMonthInputs } from './usage.projection.ts';

/** How many events there are in the streams of each kind that a month's rating reads; they only grow. */
export type Changes = Readonly<Record<'usage' | 'tenants' | 'links' | 'autoAssignments' | 'dataSources' | 'contracts', number>>;

/** A tree's month with usage, and the version of everything its rating reads: the sum of its changes. */
export type VersionedMonth = Readonly<{ rootId: TenantId; month: Month; inputVersion: number }>;
type CountedMonth = VersionedMonth & Readonly<{ changes: Changes }>;

/**
 * The months for which a tree has an import, with the version of their inputs: the number of events in all streams that the rating
 * of the month reads. Streams only grow, so it grows with every change and with nothing else.
 */
export const versionedMonths = async (
  readModels: ReadModels,
  of?: Readonly<{ rootId: TenantId; month?: Month }>,
): Promise<readonly CountedMonth[]> => {
  const months = await readModels
    .of(usageMonthInputs)
    .aggregate({ filter: { ...of }, groupBy: ['rootId', 'month'], sum: ['changes'] });
  // Trees without usage, however large, cost nothing.
  if (months.length === 0) return [];
  const tree = { rootId: { in: [...new Set(months.map(({ group: [rootId] }) => rootId ?? null))] } };
  const [tenants, links, autoAssignments, dataSources, contracts] = await Promise.all([
    changesByTree(readModels.of(tenantInputs), tree),
    changesByTree(readModels.of(linkInputs), tree),
    changesByTree(readModels.of(autoAssignmentInputs), tree),
    changesByTree(readModels.of(dataSourceInputs), tree),
    changesByTree(readModels.of(contractInputs), tree),
  ]);
  return months.map((counted) => {
    const [id, month] = counted.group;
    const rootId = id as TenantId;
    const changes: Changes = {
      usage: changesIn(counted),
      tenants: tenants.get(rootId) ?? 0,
      links: links.get(rootId) ?? 0,
      autoAssignments: autoAssignments.get(rootId) ?? 0,
      dataSources: dataSources.get(rootId) ?? 0,
      contracts: contracts.get(rootId) ?? 0,
    };
    const inputVersion = Object.values(changes).reduce((sum, one) => sum + one, 0);
    return { rootId, month: month as Month, inputVersion, changes };
  });
};

/** Undefined: the tree has no import for the month. */
export const versionedMonth = async (readModels: ReadModels, rootId: TenantId, month: Month): Promise<CountedMonth | undefined> =>
  (await versionedMonths(readModels, { rootId, month }))[0];

const changesByTree = async <R extends Row & OneStream>(
  inputs: ReadModel<R>,
  filter: Filter,
): Promise<ReadonlyMap<TenantId, number>> => {
  const rows = await inputs.aggregate({ filter, groupBy: ['rootId'], sum: ['changes'] });
  return new Map(rows.map((counted) => [counted.group[0] as TenantId, changesIn(counted)]));
};

/** An event that waits in quarantine is one, too: what was rated before it is not current, and nothing is until it is folded. */
const changesIn = ({ sums: [changes = 0], quarantined }: AggregateRow): number => changes + quarantined;
