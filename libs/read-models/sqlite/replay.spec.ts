import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { metadataOf } from '#libs/event-sourcing/command';
import { type DomainEvent, NO_STREAM, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { type Database, openSqlite } from '#libs/sqlite/database';
import { type Projection } from '../projection.ts';
import { type Counted, counters, type Faults, others } from '../testing/counters.ts';
import { type Sleep } from './serving.ts';
import { SqliteReadModels } from './sqlite-read-models.ts';

const streamOf = (counter: string): StreamName => `test.counter-${counter}` as StreamName;

let folder: string;
let database: Database;
let store: SqliteEventStore;
const opened: SqliteReadModels[] = [];
const heads = new Map<string, Revision>();

const open = (): void => {
  database = openSqlite(`sqlite:${join(folder, 'log.sqlite')}`);
  store = new SqliteEventStore(database);
};

const started = async (
  projections: readonly Projection[],
  options?: ConstructorParameters<typeof SqliteReadModels>[3],
): Promise<SqliteReadModels> => {
  const readModels = new SqliteReadModels(database, store, projections, options);
  opened.push(readModels);
  await readModels.start();
  return readModels;
};

const close = async (): Promise<void> => {
  for (const readModels of opened.splice(0)) await readModels.close();
  store.close();
};

/** As after the end of the process. */
const restarted = async (
  projections: readonly Projection[],
  options?: ConstructorParameters<typeof SqliteReadModels>[3],
): Promise<SqliteReadModels> => {
  await close();
  open();
  return started(projections, options);
};

const count = async (counter: string, by: number, text?: string): Promise<void> => {
  const head = heads.get(counter) ?? NO_STREAM;
  heads.set(counter, head + 1);
  const event: Counted = { type: 'Counted', data: { counter, by, ...(text === undefined ? {} : { text }) } };
  await store.append(streamOf(counter), [event], head, metadataOf(aCommand()));
};

const countMany = async (counterCount: number, times: number): Promise<void> => {
  for (let round = 0; round < times; round++)
    await Promise.all(Array.from({ length: counterCount }, (_, index) => count(`c${String(index)}`, round + index)));
};

const tables = (): readonly string[] =>
  database
    .prepare<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'documents%' ORDER BY name`)
    .all()
    .map(({ name }) => name);

const statusOf = async (readModels: SqliteReadModels, name: string) => {
  const found = (await readModels.status()).find(({ projection: one }) => one === name);
  if (!found) throw new Error(`no status of ${name}`);
  return found;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'read-models-'));
  heads.clear();
  open();
});
afterEach(async () => {
  await close();
  rmSync(folder, { recursive: true });
});

describe('a serving projection', () => {
  it('shows every command by the time it is answered', async () => {
    const readModels = await started([counters()]);
    const shown = readModels.of(counters());
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const counter = `c${String(index % 50)}-${String(index)}`;
        await count(counter, index);
        expect(await shown.get(counter)).toMatchObject({ sum: index });
      }),
    );
    expect((await shown.find({ limit: 1 })).total).toBe(300);
  });

  it('answers for one document what concerns it, whatever waits for others', async () => {
    const readModels = await started([counters(), others]);
    await Promise.all([count('a', 1), count('b', 2)]);
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 1 });
    await count('b', 4);
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 1 });
    expect(await readModels.of(counters()).get('b')).toMatchObject({ sum: 6 });
    await count('a', 8);
    expect(await readModels.of(counters()).all({ id: 'a' })).toMatchObject([{ sum: 9 }]);
    expect(await readModels.of(counters()).get('c')).toBeUndefined();
    await count('c', 1);
    expect(await readModels.of(counters()).get('c')).toMatchObject({ sum: 1 });
  });

  it('folds by itself what nobody asks about', async () => {
    await started([counters()]);
    await count('a', 1);
    const position = () => database.prepare<{ position: number }>('SELECT position FROM generations').get()?.position;
    expect(position()).toBe(0);
    while (position() === 0) await setTimeout(10);
    expect(position()).toBe(1);
    for (let n = 0; n < 500; n++) await count('a', 1);
    expect(position()).toBeGreaterThan(200);
  });

  it('catches up at the start with what was appended without it', async () => {
    await countMany(3, 2);
    let readModels = await started([counters()]);
    expect(await readModels.of(counters()).get('c2')).toMatchObject({ sum: 5 });
    await close();
    open();
    await count('c2', 10);
    readModels = await started([counters()]);
    expect(await readModels.of(counters()).get('c2')).toMatchObject({ sum: 15 });
    expect(tables()).toHaveLength(2);
  });

  it('answers nothing before it is started', async () => {
    const readModels = new SqliteReadModels(database, store, [counters()]);
    opened.push(readModels);
    await expect(readModels.of(counters()).get('a')).rejects.toMatchObject({ refusal: 'unavailable', code: 'projection-behind' });
    expect(await statusOf(readModels, 'counters')).toMatchObject({ state: 'building', generation: null });
  });

  it('answers 503 when its part of a turn is undone, follows the log until it is level, and harms nobody else', async () => {
    let wake = (): void => undefined;
    const sleep: Sleep = () => new Promise<void>((resolve) => (wake = resolve));
    const readModels = await started([counters(), others], { sleep });
    await count('a', 1);
    const { generation } = await statusOf(readModels, 'counters');
    database.exec(
      `CREATE TRIGGER fault BEFORE UPDATE ON documents_${String(generation)} BEGIN SELECT raise(ABORT, 'a fault of the disk'); END`,
    );
    await count('a', 2);
    expect(await readModels.of(others).get('a')).toMatchObject({ kinds: 2 });
    await expect(readModels.of(counters()).get('a')).rejects.toMatchObject({ refusal: 'unavailable', code: 'projection-behind' });
    await count('a', 4);
    expect(await statusOf(readModels, 'counters')).toMatchObject({
      state: 'behind',
      lag: 2,
      error: expect.stringContaining('a fault of the disk'),
    });

    database.exec('DROP TRIGGER fault');
    wake();
    while ((await statusOf(readModels, 'counters')).state === 'behind') await nextTurn();
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 7 });
    await count('a', 8);
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 15 });
  });

  it('is as it was when a whole turn fails', async () => {
    const readModels = await started([counters()]);
    await count('a', 1);
    database.exec(`CREATE TRIGGER fault BEFORE INSERT ON events BEGIN SELECT raise(ROLLBACK, 'no room'); END`);
    await expect(count('a', 2)).rejects.toThrow('no room');
    database.exec('DROP TRIGGER fault');
    heads.set('a', 0);
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 1 });
    await count('a', 4);
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 5 });
  });
});

describe('a raised version', () => {
  it('is built from the beginning beside the older one, which goes after the flip', async () => {
    await started([counters()]);
    await countMany(4, 3);
    const [old] = tables();
    const readModels = await restarted([counters(2)]);
    expect(await readModels.of(counters(2)).get('c3')).toMatchObject({ sum: 12, version: 2 });
    while (tables().length > 2) await nextTurn();
    expect(tables()).not.toContain(old);
  });

  it('cannot be asked for with another version of the projection', async () => {
    const readModels = await started([counters(2)]);
    expect(() => readModels.of(counters())).toThrow(TypeError);
  });
});

describe('read models that do not belong to the log', () => {
  it('refuse to start over another log, and say what to do', async () => {
    await started([counters()]);
    database.exec(`UPDATE generations SET log_id = 'another'`);
    await expect(restarted([counters()])).rejects.toThrow(/was built from the log another.*DELETE FROM generations/);
  });

  it.each([
    ['as the message says', 'DELETE FROM generations'],
    ['tables and all', 'DROP TABLE generations; DROP TABLE generation_heads; DROP TABLE generation_alarms'],
    ['down to the last document', 'DROP TABLE generations; DROP TABLE documents_1; DROP TABLE documents_1_members'],
  ])('are built anew once they are deleted, %s', async (_how, deletion) => {
    const before = await started([counters()]);
    await countMany(3, 4);
    const bytes = before.documents('counters').bytes();
    database.exec(`${deletion}`);
    const after = await restarted([counters()]);
    expect(after.documents('counters').bytes()).toEqual(bytes);
    await after.replay('counters');
    const { table } = after.documents('counters');
    expect(tables()).toEqual([table, `${table}_members`]);
  });

  it('refuse to start ahead of the log, and say what to do', async () => {
    await started([counters()]);
    database.exec('UPDATE generations SET position = 9');
    await expect(restarted([counters()])).rejects.toThrow(/position 9, but the log ends at 0.*backup/);
  });
});

describe('replaying a projection', () => {
  it('ends in the same bytes in a new generation, and drops the old one', async () => {
    const readModels = await started([counters(), others]);
    await countMany(40, 5);
    const before = readModels.documents('counters').bytes();
    const { generation } = await statusOf(readModels, 'counters');
    await readModels.replay('counters');
    expect(readModels.documents('counters').bytes()).toEqual(before);
    expect(tables()).not.toContain(`documents_${String(generation)}`);
    expect(tables()).toHaveLength(4);
  });

  it('leaves the serving rows complete and current all the while', async () => {
    const readModels = await started([counters()], { limits: { held: 50, flushMs: 1 } });
    await countMany(400, 3);
    const { generation: before } = await statusOf(readModels, 'counters');
    let running = true;
    const replay = readModels.replay('counters').finally(() => (running = false));
    let asked = 0;
    while (running) {
      asked += 1;
      await count('c7', 1_000);
      const shown = readModels.of(counters());
      expect((await shown.find({ limit: 1 })).total).toBe(400);
      expect(await shown.get('c7')).toMatchObject({ sum: 24 + asked * 1_000 });
    }
    await replay;
    expect(asked).toBeGreaterThan(5);
    expect(await statusOf(readModels, 'counters')).not.toMatchObject({ generation: before });
    await count('c7', 1);
    expect(await readModels.of(counters()).get('c7')).toMatchObject({ sum: 25 + asked * 1_000 });
  });

  it('tells how far it is', async () => {
    const readModels = await started([counters()]);
    await countMany(1_000, 8);
    const replay = readModels.replay('counters');
    const seen: (number | undefined)[] = [];
    for (let progress = (await statusOf(readModels, 'counters')).progress; progress;) {
      if (seen.at(-1) !== progress.done) seen.push(progress.done);
      if (progress.done > 0) {
        expect(progress.total).toBe(8_000);
        expect(progress.eventsPerSecond).toBeGreaterThan(0);
        expect(progress.secondsLeft).toBeGreaterThanOrEqual(0);
      }
      await nextTurn();
      ({ progress } = await statusOf(readModels, 'counters'));
    }
    await replay;
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual(seen.toSorted((a, b) => Number(a) - Number(b)));
  });

  it('runs once per name at a time', async () => {
    const readModels = await started([counters()]);
    await countMany(10, 1);
    const replay = readModels.replay('counters');
    await expect(readModels.replay('counters')).rejects.toMatchObject({ refusal: 'conflict', code: 'replay-running' });
    await replay;
    await readModels.replay('counters');
  });

  it('refuses an unknown name', async () => {
    const readModels = await started([counters()]);
    await expect(readModels.replay('customers')).rejects.toMatchObject({ refusal: 'not-found' });
  });

  it('is given up when aborted', async () => {
    const readModels = await started([counters()], { limits: { held: 50, flushMs: 1 } });
    await countMany(400, 3);
    const { generation } = await statusOf(readModels, 'counters');
    const abort = new AbortController();
    const replay = readModels.replay('counters', abort.signal);
    await nextTurn();
    abort.abort(new Error('never mind'));
    await expect(replay).rejects.toThrow('never mind');
    expect(await statusOf(readModels, 'counters')).toMatchObject({ generation, state: 'serving', progress: null });
    await readModels.replay('counters');
    expect(tables()).toHaveLength(2);
  });

  it('goes on after a crash from where it was stored', async () => {
    const limits = { held: 50, flushMs: 1 };
    let readModels = await started([counters()], { limits });
    await countMany(400, 5);
    const before = readModels.documents('counters').bytes();
    const { generation } = await statusOf(readModels, 'counters');
    const replay = readModels.replay('counters');
    const stored = (): number =>
      database.prepare<{ position: number }>(`SELECT position FROM generations WHERE state = 'building'`).get()?.position ?? 0;
    while (stored() === 0) await nextTurn();
    await Promise.all([expect(replay).rejects.toThrow('closed'), close()]);

    open();
    expect(stored()).toBeGreaterThan(0);
    expect(stored()).toBeLessThan(2_000);
    readModels = await started([counters()], { limits });
    expect(readModels.documents('counters').bytes()).toEqual(before);
    while ((await statusOf(readModels, 'counters')).generation === generation) await nextTurn();
    expect(readModels.documents('counters').bytes()).toEqual(before);
  });

  it('folds nothing twice when the crash fell between the documents and the position', async () => {
    const limits = { held: 50, flushMs: 1 };
    let readModels = await started([counters()], { limits });
    await countMany(400, 5);
    const before = readModels.documents('counters').bytes();
    const replay = readModels.replay('counters');
    const written = (): boolean => {
      const row = database.prepare<{ generation: number }>(`SELECT generation FROM generations WHERE state = 'building'`).get();
      return (
        row !== undefined && database.prepare(`SELECT 1 FROM documents_${String(row.generation)} LIMIT 1`).get() !== undefined
      );
    };
    while (!written()) await nextTurn();
    await Promise.all([expect(replay).rejects.toThrow('closed'), close()]);
    open();
    database.exec(`UPDATE generations SET position = 0 WHERE state = 'building'; DELETE FROM generation_heads`);
    const { generation } = {
      generation: database.prepare<{ generation: number }>(`SELECT generation FROM generations WHERE state = 'building'`).get()
        ?.generation,
    };
    readModels = await started([counters()], { limits });
    while ((await statusOf(readModels, 'counters')).generation !== generation) await nextTurn();
    expect(readModels.documents('counters').bytes()).toEqual(before);
  });

  it('does not flip when a stream does not begin at revision 0', async () => {
    const readModels = await started([counters()]);
    await countMany(5, 3);
    const { generation } = await statusOf(readModels, 'counters');
    database.exec(`DELETE FROM events WHERE stream = 'test.counter-c3' AND revision = 0`);
    await expect(readModels.replay('counters')).rejects.toMatchObject({
      code: 'replay-incomplete',
      message: expect.stringContaining('test.counter-c3 (the stream begins at revision 1 instead of 0)'),
    });
    expect(await statusOf(readModels, 'counters')).toMatchObject({ generation, state: 'serving' });
    expect(await readModels.of(counters()).get('c3')).toMatchObject({ sum: 12 });
  });

  it('is refused at the start too: a new projection of a damaged log does not serve', async () => {
    await countMany(5, 3);
    database.exec(`DELETE FROM events WHERE stream = 'test.counter-c3' AND revision = 1`);
    await expect(started([counters()])).rejects.toThrow(/test\.counter-c3 \(revision 2 follows revision 0\).*Restore the log/);
  });
});

/** What waits behind an event whose row cannot be computed may make it computable again. */
describe.each<[string, Faults, number]>([
  ['its part', { evolve: 'poison' }, 1],
  ['its row', { row: 'poison' }, 0],
])('an event that %s cannot take', (_, faults, remaining) => {
  const poisoned = async (): Promise<SqliteReadModels> => {
    const readModels = await started([counters(1, faults), others]);
    await count('a', 1);
    await count('b', 1);
    await count('a', 2, 'poison');
    // Asked right here: folded together with the event behind it, the row would never have been computed.
    expect(await readModels.quarantined()).toHaveLength(1);
    await count('a', 4);
    await count('b', 2);
    return readModels;
  };

  it('is listed, and everything else goes on', async () => {
    const readModels = await poisoned();
    expect(await readModels.quarantined()).toEqual([
      {
        projection: 'counters',
        document: 'a',
        part: 'own',
        stream: 'test.counter-a',
        revision: 1,
        error: expect.stringContaining('cannot'),
      },
    ]);
    expect((await statusOf(readModels, 'counters')).quarantined).toBe(1);
    expect(await readModels.of(counters()).get('b')).toMatchObject({ sum: 3 });
    expect(await readModels.of(others).get('a')).toMatchObject({ kinds: 3 });
  });

  it('waits on while it cannot be folded', async () => {
    const readModels = await poisoned();
    expect(await readModels.retry()).toEqual({ retried: 1, remaining });
    expect(await readModels.quarantined()).toHaveLength(remaining);
  });

  it('is folded by a retry after the fix, as if it had never failed', async () => {
    await poisoned();
    const readModels = await restarted([counters(), others]);
    await expect(readModels.of(counters()).get('a')).rejects.toMatchObject({ code: 'row-quarantined' });
    expect(await readModels.retry('counters')).toEqual({ retried: 1, remaining: 0 });
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 7 });
    const retried = readModels.documents('counters').bytes();
    await readModels.replay('counters');
    expect(readModels.documents('counters').bytes()).toEqual(retried);
    expect(await readModels.quarantined()).toEqual([]);
  });

  it('does not keep the others from being rebuilt', async () => {
    const readModels = await poisoned();
    await count('c', 1, 'poison');
    await readModels.replay('counters');
    expect((await readModels.quarantined()).map(({ document }) => document)).toContain('c');
    expect(await readModels.of(counters()).get('b')).toMatchObject({ sum: 3 });
  });
});

describe('an event whose document cannot be told', () => {
  it('stops its stream with an alarm, until a retry after the fix', async () => {
    let readModels = await started([counters(1, { document: 'poison' })]);
    await count('a', 1);
    await count('a', 2, 'poison');
    await count('a', 4);
    await count('b', 1);
    const alarm = { projection: 'counters', document: null, part: null, stream: 'test.counter-a', revision: 1 };
    expect(await readModels.quarantined()).toMatchObject([alarm]);
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 1 });
    expect(await readModels.of(counters()).get('b')).toMatchObject({ sum: 1 });
    expect(await readModels.retry()).toEqual({ retried: 1, remaining: 1 });

    readModels = await restarted([counters()]);
    await count('a', 8);
    expect(await readModels.quarantined()).toMatchObject([alarm]);
    expect(await readModels.retry()).toEqual({ retried: 1, remaining: 0 });
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 15 });
    await count('a', 16);
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 31 });
    expect(await readModels.quarantined()).toEqual([]);
  });
});

describe('an event in quarantine whose type has been retired', () => {
  it('is retried in today’s language', async () => {
    await started([counters(1, { evolve: 'poison' })]);
    await count('a', 1);
    await count('a', 2, 'poison');
    await close();
    database = openSqlite(`sqlite:${join(folder, 'log.sqlite')}`);
    const upcast = ({ text: _, ...data }: Counted['data']): DomainEvent => ({ type: 'Tallied', data });
    store = new SqliteEventStore(database, { upcasters: { Counted: upcast } });
    const readModels = await started([counters(1, { evolve: 'poison' })]);
    expect(await readModels.retry()).toEqual({ retried: 1, remaining: 0 });
    expect(await readModels.of(counters()).get('a')).toMatchObject({ sum: 3 });
  });
});

describe('what cannot be retried', () => {
  it('is a projection that is not there', async () => {
    const readModels = await started([counters()]);
    await expect(readModels.retry('customers')).rejects.toMatchObject({ refusal: 'not-found' });
  });
});
