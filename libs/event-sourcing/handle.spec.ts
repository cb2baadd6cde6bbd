import { describe, expect, it, jest } from '@jest/globals';
import { openSqlite } from '#libs/sqlite/database';
import { decider } from './decider.ts';
import { DomainError, type Refusal } from './domain-error.ts';
import { type CommandId, type DomainEvent, NO_STREAM, type Recorded, type Revision } from './event.ts';
import { type EventStore, RevisionConflict } from './event-store.ts';
import { handle, present } from './handle.ts';
import { metadataOf } from './command.ts';
import { SqliteEventStore } from './sqlite/sqlite-event-store.ts';
import { aCommand } from './testing/command.ts';
import { notingWrites, type Write } from './writes.ts';

type AccountEvent = DomainEvent<'Opened', { owner: string }> | DomainEvent<'Deposited', { amount: number }>;
type Account = Readonly<{ owner?: string; balance: number; touchedAt?: Revision }>;

const folded: string[] = [];
const account = decider<Account, AccountEvent>('test.account', { balance: 0 }, (state, { type, data }, revision) => {
  folded.push(type);
  switch (type) {
    case 'Opened':
      return { ...state, owner: data.owner, touchedAt: revision };
    case 'Deposited':
      return { ...state, balance: state.balance + data.amount, touchedAt: revision };
    default:
      throw new Error(`An account knows no ${String(type)}.`);
  }
});

const open =
  (owner: string) =>
  (state: Account): AccountEvent[] => {
    if (state.owner === owner) return [];
    if (state.owner !== undefined) throw new DomainError('conflict', 'account-exists', 'It is open already.');
    return [{ type: 'Opened', data: { owner } }];
  };
const deposit =
  (amount: number) =>
  (state: Account): AccountEvent[] => {
    if (amount <= 0) throw new DomainError('rejected', 'amount-not-positive', 'Deposit something.');
    if (state.owner === undefined) throw new DomainError('not-found', 'account-unknown', 'Open it first.');
    return [{ type: 'Deposited', data: { amount } }];
  };
const nothing = (): AccountEvent[] => [];

const opened = (): SqliteEventStore => new SqliteEventStore(openSqlite('sqlite::memory:'));
const run = (store: EventStore, decision: (state: Account) => AccountEvent[], command = aCommand()) =>
  handle(store, account, '1', decision, { command });
const keyed = (bodyHash = 'b'.repeat(64)) => aCommand({ keyed: true, bodyHash });
const refusal = (kind: Refusal, code: string) => expect.objectContaining({ refusal: kind, code });
const stream = account.stream('1');
const types = async (store: EventStore): Promise<string[]> => (await store.read(stream)).events.map(({ type }) => type);

/** A store as seen by a process that was slow: each append comes after `first` had its way. */
const overtaken = (store: EventStore, first: () => Promise<unknown>, times = 1): EventStore => {
  let left = times;
  return {
    logId: store.logId,
    read: (...given) => store.read(...given),
    append: (...given) => store.append(...given),
    appendBatches: async (...given) => {
      if (left-- > 0) await first();
      return store.appendBatches(...given);
    },
    subscribe: (...given) => store.subscribe(...given),
    head: () => store.head(),
  };
};

describe('handling a command', () => {
  it('appends what is decided and answers with the state, revision and position after it', async () => {
    const store = opened();
    const command = aCommand();
    const handled = await run(store, open('Ann'), command);
    expect(handled).toMatchObject({ state: { owner: 'Ann', balance: 0 }, revision: 0, position: 1 });
    expect(handled.events).toEqual((await store.read(stream)).events);
    expect(handled.events[0]?.metadata).toEqual(metadataOf(command));
    expect(handled.events[0]?.metadata).not.toHaveProperty('keyed');
    expect(await run(store, deposit(5))).toMatchObject({ state: { balance: 5, touchedAt: 1 }, revision: 1 });
    store.close();
  });

  it('appends nothing for "already so" without a key', async () => {
    const store = opened();
    await run(store, open('Ann'));
    expect(await run(store, open('Ann'))).toEqual({
      state: { owner: 'Ann', balance: 0, touchedAt: 0 },
      revision: 0,
      position: null,
      events: [],
    });
    expect(await run(opened(), nothing)).toMatchObject({ revision: NO_STREAM, position: null });
    expect(await types(store)).toEqual(['Opened']);
    store.close();
  });

  it('passes a refusal on and appends nothing', async () => {
    const store = opened();
    await expect(run(store, deposit(5))).rejects.toEqual(refusal('not-found', 'account-unknown'));
    expect(await store.head()).toBe(0);
    store.close();
  });

  it('decides a lost race again, on fresh state', async () => {
    const store = opened();
    await run(store, open('Ann'));
    const slow = overtaken(store, () => run(store, deposit(10)), 3);
    expect(await run(slow, deposit(1))).toMatchObject({ state: { balance: 31 }, revision: 4 });
    const late = overtaken(opened(), () => Promise.resolve());
    await expect(run(late, deposit(1))).rejects.toEqual(refusal('not-found', 'account-unknown'));
    store.close();
  });

  it('refuses, on fresh state, what another writer has made impossible', async () => {
    const store = opened();
    const slow = overtaken(store, () => run(store, open('Bob')));
    await expect(run(slow, open('Ann'))).rejects.toEqual(refusal('conflict', 'account-exists'));
    store.close();
  });

  it('sees what others append beside it, also when nothing is to be decided', async () => {
    const store = opened();
    await run(store, open('Ann'));
    await store.append(stream, [{ type: 'Deposited', data: { amount: 7 } }], 0, metadataOf(aCommand()));
    expect(await run(store, nothing)).toMatchObject({ state: { balance: 7 }, revision: 1 });
    store.close();
  });

  it('folds each event once or twice, however many commands come', async () => {
    const store = opened();
    await run(store, open('Ann'));
    folded.length = 0;
    for (let n = 0; n < 50; n++) await run(store, deposit(1));
    expect(folded.length).toBeLessThanOrEqual(100);
    store.close();
  });

  it('gives up on a store that never lets it win', async () => {
    const store = opened();
    const never: EventStore = {
      ...overtaken(store, () => Promise.resolve()),
      appendBatches: () => Promise.reject(new RevisionConflict(stream, 0)),
    };
    await expect(run(never, open('Ann'))).rejects.toEqual(refusal('unavailable', 'stream-busy'));
    store.close();
  });
});

describe('commands at the same time', () => {
  it('1,000 on one stream all succeed and none is lost', async () => {
    const store = opened();
    await run(store, open('Ann'));
    const append = jest.spyOn(store, 'appendBatches');
    const handled = await Promise.all(Array.from({ length: 1_000 }, () => run(store, deposit(1))));
    expect(new Set(handled.map(({ revision }) => revision)).size).toBe(1_000);
    expect(handled.map(({ state }) => state.balance)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
    expect(handled.every(({ events, revision }) => events.length === 1 && events[0]?.revision === revision)).toBe(true);
    expect((await run(store, nothing)).state.balance).toBe(1_000);
    expect(append.mock.calls.length).toBeLessThanOrEqual(3);
    store.close();
  });

  it('1,000 from two processes’ points of view all succeed', async () => {
    const store = opened();
    const other = overtaken(store, () => Promise.resolve());
    await run(store, open('Ann'));
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => run(n % 2 === 0 ? store : other, deposit(1))));
    expect((await run(store, nothing)).state.balance).toBe(1_000);
    store.close();
  });

  it('each decides on what those before it leave', async () => {
    const store = opened();
    const results = await Promise.allSettled([
      run(store, deposit(1)),
      run(store, open('Ann')),
      run(store, open('Bob')),
      run(store, deposit(2)),
      run(store, nothing),
      run(store, deposit(-1)),
      run(store, deposit(3)),
    ]);
    expect(
      results.map((result) => (result.status === 'fulfilled' ? result.value.state.balance : (result.reason as DomainError).code)),
    ).toEqual(['account-unknown', 0, 'account-exists', 2, 2, 'amount-not-positive', 5]);
    expect(await types(store)).toEqual(['Opened', 'Deposited', 'Deposited']);
    store.close();
  });

  it('nobody is answered, refused or told "already so" from what is not committed', async () => {
    const store = opened();
    const broken: EventStore = {
      ...overtaken(store, () => Promise.resolve()),
      appendBatches: () => Promise.reject(new Error('disk on fire')),
    };
    const results = await Promise.allSettled([run(broken, open('Ann')), run(broken, open('Bob')), run(broken, open('Ann'))]);
    expect(results.map((result) => result.status === 'rejected' && String(result.reason))).toEqual(
      Array.from({ length: 3 }, () => 'Error: disk on fire'),
    );
    expect(await run(store, open('Bob'))).toMatchObject({ state: { owner: 'Bob' }, revision: 0 });
    store.close();
  });

  it('one that the store cannot take fails alone', async () => {
    const store = opened();
    const results = await Promise.allSettled([
      run(store, open('Ann')),
      run(store, () => [{ type: 'Deposited', data: { amount: Number.NaN } }]),
      run(store, deposit(2)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await types(store)).toEqual(['Opened', 'Deposited']);
    store.close();
  });

  it('one whose event cannot be folded fails alone', async () => {
    const store = opened();
    const unknown = (() => [
      { type: 'Deposited', data: { amount: 1 } },
      { type: 'Unheard', data: {} },
    ]) as unknown as () => AccountEvent[];
    const results = await Promise.allSettled([run(store, open('Ann')), run(store, unknown), run(store, deposit(2))]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[2]).toMatchObject({ value: { state: { balance: 2 }, revision: 1 } });
    store.close();
  });
});

describe('a stream that holds an event which cannot be folded', () => {
  it('takes no command, however many come: none decides as if the event had not happened', async () => {
    const store = opened();
    await run(store, open('Ann'));
    await store.append(stream, [{ type: 'Unheard', data: {} }], 0, metadataOf(aCommand()));
    for (let again = 0; again < 2; again++) {
      await expect(run(store, deposit(1))).rejects.toThrow('An account knows no Unheard.');
      await expect(present(store, account, '1')).rejects.toThrow('An account knows no Unheard.');
    }
    expect(await types(store)).toEqual(['Opened', 'Unheard']);
    store.close();
  });
});

describe('If-Match', () => {
  const expected = (revision: Revision) => ({ revision, of: ({ touchedAt }: Account) => touchedAt });
  const matching = (store: EventStore, revision: Revision, decision: (state: Account) => AccountEvent[]) =>
    handle(store, account, '1', decision, { command: aCommand(), expected: expected(revision) });

  it('lets the present revision of the entity through', async () => {
    const store = opened();
    await run(store, open('Ann'));
    await run(store, nothing, keyed());
    expect(await matching(store, 0, deposit(1))).toMatchObject({ revision: 2 });
    store.close();
  });

  it('refuses any other as stale', async () => {
    const store = opened();
    await run(store, open('Ann'));
    await run(store, deposit(1));
    for (const wrong of [-1, 0, 2])
      await expect(matching(store, wrong, deposit(1))).rejects.toEqual(refusal('stale', 'revision-stale'));
    expect(await store.head()).toBe(2);
    store.close();
  });

  it('is judged anew when a race was lost', async () => {
    const store = opened();
    await run(store, open('Ann'));
    await expect(
      matching(
        overtaken(store, () => run(store, deposit(9))),
        0,
        deposit(1),
      ),
    ).rejects.toEqual(refusal('stale', 'revision-stale'));
    const unrelated = overtaken(store, () => run(store, nothing, keyed()));
    expect(await matching(unrelated, 1, deposit(1))).toMatchObject({ state: { balance: 10 } });
    store.close();
  });

  it('leaves it to the decision to say that there is no such entity', async () => {
    const store = opened();
    await expect(matching(store, 0, deposit(1))).rejects.toEqual(refusal('not-found', 'account-unknown'));
    await expect(matching(store, 0, open('Ann'))).rejects.toEqual(refusal('stale', 'revision-stale'));
    store.close();
  });

  it('of two writers on one revision lets one through', async () => {
    const store = opened();
    await run(store, open('Ann'));
    const results = await Promise.allSettled([matching(store, 0, deposit(1)), matching(store, 0, deposit(2))]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect((await run(store, nothing)).state.balance).toBe(1);
    store.close();
  });
});

describe('a command that comes again', () => {
  it('is answered as it was the first time, whatever happened since', async () => {
    const store = opened();
    await run(store, open('Ann'));
    const command = keyed();
    const first = await run(store, deposit(5), command);
    await run(store, deposit(100));
    expect(await run(store, deposit(5), command)).toEqual(first);
    const restarted = overtaken(store, () => Promise.resolve());
    expect(await run(restarted, deposit(5), command)).toEqual(first);
    expect((await run(store, nothing)).state.balance).toBe(105);
    store.close();
  });

  it('is found however many of it come at once', async () => {
    const store = opened();
    await run(store, open('Ann'));
    const command = keyed();
    const other = overtaken(store, () => Promise.resolve());
    const all = await Promise.all(Array.from({ length: 40 }, (_, n) => run(n % 2 === 0 ? store : other, deposit(5), command)));
    for (const handled of all) expect(handled).toEqual(all[0]);
    expect((await run(store, nothing)).state.balance).toBe(5);
    store.close();
  });

  it('does nothing late that it had found already done', async () => {
    const store = opened();
    await run(store, open('Ann'));
    const command = keyed();
    const whenEmpty = ({ balance }: Account): AccountEvent[] => (balance > 0 ? [{ type: 'Deposited', data: { amount: 1 } }] : []);
    const first = await run(store, whenEmpty, command);
    expect(first).toMatchObject({ revision: 1, state: { balance: 0, touchedAt: 0 } });
    expect(await types(store)).toEqual(['Opened', 'CommandAccepted']);
    await run(store, deposit(5));
    expect(await run(store, whenEmpty, command)).toEqual(first);
    expect((await run(store, nothing)).state.balance).toBe(5);
    store.close();
  });

  it('is answered before its old If-Match is judged', async () => {
    const store = opened();
    await run(store, open('Ann'));
    const options = { command: keyed(), expected: { revision: 0, of: ({ touchedAt }: Account) => touchedAt } };
    const first = await handle(store, account, '1', deposit(5), options);
    expect(await handle(store, account, '1', deposit(5), options)).toEqual(first);
    store.close();
  });

  it('may try again after a refusal', async () => {
    const store = opened();
    const command = keyed();
    await expect(run(store, deposit(5), command)).rejects.toThrow(DomainError);
    await run(store, open('Ann'));
    expect(await run(store, deposit(5), command)).toMatchObject({ state: { balance: 5 } });
    store.close();
  });

  it('is refused with another body', async () => {
    const store = opened();
    await run(store, open('Ann'));
    const command = keyed();
    await run(store, deposit(5), command);
    const reused = run(store, deposit(6), { ...command, bodyHash: 'c'.repeat(64) });
    await expect(reused).rejects.toEqual(refusal('rejected', 'idempotency-key-reused'));
    store.close();
  });
});

describe('looking at the present', () => {
  it('shows the state, the revision and which commands the stream holds', async () => {
    const store = opened();
    const command = aCommand();
    expect(await present(store, account, '1')).toMatchObject({ state: { balance: 0 }, revision: NO_STREAM });
    await run(store, open('Ann'), command);
    const { state, revision, holds } = await present(store, account, '1');
    expect([state.owner, revision, holds(command.id), holds(aCommand().id as CommandId)]).toEqual(['Ann', 0, true, false]);
    store.close();
  });

  it('is the whole stream also when a round fails while it is being read', async () => {
    const store = opened();
    await run(store, open('Ann'));
    let wrecked: Promise<unknown> = Promise.resolve();
    let slow = false;
    const wrecking: EventStore = {
      ...overtaken(store, () => Promise.reject(new Error('the disk is gone'))),
      read: async (...given) => {
        const waits = slow;
        slow = false;
        const found = await store.read(...given);
        if (waits) await wrecked.catch(() => undefined);
        return found as never;
      },
    };
    await present(wrecking, account, '1');
    wrecked = run(wrecking, deposit(1));
    slow = true;
    const looking = present(wrecking, account, '1');
    await expect(wrecked).rejects.toThrow('the disk is gone');
    expect(await looking).toMatchObject({ state: { owner: 'Ann', balance: 0 }, revision: 0 });
    store.close();
  });

  it('reads no long stream twice while some dozens of them are used in turn', async () => {
    const store = opened();
    const ids = Array.from({ length: 50 }, (_, n) => String(n));
    const deposited = { type: 'Deposited', data: { amount: 1 } } as const;
    for (const id of ids) {
      const batches = Array.from({ length: 2_000 }, () => ({ events: [deposited], metadata: metadataOf(aCommand()) }));
      await store.appendBatches(account.stream(id), batches, NO_STREAM);
    }
    let read = 0;
    const counting: EventStore = {
      ...overtaken(store, () => Promise.resolve(), 0),
      read: async (...given) => {
        const found = await store.read(...given);
        read += found.events.length;
        return found as never;
      },
    };
    for (let round = 0; round < 3; round++) for (const id of ids) await present(counting, account, id);
    expect(read).toBe(100_000);
    store.close();
  });

  it('survives more streams than are kept in memory', async () => {
    const store = opened();
    const events: Recorded[] = [];
    for (let n = 0; n < 60; n++) {
      const round = Array.from({ length: 1_000 }, (_, k) =>
        handle(store, account, String(n * 1_000 + k), open('Ann'), { command: aCommand() }),
      );
      for (const handled of await Promise.all(round)) events.push(...handled.events);
    }
    expect(events).toHaveLength(60_000);
    expect(await handle(store, account, '0', deposit(1), { command: aCommand() })).toMatchObject({
      state: { balance: 1 },
      revision: 1,
    });
    store.close();
  });
});

describe('noting what a request writes', () => {
  it('notes the last event of each of its commands, and nothing of others that are appended together', async () => {
    const store = opened();
    const [mine, theirs]: [Write[], Write[]] = [[], []];
    await Promise.all([
      notingWrites(mine, () => run(store, open('Ann'))),
      notingWrites(theirs, () => run(store, deposit(1))),
      run(store, deposit(2)),
    ]);
    expect(mine).toEqual([{ stream, position: 1 }]);
    expect(theirs).toEqual([{ stream, position: 2 }]);
  });

  it('notes a repeated command as the first time, and nothing where nothing was appended', async () => {
    const store = opened();
    const command = keyed();
    await run(store, open('Ann'), command);
    await run(store, deposit(1));
    const writes: Write[] = [];
    await notingWrites(writes, async () => {
      await run(store, open('Ann'), command);
      await run(store, nothing);
    });
    expect(writes).toEqual([{ stream, position: 1 }]);
  });
});
