import { decider } from '#libs/event-sourcing/decider';
import { type DataSourceId, type TenantId } from '#libs/published/ids';
import { type HealthStatus, type SourceHealthEvent } from '#libs/published/ingestion';
import { type Instant } from '#libs/time/time';

/** As it was told last; null before it was told anything. */
export type SourceHealth = Readonly<{ status: HealthStatus; statusBelow: HealthStatus }> | null;

export const sourceHealth = decider<SourceHealth, SourceHealthEvent, DataSourceId>(
  'ingestion.sourceHealth',
  null,
  (_before, { data: { status, statusBelow } }) => ({ status, statusBelow }),
);

type Source = Readonly<{ id: DataSourceId; tenantId: TenantId; path: readonly TenantId[] }>;

/** Says it only where it is not what was said last. */
export const judge =
  ({ id: dataSourceId, tenantId, path }: Source, status: HealthStatus, statusBelow: HealthStatus, changedAt: Instant) =>
  (before: SourceHealth): SourceHealthEvent[] =>
    before?.status === status && before.statusBelow === statusBelow
      ? []
      : [{ type: 'SourceHealthChanged', data: { dataSourceId, tenantId, path, status, statusBelow, changedAt } }];
