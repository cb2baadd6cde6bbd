import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { type Decision } from '#libs/event-sourcing/decider';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Database, openSqlite } from '#libs/sqlite/database';
import { changeMembership, type Member } from './change-membership.ts';
import { changeGrant, disable, enable, grant, type Membership, membership, revoke } from './membership.ts';

const TENANT = 'tenant' as TenantId;
const of = (name: string): string => membershipId(TENANT, name as UserId);

const root = mkdtempSync(join(tmpdir(), 'tributary-members-'));
afterAll(() => {
  rmSync(root, { recursive: true });
});

let url: string;
let databases: Database[];
let stores: SqliteEventStore[];
let first: EventStore;
beforeEach(() => {
  url = `sqlite:${join(mkdtempSync(join(root, 'case-')), 'log.db')}`;
  databases = [];
  stores = [];
  first = opened();
});
afterEach(() => {
  for (const one of stores) one.close();
  for (const one of databases) one.close();
});

/** As another process on the same log has it, each step at a moment of its own. */
const opened = (): EventStore => {
  const database = openSqlite(url, { shared: true });
  const store = new SqliteEventStore(database);
  databases.push(database);
  stores.push(store);
  return {
    logId: store.logId,
    read: async (...question) => {
      await pause(randomInt(4));
      return store.read(...question);
    },
    append: async (...what) => {
      await pause(randomInt(4));
      return store.append(...what);
    },
    appendBatches: async (...what) => {
      await pause(randomInt(4));
      return store.appendBatches(...what);
    },
    subscribe: (...where) => store.subscribe(...where),
    head: () => store.head(),
  };
};

type Taking = (name: string) => Decision<Membership, MembershipEvent>;
const TAKINGS: readonly Taking[] = [
  (name) => revoke(TENANT, name as UserId),
  (name) => disable(TENANT, name as UserId),
  (name) => changeGrant(TENANT, name as UserId, { role: 'support' }),
];
const [REVOKE] = TAKINGS as [Taking];
const anyTaking = (): Taking => TAKINGS[randomInt(TAKINGS.length)] ?? REVOKE;

const member = (name: string): Member => ({ id: of(name), role: 'admin' });
const take = (store: EventStore, giver: string | null, name: string, taking: Taking = REVOKE, command = aCommand()) =>
  changeMembership(store, {
    id: of(name),
    decision: taking(name),
    judge: () => Promise.resolve({ by: giver === null ? null : member(giver), stays: null }),
    command,
  });

const makeAdmin = async (name: string): Promise<void> => {
  const user = name as UserId;
  await handle(first, membership, of(name), grant(TENANT, user, { role: 'admin' }), { command: aCommand() });
  await handle(first, membership, of(name), enable(TENANT, user), { command: aCommand() });
};
const isAdmin = async (name: string): Promise<boolean> => {
  const { role, enabled } = (await present(first, membership, of(name))).state;
  return role === 'admin' && enabled;
};

/** How many of them are Admins still once each has taken it from the next one, all at the same moment. */
const leftOf = async (names: readonly string[], store: (place: number) => EventStore): Promise<readonly [number, string[]]> => {
  await Promise.all(names.map(makeAdmin));
  const ends = await Promise.allSettled(
    names.map((name, place) => take(store(place), name, names[(place + 1) % names.length] ?? '', anyTaking())),
  );
  const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [(end.reason as Error).message] : []));
  const still = await Promise.all(names.map(isAdmin));
  return [still.filter(Boolean).length, reasons];
};

const JUST_CHANGED = 'What you may do here has changed just now.';

describe('Admins who take it from each other at the same moment', () => {
  it.each([
    ['two', ['ada', 'bob']],
    ['three in a circle', ['ada', 'bob', 'cy']],
  ])(
    'never all lose it: %s',
    async (_, names) => {
      const elsewhere = names.map(opened);
      for (let round = 0; round < 40; round++) {
        const store = round % 2 === 0 ? () => first : (place: number) => elsewhere[place] ?? first;
        const [left, reasons] = await leftOf(names, store);
        expect(left).toBeGreaterThan(0);
        expect(left).toBe(reasons.length);
        expect(new Set(reasons)).toEqual(new Set([JUST_CHANGED]));
      }
    },
    60_000,
  );

  it('are not held up by one who was cut short', async () => {
    await Promise.all(['ada', 'bob'].map(makeAdmin));
    const cut: EventStore = { ...opened(), append: () => Promise.reject(new Error('killed')) };
    await expect(take(cut, 'ada', 'bob')).rejects.toThrow('killed');
    await take(first, 'bob', 'ada');
    expect([await isAdmin('ada'), await isAdmin('bob')]).toEqual([false, true]);
  });
});

/** A service account: no Admin itself, it leaves one of those that there are. */
const takeOneOf = (store: EventStore, names: readonly string[], name: string, taking: Taking) =>
  changeMembership(store, {
    id: of(name),
    decision: taking(name),
    judge: async (state) => {
      const others = names.filter((other) => other !== name);
      const still = await Promise.all(others.map(async (other) => ((await isAdmin(other)) ? [other] : [])));
      const [stays] = still.flat();
      if (stays === undefined && state.role === 'admin' && state.enabled) throw new Error('the last Admin');
      return { by: null, stays: stays === undefined ? null : member(stays) };
    },
    command: aCommand(),
  });

describe('Admins who are taken by others than themselves at the same moment', () => {
  it.each([
    ['two by one each', ['ada', 'bob'], false],
    ['three by one each', ['ada', 'bob', 'cy'], false],
    ['one by an Admin, who is taken by another', ['ada', 'bob'], true],
  ])(
    'never all go: %s',
    async (_, names, isAdminAmongThem) => {
      const elsewhere = names.map(opened);
      for (let round = 0; round < 40; round++) {
        await Promise.all(names.map(makeAdmin));
        const store = (place: number): EventStore => (round % 2 === 0 ? first : (elsewhere[place] ?? first));
        const ends = await Promise.allSettled(
          names.map((name, place) =>
            isAdminAmongThem && place === 0
              ? take(store(place), names[1] ?? '', name, anyTaking())
              : takeOneOf(store(place), names, name, anyTaking()),
          ),
        );
        const still = (await Promise.all(names.map(isAdmin))).filter(Boolean);
        expect(still.length).toBe(1);
        expect(ends.filter(({ status }) => status === 'rejected').length).toBe(1);
      }
    },
    60_000,
  );
});

describe('one Admin', () => {
  it('takes it from many others at the same moment', async () => {
    const others = Array.from({ length: 20 }, (_, index) => `other ${String(index)}`);
    await Promise.all(['ada', ...others].map(makeAdmin));
    await Promise.all(others.map((name) => take(first, 'ada', name, anyTaking())));
    expect(await Promise.all(others.map(isAdmin))).toEqual(others.map(() => false));
  });

  it('is answered as the first time when they repeat it', async () => {
    await Promise.all(['ada', 'bob'].map(makeAdmin));
    const command = aCommand({ keyed: true });
    const asked = () => take(first, 'ada', 'bob', TAKINGS[1], command);
    const answers = [
      ...(await Promise.all([asked(), asked(), take(opened(), 'ada', 'bob', TAKINGS[1], command)])),
      await asked(),
    ];
    await makeAdmin('bob');
    answers.push(await asked());
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ role: 'admin', enabled: false })));
    expect(await isAdmin('bob')).toBe(true);
    await expect(take(first, 'ada', 'bob', TAKINGS[1], { ...command, bodyHash: 'other' })).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    });
  });

  it('who is none any more takes nothing', async () => {
    await Promise.all(['ada', 'bob'].map(makeAdmin));
    await take(first, null, 'ada', TAKINGS[2]);
    await expect(take(first, 'ada', 'bob')).rejects.toThrow(JUST_CHANGED);
    expect(await isAdmin('bob')).toBe(true);
  });

  it('of a tenant above takes it from the last one', async () => {
    await makeAdmin('ada');
    await take(first, null, 'ada');
    expect(await isAdmin('ada')).toBe(false);
  });
});
