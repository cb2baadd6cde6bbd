import { type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle } from '#libs/event-sourcing/handle';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type ImportEvent } from '#libs/published/ingestion';
import { importing } from '../import/import.ts';
import { serve, usageMonth, usageMonthId } from '../usage-month/usage-month.ts';

const NAME = 'ingestion.on-import-finished';

/** A finished import takes over the slices that it contains. */
export const onImportFinished = (store: EventStore): Consumer => ({
  name: NAME,
  categories: [importing.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (!isFinished(event)) return;
    const { importId, tenantId, rootId, finishedAt: importedAt, slices } = event.data;
    for (const slice of slices) {
      const id = usageMonthId(slice.dataSourceId, slice.month);
      const command = reactionCommand(NAME, event, usageMonth.stream(id));
      await handle(store, usageMonth, id, serve(slice, { importId, tenantId, rootId, importedAt, order: event.position }), {
        command,
      });
    }
  },
});

const isFinished = (event: Recorded): event is Recorded<Extract<ImportEvent, { type: 'ImportFinished' }>> =>
  event.type === 'ImportFinished';
