import { type Database } from '#libs/sqlite/database';
import { type Position } from '../event.ts';
import { type StoredEvent } from '../stored-event.ts';

/** Up to `limit` events of the whole log after `position` (exclusive), in store order. */
export const storedEvents = (database: Database, position: Position, limit: number): readonly StoredEvent[] =>
  database
    .prepare<StoredEvent>(
      `SELECT position, stream, revision, type, data, metadata, event_id AS eventId
         FROM events WHERE position > ? ORDER BY position LIMIT ?`,
    )
    .all(position, limit);
