import { type Revision } from '#libs/event-sourcing/event';
import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type DataSourceEvent } from '#libs/published/ingestion';
import { alphabetical } from '#libs/read-models/alphabetical';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';

export type DataSourceRow = Readonly<{
  id: DataSourceId;
  tenantId: TenantId;
  /** Of the owner, from the root. */
  path: readonly TenantId[];
  managementAccountId: ManagementAccountId;
  name: string;
  /** `alphabetical`: what lists sort the name by. */
  nameOrder: string;
  scheduleHours: number | null;
  ownPublishers: readonly string[];
  registeredAt: Instant;
  revision: Revision;
}>;

export const dataSources = projection({
  name: 'data-sources',
  version: 4,
  parts: {
    source: part<DataSourceEvent, DataSourceRow>('ingestion.dataSource', {
      document: ({ data }) => data.dataSourceId,
      evolve: (before, { type, data, revision }) => {
        switch (type) {
          case 'DataSourceRegistered': {
            const { dataSourceId: id, ...source } = data;
            return { id, ...source, nameOrder: alphabetical(source.name), revision };
          }
          case 'DataSourceChanged': {
            if (!before) throw new Error(`data source ${data.dataSourceId} changed before it was registered`);
            const { name, scheduleHours, ownPublishers } = data;
            return { ...before, name, nameOrder: alphabetical(name), scheduleHours, ownPublishers, revision };
          }
        }
      },
    }),
  },
  row: ({ source }): DataSourceRow | undefined => source,
  indexes: [['tenantId', 'nameOrder']],
  elements: ['path'],
});
