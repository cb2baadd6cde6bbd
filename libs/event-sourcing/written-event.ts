import { v5 as uuidv5 } from 'uuid';
import { type CommandId, type DomainEvent, type Metadata, type StreamName } from './event.ts';
import { type Batch } from './event-store.ts';
import { survivesJson } from './json.ts';

/** An event ready to be stored. `event` is as it will be read, `data` and `metadataText` are JSON. */
export type WrittenEvent = Readonly<{
  event: DomainEvent;
  metadata: Metadata;
  data: string;
  metadataText: string;
  eventId: string;
}>;

/** The same for the same event of the same command, on every store. */
const eventIdOf = (stream: StreamName, command: CommandId, index: number): string =>
  uuidv5(`${stream}/${String(index)}`, command);

/** Done before anything is written, so that a value which cannot be stored fails its own command only. @throws TypeError */
export const written = (stream: StreamName, batches: readonly Batch[]): readonly WrittenEvent[] => {
  const all = batches.flatMap(({ events, metadata }) => {
    const metadataText = JSON.stringify(metadata);
    return events.map((event, index) => {
      const survives = survivesJson(event.data, event.type);
      const data = JSON.stringify(event.data);
      return {
        event: survives ? event : { type: event.type, data: JSON.parse(data) as unknown },
        metadata,
        data,
        metadataText,
        eventId: eventIdOf(stream, metadata.commandId, index),
      };
    });
  });
  if (all.length === 0) throw new TypeError(`Nothing to append to ${stream}.`);
  return all;
};
