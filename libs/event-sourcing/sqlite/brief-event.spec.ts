import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openSqlite } from '#libs/sqlite/database';
import { metadataOf } from '../command.ts';
import { type Category, type Metadata, NO_STREAM, type StreamName } from '../event.ts';
import { aCommand } from '../testing/command.ts';
import { SqliteEventStore } from './sqlite-event-store.ts';

const metadata = (): Metadata => metadataOf(aCommand());
const categories = ['test.a', 'test.b', 'test.none'] as Category[];

let store: SqliteEventStore;

beforeEach(async () => {
  store = new SqliteEventStore(openSqlite('sqlite::memory:'), {
    upcasters: { Old: ({ was }: { was: number }) => ({ type: 'New', data: { is: was } }) },
  });
  for (let revision = NO_STREAM; revision < 3; revision++)
    for (const stream of ['test.a-1', 'test.b-1', 'test.c-1'] as StreamName[])
      await store.append(stream, [{ type: revision % 2 === 0 ? 'Old' : 'Kept', data: { was: revision } }], revision, metadata());
});
afterEach(() => {
  store.close();
});

describe('events of which only the data is read', () => {
  it('are the same as JSON, byte by byte, in the same order', () => {
    for (const [after, limit] of [
      [0, 100],
      [2, 3],
      [7, 1],
    ] as const) {
      const whole = store.eventsAfter(after, categories, limit);
      expect(JSON.stringify(store.briefEventsAfter(after, categories, limit))).toBe(JSON.stringify(whole));
      expect(whole.length).toBeGreaterThan(0);
    }
    expect(store.briefEventsAfter(0, [], 9)).toEqual([]);
  });

  it('tell the rest when it is asked for', () => {
    const [whole] = store.eventsAfter(0, categories, 1);
    const [brief] = store.briefEventsAfter(0, categories, 1);
    expect(brief?.metadata).toEqual(whole?.metadata);
    expect(brief?.eventId).toBe(whole?.eventId);
  });
});
