import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openSqlite } from './database.ts';
import { StorageError } from './storage-error.ts';

const root = mkdtempSync(join(tmpdir(), 'tributary-database-'));
afterAll(() => {
  rmSync(root, { recursive: true });
});

let file: string;
let url: string;
beforeEach(() => {
  file = join(mkdtempSync(join(root, 'case-')), 'tributary.db');
  url = `sqlite:${file}`;
});

const faultOf = (work: () => unknown): StorageError => {
  try {
    work();
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('expected a StorageError');
};

const setting = (database: Database, name: string): unknown =>
  Object.values(database.prepare<object>(`PRAGMA ${name}`).get() ?? {})[0];
const count = (database: Database, table: string): unknown =>
  database.prepare<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).get()?.n;

describe('opening a database', () => {
  it('makes its folders, writes ahead and syncs every commit', () => {
    const database = openSqlite(`sqlite:${join(root, 'new', 'folders', 'tributary.db')}`);
    expect(setting(database, 'journal_mode')).toBe('wal');
    expect(setting(database, 'synchronous')).toBe(2);
    expect(setting(database, 'busy_timeout')).toBe(5_000);
    database.close();
  });

  it('gives a log an id that stays', () => {
    const first = openSqlite(url);
    const { logId } = first;
    first.close();
    const second = openSqlite(url);
    expect(second.logId).toBe(logId);
    second.close();
    const memory = openSqlite('sqlite::memory:');
    expect(memory.logId).not.toBe(logId);
    memory.close();
  });

  it('refuses an address that names no SQLite database', () => {
    for (const wrong of ['', 'sqlite:', 'postgres://x', file]) expect(faultOf(() => openSqlite(wrong)).fault).toBe('unusable');
  });

  it('refuses a file that is damaged or no database, by name', () => {
    writeFileSync(file, 'no database, but long enough to be mistaken for one. '.repeat(100));
    const fault = faultOf(() => openSqlite(url));
    expect(fault.fault).toBe('corrupt');
    expect(fault.message).toContain(file);
  });

  it('refuses a database of another program', () => {
    const foreign = openSqlite(url);
    foreign.exec('DROP TABLE tributary; CREATE TABLE theirs (id INTEGER)');
    foreign.close();
    expect(faultOf(() => openSqlite(url))).toMatchObject({ fault: 'foreign', message: expect.stringContaining(file) });
  });

  it('refuses tables of another version', () => {
    const database = openSqlite(url);
    database.schema('things', 1, 'CREATE TABLE things (id INTEGER)');
    database.schema('things', 1, 'CREATE TABLE things (id INTEGER)');
    const fault = faultOf(() => {
      database.schema('things', 2, '');
    });
    expect(fault.fault).toBe('foreign');
    expect(fault.message).toMatch(/"things" tables have version 1, this program knows version 2/);
    database.close();
  });

  it('refuses a path where no file can be', () => {
    mkdirSync(file);
    expect(faultOf(() => openSqlite(url))).toMatchObject({ fault: 'unusable', message: expect.stringContaining(file) });
    expect(faultOf(() => openSqlite('sqlite:/dev/null/x.db')).fault).toBe('unusable');
  });
});

describe('the lock', () => {
  it('refuses a second owner by the name of the file, also through a link, until the first has closed', () => {
    const first = openSqlite(url);
    const link = join(root, `link-${String(process.hrtime.bigint())}.db`);
    symlinkSync(file, link);
    for (const name of [file, link])
      expect(faultOf(() => openSqlite(`sqlite:${name}`))).toMatchObject({
        fault: 'locked',
        message: `${file} is in use by another process. Stop that process, or name another file.`,
      });
    first.close();
    openSqlite(url).close();
  });

  it('is not taken by those who share a log', () => {
    const first = openSqlite(url, { lock: false });
    const second = openSqlite(url, { lock: false });
    first.exec('CREATE TABLE things (id INTEGER)');
    expect(count(second, 'things')).toBe(0);
    first.close();
    second.close();
  });

  it('is held against another process, ends with it also by kill -9, and what was acknowledged is there', async () => {
    const child = spawn(
      process.execPath,
      [
        '--experimental-transform-types',
        '--conditions=tributary',
        '--no-warnings',
        join(import.meta.dirname, 'testing', 'writing-process.ts'),
        url,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = once(child, 'exit');
    let acknowledged = -1;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (acknowledged === 0) expect(faultOf(() => openSqlite(url)).fault).toBe('locked');
      if (acknowledged >= 300) child.kill('SIGKILL');
    }
    await ended;
    expect(child.signalCode).toBe('SIGKILL');
    const database = openSqlite(url);
    const revisions = database.prepare<{ revision: number }>('SELECT revision FROM events ORDER BY revision').all();
    expect(revisions.length).toBeGreaterThan(acknowledged);
    expect(revisions.map(({ revision }) => revision)).toEqual(revisions.map((_, index) => index));
    database.close();
  });
});

describe('transactions', () => {
  const withThings = (): Database => {
    const database = openSqlite('sqlite::memory:');
    database.exec('CREATE TABLE things (id INTEGER PRIMARY KEY)');
    return database;
  };
  const add = (database: Database, id: number): unknown => database.prepare('INSERT INTO things VALUES (?)').run(id);

  it('keep all or nothing', () => {
    const database = withThings();
    expect(() =>
      database.transaction(() => {
        add(database, 1);
        add(database, 1);
      }),
    ).toThrow('UNIQUE');
    expect(count(database, 'things')).toBe(0);
    expect(database.inTransaction).toBe(false);
    expect(database.transaction(() => add(database, 1))).toEqual({ changes: 1, lastInsertRowid: 1 });
    database.close();
  });

  it('nest: an inner one that fails is undone alone', () => {
    const database = withThings();
    database.transaction(() => {
      add(database, 1);
      expect(() =>
        database.transaction(() => {
          add(database, 2);
          throw new Error('inner');
        }),
      ).toThrow('inner');
      database.savepoint(() => add(database, 3));
    });
    expect(
      database
        .prepare<{ id: number }>('SELECT id FROM things')
        .all()
        .map(({ id }) => id),
    ).toEqual([1, 3]);
    database.close();
  });

  it('refuse work that would go on after they have ended', () => {
    const database = withThings();
    expect(() => database.transaction(() => Promise.resolve(add(database, 1)))).toThrow('must be synchronous');
    expect(count(database, 'things')).toBe(0);
    database.close();
  });
});

describe('a turn', () => {
  it('answers each piece of work with its own result', async () => {
    const database = openSqlite('sqlite::memory:');
    database.exec('CREATE TABLE things (id INTEGER PRIMARY KEY)');
    const add = (id: number): number => database.prepare('INSERT INTO things VALUES (?)').run(id).lastInsertRowid;
    const results = await Promise.allSettled([
      database.turn.run(() => add(7)),
      database.turn.run(() => {
        add(8);
        return add(7);
      }),
      database.turn.run(() => add(9)),
    ]);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'refused'))).toEqual([7, 'refused', 9]);
    expect(count(database, 'things')).toBe(2);
    database.close();
  });

  it('commits what is queued when the database closes, and takes nothing after', async () => {
    const database = openSqlite(url);
    database.exec('CREATE TABLE things (id INTEGER PRIMARY KEY)');
    const queued = database.turn.run(() => database.exec('INSERT INTO things VALUES (1)'));
    database.close();
    database.close();
    await queued;
    await expect(database.turn.run(() => 1)).rejects.toThrow('closed');
    const again = openSqlite(url);
    expect(count(again, 'things')).toBe(1);
    again.close();
  });
});

describe('a busy database', () => {
  it('has its pages moved into the file beside its own work, and leaves no write-ahead log behind', async () => {
    const database = openSqlite(url);
    database.exec('CREATE TABLE things (value TEXT NOT NULL) STRICT');
    const insert = database.prepare('INSERT INTO things (value) VALUES (?)');
    const turns = 200;
    for (let turn = 0; turn < turns; turn += 1) await database.turn.run(() => insert.run('x'.repeat(4_000)));
    // Far fewer pages than those at which the owner itself would begin to move them.
    const deadline = performance.now() + 10_000;
    while (statSync(file).size < turns * 4_000 && performance.now() < deadline) await sleep(20);
    expect(statSync(file).size).toBeGreaterThan(turns * 4_000);

    database.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    const again = openSqlite(url);
    expect(count(again, 'things')).toBe(turns);
    again.close();
  });
});
