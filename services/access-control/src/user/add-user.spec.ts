import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { handle, present } from '#libs/event-sourcing/handle';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { openSqlite } from '#libs/sqlite/database';
import { type Instant } from '#libs/time/time';
import { choosePassword, credentials, setPassword } from '../credentials/credentials.ts';
import { hashPassword, isPasswordOf } from '../credentials/password.ts';
import { userAccessOf } from '../user-access/user-access.ts';
import { addWithChosenPassword, newUserId } from './add-user.ts';

const command = aCommand();
const userId = newUserId(command);
const at = (seconds: number): Instant => new Date(Date.parse('2026-01-31T12:00:00Z') + seconds * 1_000).toISOString() as Instant;
const [FIRST, SECOND] = ['the first password', 'the second password'] as const;

let store: SqliteEventStore;
let close: () => void;
beforeEach(() => {
  const database = openSqlite('sqlite::memory:');
  store = new SqliteEventStore(database);
  close = () => {
    store.close();
    database.close();
  };
});
afterEach(() => {
  close();
});

/** The instants that the clock tells, one each time it is asked; the last one stays. */
const add = (password: string, ...instants: readonly Instant[]) => {
  let asked = 0;
  const wallClock = { now: () => instants[Math.min(asked++, instants.length - 1)] as Instant };
  return addWithChosenPassword(store, { email: 'ada@example.com', name: 'Ada', password }, command, wallClock);
};

/** Somebody chose it, and was cut short. */
const chosen = async (password: string, chosenAt: Instant): Promise<void> => {
  const choosing = choosePassword(userId, await hashPassword(password), chosenAt);
  await handle(store, credentials, userId, choosing, { command: aCommand() });
};

const counts = async (password: string): Promise<boolean> => {
  const { passwordHash } = (await present(store, credentials, userId)).state;
  return passwordHash !== null && isPasswordOf(passwordHash, password);
};
const isOpen = async (): Promise<boolean> => (await present(store, userAccessOf, userId)).state.open;

describe('a person who chooses a password', () => {
  it('gets in with it, however often they come', async () => {
    expect(await Promise.all([add(FIRST, at(0)), add(FIRST, at(0))])).toEqual([userId, userId]);
    expect([await counts(FIRST), await isOpen()]).toEqual([true, true]);
  });

  it('gets in with one only', async () => {
    const got = await Promise.all([add(FIRST, at(0)), add(SECOND, at(0))]);
    expect([await counts(FIRST), await counts(SECOND)]).toEqual(got.map((one) => one === userId));
    expect(got.filter((one) => one === undefined)).toHaveLength(1);
  });

  it('who was cut short goes on with the same one at once, with another one after a minute', async () => {
    await chosen(FIRST, at(0));
    expect([await add(SECOND, at(59)), await isOpen(), await counts(FIRST)]).toEqual([undefined, false, true]);
    expect([await add(FIRST, at(59)), await isOpen()]).toEqual([userId, true]);
  });

  it('who does not come again leaves the choice to whoever does after a minute', async () => {
    await chosen(FIRST, at(0));
    expect([await add(SECOND, at(60)), await counts(SECOND)]).toEqual([userId, true]);
  });

  it('finishes also what began before choices were told from other passwords', async () => {
    await handle(store, credentials, userId, setPassword(userId, await hashPassword(FIRST)), { command });
    expect([await add(SECOND, at(0)), await counts(SECOND)]).toEqual([userId, true]);
  });

  it('is not told so once another one may have been chosen meanwhile, and keeps it once they can log in', async () => {
    expect([await add(FIRST, at(0), at(60)), await isOpen()]).toEqual([undefined, true]);
    expect([await add(SECOND, at(120)), await counts(FIRST)]).toEqual([undefined, true]);
  });
});
