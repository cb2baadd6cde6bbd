import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Database, openSqlite } from './database.ts';
import { StorageFull } from './storage-error.ts';

let folder: string;
let url: string;
let database: Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'full-'));
  url = `sqlite:${join(folder, 'test.db')}`;
  database = openSqlite(url);
  database.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const limitPages = (pages: number): void => {
  database.exec(`PRAGMA max_page_count = ${String(pages)}`);
};
const write = (): void => {
  database.transaction(() => {
    for (const half of ['a', 'b']) database.prepare('INSERT INTO notes (text) VALUES (?)').run(half.repeat(3_000));
  });
};
const count = (): number => database.prepare<{ count: number }>('SELECT count(*) AS count FROM notes').get()?.count ?? 0;

/** Writes until there is no room; how many were acknowledged. */
const fill = (): number => {
  for (let acknowledged = 0; ; acknowledged++)
    try {
      write();
    } catch (error) {
      expect(error).toBeInstanceOf(StorageFull);
      expect(String(error)).toContain(join(folder, 'test.db'));
      return acknowledged;
    }
};

describe('a database that may not grow any more', () => {
  it('says so, keeps all that it acknowledged and no half of anything, and can be read', () => {
    limitPages(60);
    const acknowledged = fill();
    expect(acknowledged).toBeGreaterThan(5);
    expect(database.inTransaction).toBe(false);
    expect(count()).toBe(2 * acknowledged);
    database.close();
    database = openSqlite(url);
    expect(count()).toBe(2 * acknowledged);
  });

  it('goes on by itself once there is room again', () => {
    limitPages(60);
    const acknowledged = fill();
    expect(write).toThrow(StorageFull);
    limitPages(1_000_000);
    write();
    expect(count()).toBe(2 * (acknowledged + 1));
  });
});
