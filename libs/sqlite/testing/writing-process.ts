/** A process of its own that appends one event after another and prints each acknowledged revision, until it is killed. */
import { metadataOf } from '#libs/event-sourcing/command';
import { type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { openSqlite } from '../database.ts';

const store = new SqliteEventStore(openSqlite(process.argv[2] ?? ''));
for (let expected = -1; ; expected++) {
  const { revision } = await store.append(
    'test.note-1' as StreamName,
    [{ type: 'Noted', data: { text: 'x'.repeat(200) } }],
    expected,
    metadataOf(aCommand()),
  );
  process.stdout.write(`${String(revision)}\n`);
}
