import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type AutoAssignmentEvent } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';
import { type Holdings } from '#libs/time/intervals';
import { autoAssignment, type AutoHolder } from './auto-assignment.ts';

export type AutoAssignmentRow = Readonly<{
  id: DataSourceId;
  managementAccountId: ManagementAccountId;
  /** Who takes in the source's unlinked accounts on which days. */
  holdings: Holdings<AutoHolder>;
  /** Everybody who has or had it on. */
  holders: readonly TenantId[];
  /** They and all above them. */
  within: readonly TenantId[];
}>;

type SourcePart = Pick<AutoAssignmentRow, 'id' | 'managementAccountId' | 'holdings'>;

/** A document per data source. */
export const autoAssignments = projection({
  name: 'auto-assignments',
  version: 2,
  parts: {
    source: part<AutoAssignmentEvent, SourcePart | undefined>('tenants.autoAssignment', {
      document: ({ data }) => data.dataSourceId,
      evolve: (before, event) => {
        const { dataSourceId: id, managementAccountId } = event.data;
        const state = { holdings: before?.holdings ?? [], everOn: before !== undefined };
        return { id, managementAccountId, holdings: autoAssignment.evolve(state, event, event.revision).holdings };
      },
    }),
  },
  row: ({ source }): AutoAssignmentRow | undefined =>
    source && {
      ...source,
      holders: [...new Set(source.holdings.map(({ holder }) => holder.id))],
      within: [...new Set(source.holdings.flatMap(({ holder }) => holder.path))],
    },
  indexes: [],
  elements: ['holders', 'within'],
});
