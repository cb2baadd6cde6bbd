import { type DataSourceId, type ImportId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type DataSourceEvent, type Slice, type UsageMonthEvent } from '#libs/published/ingestion';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';
import { type OneStream } from './one-stream.ts';

export type DataSourceInput = OneStream &
  Readonly<{ id: DataSourceId; ownerId: TenantId; managementAccountId: ManagementAccountId; name: string }>;

export const dataSourceInputs = projection({
  name: 'invoicing-data-source-inputs',
  version: 2,
  parts: {
    source: part<DataSourceEvent, DataSourceInput>('ingestion.dataSource', {
      document: ({ data }) => data.dataSourceId,
      evolve: (source, { type, data, revision }) => {
        switch (type) {
          case 'DataSourceRegistered':
            return {
              id: data.dataSourceId,
              rootId: data.path[0] ?? data.tenantId,
              ownerId: data.tenantId,
              managementAccountId: data.managementAccountId,
              name: data.name,
              changes: revision + 1,
            };
          case 'DataSourceChanged':
            if (!source) throw new Error(`data source ${data.dataSourceId} changed before it was registered`);
            return { ...source, name: data.name, changes: revision + 1 };
        }
      },
    }),
  },
  row: ({ source }): DataSourceInput | undefined => source,
  indexes: [['rootId', 'changes']],
});

/** One slice and the import that serves it. */
export type UsageMonthInput = OneStream & Slice & Readonly<{ id: string; importId: ImportId; importedAt: Instant }>;

export const usageMonthInputs = projection({
  name: 'invoicing-usage-month-inputs',
  version: 2,
  parts: {
    slice: part<UsageMonthEvent, UsageMonthInput>('ingestion.usageMonth', {
      document: ({ data }) => sliceId(data.dataSourceId, data.month),
      evolve: (_earlier, { data: { tenantId: _owner, ...data }, revision }) => ({
        ...data,
        id: sliceId(data.dataSourceId, data.month),
        changes: revision + 1,
      }),
    }),
  },
  row: ({ slice }): UsageMonthInput | undefined => slice,
  indexes: [['rootId', 'month', 'changes']],
});

const sliceId = (dataSourceId: DataSourceId, month: string): string => `${dataSourceId}~${month}`;
