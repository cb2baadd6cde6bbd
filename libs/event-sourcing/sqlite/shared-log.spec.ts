import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Readable, type Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openSqlite } from '#libs/sqlite/database';
import { StorageError } from '#libs/sqlite/storage-error';
import { metadataOf } from '../command.ts';
import { type Category, NO_STREAM, type Recorded, type StreamName } from '../event.ts';
import { RevisionConflict } from '../event-store.ts';
import { aCommand } from '../testing/command.ts';
import { SqliteEventStore } from './sqlite-event-store.ts';

const root = mkdtempSync(join(tmpdir(), 'tributary-shared-'));
afterAll(() => {
  rmSync(root, { recursive: true });
});

let file: string;
let url: string;
beforeEach(() => {
  file = join(mkdtempSync(join(root, 'case-')), 'log.db');
  url = `sqlite:${file}`;
});

type Peer = ChildProcessByStdio<Writable, Readable, null>;

/** Resolves once the process has opened the log; `go` lets it begin. */
const peer = async (
  ...told: readonly (string | number)[]
): Promise<Readonly<{ process: Peer; go: () => void; ended: Promise<unknown> }>> => {
  const script = join(import.meta.dirname, 'testing', 'shared-log-process.ts');
  const flags = ['--experimental-transform-types', '--conditions=tributary', '--no-warnings'];
  const process_ = spawn(process.execPath, [...flags, script, ...told.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(process_, 'exit').then(([code, signal]: (number | string | null)[]) => code ?? signal);
  await once(process_.stdout, 'data');
  return { process: process_, go: () => process_.stdin.write('go\n'), ended };
};

const opened = (): Readonly<{ database: Database; store: SqliteEventStore }> => {
  const database = openSqlite(url, { shared: true });
  return { database, store: new SqliteEventStore(database) };
};
const NOTES = 'test.note' as Category;
const stream = (id: string): StreamName => `test.note-${id}` as StreamName;
const noted = { type: 'Noted', data: {} };
const metadata = () => metadataOf(aCommand());

describe('a log that several processes share', () => {
  it('is followed live by a third: in store order, every event once', async () => {
    const { store } = opened();
    const each = 400;
    const peers = await Promise.all(['left', 'right'].map((name) => peer('append', url, name, each, 100)));
    for (const { go } of peers) go();
    const seen: Recorded[] = [];
    let live = 0;
    for await (const event of store.subscribe([NOTES], 'start', new AbortController().signal)) {
      if (event === 'caught-up') live += 1;
      else seen.push(event);
      if (seen.length === 2 * each) break;
    }
    expect(await Promise.all(peers.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(seen.map(({ position }) => position)).toEqual(seen.map((_, index) => index + 1));
    for (const name of ['left', 'right'])
      expect(seen.filter((event) => event.stream === stream(name)).map(({ revision }) => revision)).toEqual(
        Array.from({ length: each }, (_, revision) => revision),
      );
    const switches = seen.filter((event, index) => index > 0 && event.stream !== seen[index - 1]?.stream);
    expect(switches.length).toBeGreaterThan(5);
    expect(live).toBeGreaterThan(5);
    store.close();
  });

  it('loses and doubles no command of two processes on one stream', async () => {
    const [commands, keyed] = [200, 50];
    const peers = await Promise.all([1, 2].map(() => peer('count', url, commands, keyed)));
    for (const { go } of peers) go();
    expect(await Promise.all(peers.map(({ ended }) => ended))).toEqual([0, 0]);
    const { store } = opened();
    const { events } = await store.read('test.counter-one' as StreamName);
    expect(events.map(({ data }) => data)).toEqual(Array.from({ length: 2 * commands + keyed }, (_, n) => ({ n: n + 1 })));
    store.close();
  });

  it('goes on when a process is killed in the midst of its writing', async () => {
    const { store } = opened();
    const [killed, other] = await Promise.all(['killed', 'other'].map((name) => peer('append', url, name, 300, 20_000)));
    killed?.go();
    other?.go();
    while ((await store.read(stream('killed'))).revision < 20) await sleep(2);
    killed?.process.kill('SIGKILL');
    expect(await Promise.all([killed?.ended, other?.ended])).toEqual(['SIGKILL', 0]);
    expect((await store.read(stream('other'))).revision).toBe(299);
    await store.append(stream('mine'), [noted], NO_STREAM, metadata());
    store.close();
  });

  it('keeps its write-ahead log short while two processes write without a pause', async () => {
    const { store } = opened();
    const [events, bytes] = [1_500, 50_000];
    const peers = await Promise.all(['left', 'right'].map((name) => peer('append', url, name, events, bytes)));
    for (const { go } of peers) go();
    let writing = true;
    const ended = Promise.all(peers.map((one) => one.ended)).finally(() => (writing = false));
    let longest = 0;
    while (writing) {
      longest = Math.max(longest, statSync(`${file}-wal`).size);
      await sleep(20);
    }
    expect(await ended).toEqual([0, 0]);
    const written = 2 * events * bytes;
    expect(statSync(file).size).toBeGreaterThan(written / 2);
    expect(longest).toBeLessThan(0.75 * written);
    store.close();
  });
});

describe('two who share a log', () => {
  it('know a lost race: one wins, nothing else is written', async () => {
    const [one, other] = [opened(), opened()];
    expect(other.store.logId).toBe(one.store.logId);
    for (let expected = NO_STREAM; expected < 20; expected++) {
      const race = await Promise.allSettled(
        [one, other].map(({ store }) => store.append(stream('a'), [noted, noted], 2 * expected + 1, metadata())),
      );
      expect(race.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      for (const loser of race) if (loser.status === 'rejected') expect(loser.reason).toBeInstanceOf(RevisionConflict);
    }
    expect(await one.store.head()).toBe(42);
    one.store.close();
    other.store.close();
  });

  it('wait for each other while everything else of the process goes on', async () => {
    const [one, other] = [opened(), opened()];
    other.database.exec('BEGIN IMMEDIATE');
    let answered = false;
    const appending = one.store.append(stream('a'), [noted], NO_STREAM, metadata()).then(() => (answered = true));
    const before = performance.now();
    await sleep(100);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(answered).toBe(false);
    expect(await one.store.head()).toBe(0);
    other.database.exec('COMMIT');
    await appending;
    expect(await other.store.head()).toBe(1);
    one.store.close();
    other.store.close();
  });

  it('say so after five seconds of waiting, keep nothing of the command and go on', async () => {
    const [one, other] = [opened(), opened()];
    other.database.exec('BEGIN IMMEDIATE');
    const refused = Promise.allSettled(['a', 'b'].map((id) => one.store.append(stream(id), [noted], NO_STREAM, metadata())));
    for (const result of await refused)
      expect(result).toMatchObject({ reason: { name: 'DomainError', refusal: 'unavailable', code: 'event-store-busy' } });
    other.database.exec('ROLLBACK');
    expect((await one.store.append(stream('a'), [noted], NO_STREAM, metadata())).position).toBe(1);
    one.store.close();
    other.store.close();
  });

  it('are refused by one who has the log alone, and keep it out', () => {
    const faultOf = (work: () => Database): unknown => {
      try {
        work().close();
        return 'none';
      } catch (error) {
        return error instanceof StorageError ? error.fault : error;
      }
    };
    const alone = openSqlite(url);
    expect(faultOf(() => openSqlite(url, { shared: true }))).toBe('locked');
    alone.close();
    const [one, other] = [opened(), opened()];
    one.store.close();
    expect(faultOf(() => openSqlite(url))).toBe('locked');
    other.store.close();
    expect(faultOf(() => openSqlite(url))).toBe('none');
  });
});
