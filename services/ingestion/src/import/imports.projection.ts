import { type Position } from '#libs/event-sourcing/event';
import { type DataSourceId, type ImportId, type TenantId } from '#libs/published/ids';
import { type ImportedFile, type ImportEvent, type ImportProblem, type Rounding, type Slice } from '#libs/published/ingestion';
import { part, projection } from '#libs/read-models/projection';
import { type Instant } from '#libs/time/time';
import { type ImportStatus } from './import.ts';

export type ImportRow = Readonly<{
  id: ImportId;
  tenantId: TenantId;
  path: readonly TenantId[];
  status: ImportStatus;
  format: string;
  files: readonly ImportedFile[];
  requestedAt: Instant;
  endedAt: Instant | null;
  /** Place of the request in the log: imports run in this order. */
  order: Position;
  rows: number | null;
  /** Of which it is known to be. */
  dataSourceIds: readonly DataSourceId[];
  slices: readonly Slice[];
  problems: readonly ImportProblem[];
  problemCount: number;
  unknownColumns: readonly string[];
  roundings: readonly Rounding[];
}>;

export const imports = projection({
  name: 'imports',
  version: 2,
  parts: {
    import: part<ImportEvent, ImportRow>('ingestion.import', {
      document: ({ data }) => data.importId,
      evolve: (before, event) => {
        if (event.type === 'ImportRequested') {
          const { importId: id, tenantId, path, format, files, requestedAt } = event.data;
          return {
            ...{ id, tenantId, path, status: 'requested', format, files, requestedAt, endedAt: null, order: event.position },
            ...{ rows: null, dataSourceIds: [], slices: [], problems: [], problemCount: 0, unknownColumns: [], roundings: [] },
          };
        }
        if (!before) throw new Error(`import ${event.data.importId} ended before it was requested`);
        switch (event.type) {
          case 'ImportFinished': {
            const { slices, format, unknownColumns, roundings, rows, finishedAt: endedAt } = event.data;
            const dataSourceIds = [...new Set(slices.map(({ dataSourceId }) => dataSourceId))];
            return { ...before, status: 'finished', format, slices, unknownColumns, roundings, rows, endedAt, dataSourceIds };
          }
          case 'ImportFailed': {
            const { problems, problemCount, dataSourceIds, failedAt: endedAt } = event.data;
            return { ...before, status: 'failed', problems, problemCount, dataSourceIds, endedAt };
          }
          case 'ImportCancelled':
            return { ...before, status: 'cancelled', endedAt: event.data.cancelledAt };
        }
      },
    }),
  },
  row: ({ import: row }): ImportRow | undefined => row,
  indexes: [
    ['tenantId', 'order'],
    ['status', 'order'],
  ],
  elements: ['dataSourceIds'],
});
