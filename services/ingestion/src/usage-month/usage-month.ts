import { decider } from '#libs/event-sourcing/decider';
import { type Position } from '#libs/event-sourcing/event';
import { type DataSourceId, type ImportId, type TenantId } from '#libs/published/ids';
import { type Slice, type UsageMonthEvent } from '#libs/published/ingestion';
import { type Instant, type Month } from '#libs/time/time';

/** Which import serves a slice: undefined until the first one. */
export type UsageMonth = Readonly<{ slice: Slice; order: Position }> | undefined;

export const usageMonthId = (dataSourceId: DataSourceId, month: Month): string => `${dataSourceId}~${month}`;

export const usageMonth = decider<UsageMonth, UsageMonthEvent>(
  'ingestion.usageMonth',
  undefined,
  (_before, { data: { importId: _importId, tenantId: _tenantId, rootId: _rootId, importedAt: _at, order, ...slice } }) => ({
    slice,
    order: order ?? 0,
  }),
);

type FinishedImport = Readonly<{
  importId: ImportId;
  tenantId: TenantId;
  rootId: TenantId;
  importedAt: Instant;
  /** Place of its end in the log. */
  order: Position;
}>;

/**
 * The import takes the slice over. The same content again changes nothing, and neither does an import that ended before the one
 * that serves, however late the news of it comes.
 */
export const serve =
  (slice: Slice, by: FinishedImport) =>
  (state: UsageMonth): UsageMonthEvent[] => {
    if (state && (state.slice.contentHash === slice.contentHash || by.order < state.order)) return [];
    return [{ type: 'UsageImported', data: { ...slice, ...by } }];
  };
