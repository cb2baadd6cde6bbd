import { type EventData, jsonEvent, type JSONType, type ResolvedEvent } from '@eventstore/db-client';
import { type DomainEvent, type Metadata, type Recorded, type StreamName } from '../event.ts';
import { upcast } from '../upcasting.ts';
import { type WrittenEvent } from '../written-event.ts';
import { positionOf } from './place.ts';

/** As the server is given it. */
export const eventDataOf = ({ event, metadata, eventId }: WrittenEvent): EventData =>
  // Any JSON value may stand in an event; the client's type knows objects, lists and texts only, its code writes all of them.
  jsonEvent({ id: eventId, type: event.type, data: event.data as JSONType, metadata: { ...metadata } });

/**
 * As everybody reads it. @throws Error for an event that is none of ours, or that a server older than 22.6 gives without its place.
 */
export const recordedOf = (
  { event }: Pick<ResolvedEvent, 'event'>,
  upcasters: ReadonlyMap<string, (data: unknown) => DomainEvent>,
): Recorded => {
  if (!event) throw new Error('The event store gave an event without its content.');
  const { streamId, revision, id, position } = event;
  if (!event.isJson || !isMetadata(event.metadata))
    throw new Error(`Event ${String(revision)} of ${streamId} was not written by Tributary.`);
  if (!position || position.commit >= NO_PLACE)
    throw new Error(
      `The event store does not say where event ${String(revision)} of ${streamId} stands: it must be 22.6 or newer.`,
    );
  return {
    ...upcast(upcasters, { type: event.type, data: event.data }),
    stream: streamId as StreamName,
    revision: Number(revision),
    position: positionOf(position),
    eventId: id,
    metadata: event.metadata,
  };
};

/** What the server sends for "unknown": -1 as an unsigned number, or the largest signed one. */
const NO_PLACE = 2n ** 63n - 1n;

const isMetadata = (metadata: unknown): metadata is Metadata =>
  typeof metadata === 'object' && metadata !== null && 'commandId' in metadata && 'bodyHash' in metadata;
