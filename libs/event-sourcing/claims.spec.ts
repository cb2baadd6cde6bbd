import { describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openSqlite } from '#libs/sqlite/database';
import { type Clock, type Instant } from '#libs/time/time';
import { type Claim, claim, claimStream, handleClaiming, normalised, release, sameValue } from './claims.ts';
import { type Command } from './command.ts';
import { decider } from './decider.ts';
import { DomainError } from './domain-error.ts';
import { type DomainEvent, NO_STREAM, type StreamName } from './event.ts';
import { type EventStore } from './event-store.ts';
import { handle } from './handle.ts';
import { SqliteEventStore } from './sqlite/sqlite-event-store.ts';
import { aCommand } from './testing/command.ts';

type UserEvent = DomainEvent<'UserRegistered', { email: string }> | DomainEvent<'EmailChanged', { email: string }>;
type User = Readonly<{ email?: string }>;
const user = decider<User, UserEvent>('test.user', {}, (_, { data }) => ({ email: data.email }));
const register =
  (email: string) =>
  (state: User): UserEvent[] => {
    if (state.email !== undefined) throw new DomainError('conflict', 'user-exists', 'There is one already.');
    return [{ type: 'UserRegistered', data: { email } }];
  };
const changeEmail =
  (email: string) =>
  (state: User): UserEvent[] =>
    state.email === email ? [] : [{ type: 'EmailChanged', data: { email } }];

const wanted = (value: string): Claim => ({
  service: 'test',
  kind: 'email',
  scope: 'all',
  value,
  taken: { code: 'email-taken', message: 'Somebody has this address.', path: 'email' },
});
const opened = (): SqliteEventStore => new SqliteEventStore(openSqlite('sqlite::memory:'));
const at = (minutes: number): Clock => ({ now: () => new Date(Date.UTC(2025, 0, 1, 0, minutes)).toISOString() as Instant });
const owner = (id: string): StreamName => user.stream(id);
const taken = expect.objectContaining({
  refusal: 'conflict',
  code: 'email-taken',
  errors: [{ path: 'email', message: 'Somebody has this address.' }],
});
const typesOf = async (store: EventStore, stream: StreamName): Promise<string[]> =>
  (await store.read(stream)).events.map(({ type }) => type);
const registering = (store: EventStore, id: string, email: string, command: Command = aCommand(), clock = at(0)) =>
  handleClaiming(store, user, id, register(email), { command, claims: [wanted(email)], wallClock: clock });
const changing = (store: EventStore, id: string, email: string, command: Command = aCommand(), clock = at(0)) =>
  handleClaiming(store, user, id, changeEmail(email), { command, claims: [wanted(email)], wallClock: clock });

describe('a unique value', () => {
  it('is the same however it is spelt', () => {
    const spellings = ['Straße@Example.com', '  straße@example.COM ', 'STRASSE@EXAMPLE.COM', 'strasse@example.com'];
    expect(new Set(spellings.map(normalised)).size).toBe(1);
    expect(normalised('Zoe\u0308')).toBe(normalised('ZO\u00cb'));
    expect(normalised('a b')).not.toBe(normalised('ab'));
    for (const spelling of spellings) expect(normalised(normalised(spelling))).toBe(normalised(spelling));
  });

  it('is another one in another scope, of another kind, in another service', () => {
    const one = wanted('x');
    const others = [
      one,
      { ...one, scope: 'b' },
      { ...one, kind: 'b' },
      { ...one, service: 'b' },
      { ...one, kind: 'ema', scope: 'ilall' },
    ];
    expect(new Set(others.map(claimStream)).size).toBe(5);
    expect(claimStream(one)).toMatch(/^test\.claim-[0-9a-f]{64}$/);
  });

  it('goes to exactly one of many who want it at once', async () => {
    const store = opened();
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => registering(store, String(n), n % 2 === 0 ? 'ann@x.org' : ' ANN@X.ORG')),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toEqual(taken);
    const registered = await Promise.all(Array.from({ length: 50 }, (_, n) => store.read(owner(String(n)))));
    expect(registered.filter(({ revision }) => revision !== NO_STREAM)).toHaveLength(1);
    store.close();
  });

  it('is found as one’s own by a retry', async () => {
    const store = opened();
    const command = aCommand({ keyed: true });
    await claim(store, wanted('ann@x.org'), owner('1'), command, at(0));
    const first = await registering(store, '1', 'ann@x.org', command);
    expect(await registering(store, '1', 'ann@x.org', command)).toEqual(first);
    expect(await typesOf(store, claimStream(wanted('ann@x.org')))).toEqual(['Claimed']);
    store.close();
  });

  it('is not claimed by a command that is refused or changes nothing', async () => {
    const store = opened();
    await registering(store, '1', 'ann@x.org');
    await expect(registering(store, '1', 'bob@x.org')).rejects.toEqual(expect.objectContaining({ code: 'user-exists' }));
    await changing(store, '1', 'ann@x.org');
    expect(await typesOf(store, claimStream(wanted('bob@x.org')))).toEqual([]);
    expect(await typesOf(store, claimStream(wanted('ann@x.org')))).toEqual(['Claimed']);
    store.close();
  });

  it('is not claimed by a command whose If-Match does not hold', async () => {
    const store = opened();
    await registering(store, '1', 'ann@x.org');
    const late = handleClaiming(store, user, '1', changeEmail('bob@x.org'), {
      command: aCommand(),
      claims: [wanted('bob@x.org')],
      expected: { revision: 7, of: () => 0 },
    });
    await expect(late).rejects.toEqual(expect.objectContaining({ refusal: 'stale' }));
    expect(await typesOf(store, claimStream(wanted('bob@x.org')))).toEqual([]);
    store.close();
  });

  it('is not claimed again by the late retry of a command that is done', async () => {
    const store = opened();
    const [first, second] = [aCommand({ keyed: true }), aCommand()];
    await registering(store, '1', 'ann@x.org', first);
    await changing(store, '1', 'bob@x.org', second);
    await release(store, wanted('ann@x.org'), owner('1'), first.id, aCommand());
    expect(await registering(store, '1', 'ann@x.org', first)).toMatchObject({ state: { email: 'ann@x.org' } });
    await registering(store, '2', 'ann@x.org');
    store.close();
  });
});

describe('two values', () => {
  it('are the same in any case, and none is the same as none', () => {
    expect(sameValue('Acme', 'ACME')).toBe(true);
    expect(sameValue('Acme', 'Acme 2')).toBe(false);
    expect(sameValue(null, null)).toBe(true);
    expect(sameValue(null, 'Acme')).toBe(false);
  });
});

describe('releasing a value', () => {
  it('frees it for another', async () => {
    const store = opened();
    const command = aCommand();
    await registering(store, '1', 'ann@x.org', command);
    await expect(registering(store, '2', 'ann@x.org')).rejects.toEqual(taken);
    await release(store, wanted('ann@x.org'), owner('1'), command.id, aCommand());
    await release(store, wanted('ann@x.org'), owner('1'), command.id, aCommand());
    await registering(store, '2', 'ann@x.org');
    expect(await typesOf(store, claimStream(wanted('ann@x.org')))).toEqual(['Claimed', 'Released', 'Claimed']);
    store.close();
  });

  it('ends only the claim of the command it names: there and back again stays claimed', async () => {
    const store = opened();
    const [there, away, back] = [aCommand(), aCommand(), aCommand()];
    await registering(store, '1', 'ann@x.org', there);
    await changing(store, '1', 'bob@x.org', away);
    await changing(store, '1', 'ann@x.org', back);
    await release(store, wanted('ann@x.org'), owner('1'), there.id, aCommand());
    await expect(registering(store, '2', 'ann@x.org', aCommand(), at(60))).rejects.toEqual(taken);
    await release(store, wanted('ann@x.org'), owner('2'), back.id, aCommand());
    await expect(registering(store, '2', 'ann@x.org', aCommand(), at(60))).rejects.toEqual(taken);
    await release(store, wanted('ann@x.org'), owner('1'), back.id, aCommand());
    await registering(store, '2', 'ann@x.org');
    store.close();
  });
});

describe('a claim that led to nothing', () => {
  it('holds for a minute, then goes to whoever wants it', async () => {
    const store = opened();
    const lost = aCommand();
    await claim(store, wanted('ann@x.org'), owner('1'), lost, at(0));
    await expect(
      registering(store, '2', 'ann@x.org', aCommand(), { now: () => '2025-01-01T00:00:59.999Z' as Instant }),
    ).rejects.toEqual(taken);
    await registering(store, '2', 'ann@x.org', aCommand(), at(1));
    expect((await store.read(owner('1'))).events).toMatchObject([
      { type: 'ClaimGivenUp', data: { claim: claimStream(wanted('ann@x.org')), commandId: lost.id } },
    ]);
    store.close();
  });

  it('makes its late owner lose, also when it comes again', async () => {
    const store = opened();
    const late = aCommand({ keyed: true });
    await claim(store, wanted('ann@x.org'), owner('1'), late, at(0));
    await registering(store, '2', 'ann@x.org', aCommand(), at(1));
    const givenUp = expect.objectContaining({ refusal: 'conflict', code: 'claim-given-up' });
    await expect(handle(store, user, '1', register('ann@x.org'), { command: late })).rejects.toEqual(givenUp);
    await expect(registering(store, '1', 'ann@x.org', late, at(2))).rejects.toEqual(taken);
    expect(await typesOf(store, owner('1'))).toEqual(['ClaimGivenUp']);
    store.close();
  });

  it('leaves an owner that exists its other commands', async () => {
    const store = opened();
    await registering(store, '1', 'ann@x.org');
    await claim(store, wanted('bob@x.org'), owner('1'), aCommand(), at(0));
    await registering(store, '2', 'bob@x.org', aCommand(), at(1));
    expect(await changing(store, '1', 'carl@x.org')).toMatchObject({ state: { email: 'carl@x.org' } });
    store.close();
  });

  it('is not stale once its command stands in the owner’s stream, however old', async () => {
    const store = opened();
    await registering(store, '1', 'ann@x.org');
    await expect(registering(store, '2', 'ann@x.org', aCommand(), at(10_000))).rejects.toEqual(taken);
    store.close();
  });

  it('is not stale when the same owner claimed it again in vain', async () => {
    const store = opened();
    await registering(store, '1', 'ann@x.org');
    await claim(store, wanted('ann@x.org'), owner('1'), aCommand(), at(0));
    await expect(registering(store, '2', 'ann@x.org', aCommand(), at(10_000))).rejects.toEqual(taken);
    store.close();
  });

  it.each(['before', 'while', 'after'])(
    'goes to exactly one of its late owner and many who take it over, %s them',
    async (when) => {
      const store = opened();
      const late = aCommand();
      await claim(store, wanted('ann@x.org'), owner('late'), late, at(0));
      const contend = () => Array.from({ length: 6 }, (_, n) => registering(store, String(n), 'ann@x.org', aCommand(), at(1)));
      const comeLate = async () => {
        for (let turns = when === 'while' ? 1 : when === 'after' ? 6 : 0; turns > 0; turns--) await nextTurn();
        return handle(store, user, 'late', register('ann@x.org'), { command: late });
      };
      const [own, ...others] = await Promise.allSettled([comeLate(), ...contend()]);
      expect([own, ...others].filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      if (when === 'before') expect(own.status).toBe('fulfilled');
      if (when === 'after') expect(own.status).toBe('rejected');
      store.close();
    },
  );
});
