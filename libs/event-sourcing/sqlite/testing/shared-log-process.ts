/**
 * One of several processes on one log: `append URL NAME EVENTS BYTES` writes a stream of its own, `count URL COMMANDS KEYED` runs
 * commands at once on the stream that all share. Begins once it reads a line, prints what it has done as JSON, and ends.
 */
import { once } from 'node:events';
import { v5 as uuidv5 } from 'uuid';
import { openSqlite } from '#libs/sqlite/database';
import { metadataOf } from '../../command.ts';
import { decider } from '../../decider.ts';
import { type Category, type CommandId, type DomainEvent, NO_STREAM, type StreamName } from '../../event.ts';
import { handle } from '../../handle.ts';
import { aCommand } from '../../testing/command.ts';
import { SqliteEventStore } from '../sqlite-event-store.ts';

const KEYS = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const COUNTER = decider<number, DomainEvent<'Counted', { n: number }>>('test.counter' as Category, 0, (_, { data }) => data.n);

const [task, url = '', ...told] = process.argv.slice(2);
const store = new SqliteEventStore(openSqlite(url, { shared: true }));
process.stdout.write('ready\n');
await once(process.stdin, 'data');

if (task === 'append') {
  const [name = '', events = '', bytes = ''] = told;
  const text = 'x'.repeat(Number(bytes));
  for (let revision = NO_STREAM; revision < Number(events) - 1; revision++)
    await store.append(
      `test.note-${name}` as StreamName,
      [{ type: 'Noted', data: { name, n: revision + 1, text } }],
      revision,
      metadataOf(aCommand()),
    );
} else {
  const [commands, keyed] = told.map(Number);
  const count = (id?: CommandId): Promise<unknown> =>
    handle(store, COUNTER, 'one', (n) => [{ type: 'Counted' as const, data: { n: n + 1 } }], {
      command: aCommand(id ? { id, keyed: true } : {}),
    });
  await Promise.all([
    ...Array.from({ length: commands ?? 0 }, () => count()),
    // The same keys as in the other process: a caller that tries both.
    ...Array.from({ length: keyed ?? 0 }, (_, key) => count(uuidv5(String(key), KEYS) as CommandId)),
  ]);
}
store.close();
process.stdin.destroy();
