import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type DataSourceEvent, type HealthStatus, type SourceHealthEvent, type UsageMonthEvent } from '#libs/published/ingestion';
import { part, projection } from '#libs/read-models/projection';
import { type Month } from '#libs/time/time';
import { type KnownAccount } from '../auto-assignment/auto-assignment.ts';

/**
 * `path` is the owner's, from its root: who may link the source's accounts, and to whom. `statusBelow` is the health for tenants below
 * the owner whose accounts it serves.
 */
export type SourceRow = Readonly<{
  id: DataSourceId;
  ownerId: TenantId | null;
  managementAccountId: ManagementAccountId;
  path: readonly TenantId[];
  status: HealthStatus;
  statusBelow: HealthStatus;
}>;

type SourcePart = Omit<SourceRow, 'status' | 'statusBelow'>;
type HealthPart = Pick<SourceRow, 'status' | 'statusBelow'>;

const UNKNOWN: HealthPart = { status: 'Not available', statusBelow: 'Not available' };

/** The data sources as far as links need to know them. */
export const sourceOwners = projection({
  name: 'source-owners',
  version: 3,
  parts: {
    source: part<DataSourceEvent, SourcePart | undefined>('ingestion.dataSource', {
      document: ({ data }) => data.dataSourceId,
      evolve: (before, { type, data }) =>
        type === 'DataSourceRegistered'
          ? {
              id: data.dataSourceId,
              ownerId: data.path.at(-1) ?? null,
              managementAccountId: data.managementAccountId,
              path: data.path,
            }
          : before,
    }),
    health: part<SourceHealthEvent, HealthPart>('ingestion.sourceHealth', {
      document: ({ data }) => data.dataSourceId,
      evolve: (_before, { data: { status, statusBelow } }) => ({ status, statusBelow }),
    }),
  },
  row: ({ source, health = UNKNOWN }): SourceRow | undefined => source && { ...source, ...health },
  indexes: [['ownerId']],
  elements: ['path'],
});

/** The accounts that one slice's usage shows. */
export type SliceAccountsRow = Readonly<{
  id: string;
  dataSourceId: DataSourceId;
  month: Month;
  accounts: readonly KnownAccount[];
}>;

/**
 * The accounts that the usage has shown, a document per slice: an import replaces a slice whole, so an account that a corrected file
 * no longer has must go with it.
 */
export const sliceAccounts = projection({
  name: 'slice-accounts',
  version: 1,
  parts: {
    slice: part<UsageMonthEvent, Omit<SliceAccountsRow, 'id'>>('ingestion.usageMonth', {
      document: ({ data }) => `${data.dataSourceId}~${data.month}`,
      evolve: (_before, { data: { dataSourceId, month, accounts } }) => ({ dataSourceId, month, accounts }),
    }),
  },
  row: ({ slice }, id): SliceAccountsRow | undefined => slice && { id, ...slice },
  indexes: [['dataSourceId', 'month']],
});
