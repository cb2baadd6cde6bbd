import { type Position, type Revision, type StreamName } from './event.ts';

/** An event as it was written, not upcast: `data` and `metadata` are JSON text. */
export type StoredEvent = Readonly<{
  position: Position;
  stream: StreamName;
  revision: Revision;
  type: string;
  data: string;
  metadata: string;
  eventId: string;
}>;
