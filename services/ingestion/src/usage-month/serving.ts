import { type EventStore } from '#libs/event-sourcing/event-store';
import { type Write } from '#libs/event-sourcing/writes';
import { type ImportId } from '#libs/published/ids';
import { type Slice, type UsageMonthEvent } from '#libs/published/ingestion';
import { importing } from '../import/import.ts';
import { usageMonth, usageMonthId } from './usage-month.ts';

type FinishedImport = Readonly<{ id: ImportId; slices: readonly Slice[] }>;

/** Where it stands that each slice of a finished import is served by it, or by a later one; undefined before that is so. */
export const servingOf = async (store: EventStore, { id, slices }: FinishedImport): Promise<readonly Write[] | undefined> => {
  const { events: told } = await store.read(importing.stream(id));
  const end = told.findLast(({ type }) => type === 'ImportFinished')?.position ?? 0;
  const serving: Write[] = [];
  for (const { dataSourceId, month, contentHash } of slices) {
    const stream = usageMonth.stream(usageMonthId(dataSourceId, month));
    const { events } = await store.read<UsageMonthEvent>(stream);
    const last = events.findLast(({ type }) => type === 'UsageImported');
    if (!last || (last.data.contentHash !== contentHash && (last.data.order ?? 0) < end)) return undefined;
    serving.push({ stream, position: last.position });
  }
  return serving;
};
