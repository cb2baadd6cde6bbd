import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '#libs/sqlite/database';
import { StorageFull } from '#libs/sqlite/storage-error';
import { metadataOf } from '../command.ts';
import { type Category, type DomainEvent, NO_STREAM, type Position, type StreamName } from '../event.ts';
import { eventStoreChecks, eventStoreContract, freshPlaces, retiredEvents } from '../event-store.contract.ts';
import { aCommand } from '../testing/command.ts';
import { SqliteEventStore } from './sqlite-event-store.ts';

const folders: string[] = [];
const freshUrl = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-events-'));
  folders.push(folder);
  return `sqlite:${join(folder, 'tributary.db')}`;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const openAt =
  (url: string, options: Parameters<typeof openSqlite>[1] = {}) =>
  () => {
    const store = new SqliteEventStore(openSqlite(url, options), { upcasters: retiredEvents });
    return Promise.resolve({
      store,
      close: () => {
        store.close();
        return Promise.resolve();
      },
    });
  };

eventStoreContract('sqlite::memory:', openAt('sqlite::memory:'));
eventStoreContract('a SQLite file', () => openAt(freshUrl())());
eventStoreContract('a SQLite file that processes share', () => openAt(freshUrl(), { shared: true })());

describe('the contract suite itself', () => {
  it.each(['a stale expected revision is refused and nothing is written', 'of two racing writers exactly one wins'])(
    'turns red without the revision check: %s',
    async (promise) => {
      const check = eventStoreChecks[promise];
      if (!check) throw new Error(`no such check: ${promise}`);
      process.env['SABOTAGE'] = 'revision-check';
      const { store, close } = await openAt('sqlite::memory:')();
      delete process.env['SABOTAGE'];
      await expect(check(store, freshPlaces())).rejects.toThrow();
      await close();
    },
  );
});

const NOTES = 'test.note' as Category;
const noted = { type: 'Noted', data: {} };
const metadata = () => metadataOf(aCommand());
const opened = (url = 'sqlite::memory:') => {
  const database = openSqlite(url);
  return { database, store: new SqliteEventStore(database) };
};
const stream = (id: string): StreamName => `test.note-${id}` as StreamName;

describe('a turn of the event loop', () => {
  it('tells its events in store order, committed and before anybody is answered', async () => {
    const { database, store } = opened();
    const told: unknown[] = [];
    store.follow((events) => {
      told.push([database.inTransaction, ...events.map(({ position }) => position)]);
    });
    const append = async (id: string, events: DomainEvent[]) => {
      await store.append(stream(id), events, NO_STREAM, metadata());
      told.push(id);
    };
    await Promise.all([append('a', [noted, noted]), append('b', [noted])]);
    await append('c', [noted]);
    expect(told).toEqual([[false, 1, 2, 3], 'a', 'b', [false, 4], 'c']);
    store.close();
  });

  it('tells nobody who has left', async () => {
    const { store } = opened();
    let told = 0;
    const leave = store.follow(() => (told += 1));
    await store.append(stream('a'), [noted], NO_STREAM, metadata());
    leave();
    await store.append(stream('b'), [noted], NO_STREAM, metadata());
    expect(told).toBe(1);
    store.close();
  });

  it('refuses a lost race alone', async () => {
    const { store } = opened();
    const results = await Promise.allSettled([
      store.append(stream('a'), [noted], NO_STREAM, metadata()),
      store.append(stream('a'), [noted], NO_STREAM, metadata()),
      store.append(stream('b'), [noted], NO_STREAM, metadata()),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await store.head()).toBe(2);
    store.close();
  });

  it('shows nothing and answers nobody before it is committed', async () => {
    const { store } = opened();
    let answered = false;
    const appending = store.append(stream('a'), [noted], NO_STREAM, metadata()).then(() => {
      answered = true;
    });
    expect((await store.read(stream('a'))).revision).toBe(NO_STREAM);
    expect(store.eventsAfter(0, [NOTES], 10)).toEqual([]);
    await Promise.resolve();
    expect(answered).toBe(false);
    await appending;
    expect(store.eventsAfter(0, [NOTES], 10)).toHaveLength(1);
    store.close();
  });

  it('fails everybody when its COMMIT fails, keeps nothing and tells of nothing', async () => {
    const { database, store } = opened();
    const told: Position[] = [];
    store.follow((events) => told.push(...events.map(({ position }) => position)));
    // A deferred constraint is judged by COMMIT itself.
    database.exec('PRAGMA foreign_keys = ON; CREATE TABLE parent (id INTEGER PRIMARY KEY)');
    database.exec('CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)');
    const results = await Promise.allSettled([
      store.append(stream('a'), [noted], NO_STREAM, metadata()),
      store.append(stream('a'), [noted], NO_STREAM, metadata()),
      database.turn.run(() => database.exec('INSERT INTO child VALUES (1)')),
    ]);
    const reasons = results.map((result) => (result.status === 'rejected' ? String(result.reason) : 'kept'));
    expect(new Set(reasons)).toEqual(new Set(['Error: FOREIGN KEY constraint failed']));
    expect(told).toEqual([]);
    expect(await store.head()).toBe(0);
    await store.append(stream('a'), [noted], NO_STREAM, metadata());
    expect(told).toEqual([1]);
    store.close();
  });

  it('shares its transaction with whatever else is handed over', async () => {
    const { database, store } = opened();
    database.exec('CREATE TABLE checkpoint (at INTEGER)');
    const depths: boolean[] = [];
    await Promise.all([
      store.append(stream('a'), [noted], NO_STREAM, metadata()),
      database.turn.run(() => {
        depths.push(database.inTransaction, store.eventsAfter(0, [NOTES], 10).length === 1);
        return database.prepare('INSERT INTO checkpoint VALUES (1)').run();
      }),
    ]);
    expect(depths).toEqual([true, true]);
    store.close();
  });
});

describe('a SQLite event store', () => {
  it('keeps everything when it is opened again, under the same log id', async () => {
    const url = freshUrl();
    const first = opened(url);
    const { events } = await first.store.append(stream('a'), [noted, noted], NO_STREAM, metadata());
    first.store.close();
    const second = opened(url);
    expect(second.store.logId).toBe(first.store.logId);
    expect((await second.store.read(stream('a'))).events).toEqual(events);
    const { position } = await second.store.append(stream('a'), [noted], 1, metadata());
    expect(position).toBe(3);
    second.store.close();
  });

  it('commits what is queued before it closes', async () => {
    const url = freshUrl();
    const { store } = opened(url);
    const appending = store.append(stream('a'), [noted], NO_STREAM, metadata());
    await Promise.resolve();
    store.close();
    await appending;
    const again = opened(url);
    expect(await again.store.head()).toBe(1);
    again.store.close();
  });

  it('ends its subscriptions when it closes', async () => {
    const { store } = opened();
    const seen: unknown[] = [];
    for await (const event of store.subscribe([NOTES], 'start', new AbortController().signal)) {
      seen.push(event);
      setImmediate(() => {
        store.close();
      });
    }
    expect(seen).toEqual(['caught-up']);
  });

  it('answers a full disk with StorageFull, keeps what it acknowledged and goes on once there is room', async () => {
    const url = freshUrl();
    const { database, store } = opened(url);
    database.exec('PRAGMA max_page_count = 40');
    const large = { type: 'Noted', data: { text: 'x'.repeat(10_000) } };
    let acknowledged = 0;
    let fault: unknown;
    while (fault === undefined && acknowledged < 1_000)
      await store.append(stream('a'), [large], acknowledged - 1, metadata()).then(
        () => (acknowledged += 1),
        (error: unknown) => (fault = error),
      );
    expect(fault).toBeInstanceOf(StorageFull);
    expect(String(fault)).toContain(database.file);
    expect(acknowledged).toBeGreaterThan(0);
    expect((await store.read(stream('a'))).revision).toBe(acknowledged - 1);
    database.exec('PRAGMA max_page_count = 4000');
    await store.append(stream('a'), [large], acknowledged - 1, metadata());
    store.close();
    const again = opened(url);
    expect((await again.store.read(stream('a'))).revision).toBe(acknowledged);
    again.store.close();
  });
});
