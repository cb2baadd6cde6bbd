import { type KeptFiles } from '#libs/platform/service';
import { type ImportId } from '#libs/published/ids';
import { type ImportEvent, type UsageMonthEvent } from '#libs/published/ingestion';
import { importing } from './import.ts';
import { usageMonth } from '../usage-month/usage-month.ts';

const USAGE = 'usage';
const DELIVERIES = 'deliveries';

/** Usage of every finished import, superseded ones too since earlier revisions of bills name it, and uploads that wait to be read. */
export const keptFiles: KeptFiles = {
  categories: [importing.category, usageMonth.category],
  in: async (events) => {
    const kept = new Set<string>();
    const waiting = new Map<ImportId, readonly string[]>();
    for await (const recorded of events) {
      const event = recorded as ImportEvent | UsageMonthEvent;
      switch (event.type) {
        case 'ImportRequested': {
          const uploads = event.data.files.filter(({ from }) => from === 'upload');
          waiting.set(
            event.data.importId,
            uploads.map(({ path }) => `${DELIVERIES}/${path}`),
          );
          break;
        }
        case 'ImportFinished':
          waiting.delete(event.data.importId);
          for (const { files } of event.data.slices) for (const { path } of files) kept.add(`${USAGE}/${path}`);
          break;
        case 'ImportFailed':
        case 'ImportCancelled':
          waiting.delete(event.data.importId);
          break;
        case 'UsageImported':
          for (const { path } of event.data.files) kept.add(`${USAGE}/${path}`);
      }
    }
    for (const uploads of waiting.values()) for (const upload of uploads) kept.add(upload);
    return kept;
  },
  passing: [DELIVERIES],
};
