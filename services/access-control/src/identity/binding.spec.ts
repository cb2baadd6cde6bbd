import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle } from '#libs/event-sourcing/handle';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { type UserId } from '#libs/published/ids';
import { openInMemory } from '#libs/read-models/testing/in-memory';
import { bind, userBoundTo } from './binding.ts';
import { identities, linkIdentity, type Subject } from './identity.ts';

const [ADA, BOB] = ['ada', 'bob'] as [UserId, UserId];
const of = (issuer: string, subject: string): Subject => ({ issuer, subject });

describe('a subject of an identity provider', () => {
  let store: EventStore;
  let close: () => Promise<void>;
  beforeEach(async () => {
    ({ store, close } = await openInMemory());
  });
  afterEach(() => close());

  const binds = (userId: UserId, subject: Subject): Promise<boolean> => bind(store, userId, subject, aCommand());

  it('is bound to one user, who is bound to no other one of that provider', async () => {
    expect(await userBoundTo(store, of('one', 's1'))).toBeUndefined();
    expect(await binds(ADA, of('one', 's1'))).toBe(true);
    expect(await binds(BOB, of('one', 's1'))).toBe(false);
    expect(await binds(ADA, of('one', 's2'))).toBe(false);
    expect(await userBoundTo(store, of('one', 's1'))).toBe(ADA);
    expect(await userBoundTo(store, of('one', 's2'))).toBeUndefined();
    expect(await binds(BOB, of('one', 's2'))).toBe(true);
    expect(await binds(ADA, of('other', 's2'))).toBe(true);
    expect(await userBoundTo(store, of('other', 's2'))).toBe(ADA);
  });

  it('is another one than whoever differs in the case of a letter', async () => {
    expect(await binds(ADA, of('one', 'aB'))).toBe(true);
    expect(await binds(BOB, of('one', 'Ab'))).toBe(true);
  });

  it('is bound to one user however many log in with it for the first time at the same moment', async () => {
    const users = Array.from({ length: 8 }, (_, n) => `user-${String(n)}` as UserId);
    const bound = await Promise.all(users.map((userId) => binds(userId, of('one', 's1'))));
    expect(bound.filter(Boolean)).toHaveLength(1);
    expect(await userBoundTo(store, of('one', 's1'))).toBe(users[bound.indexOf(true)]);
  });

  it('lets one user in who comes twice at the same moment', async () => {
    expect(await Promise.all([binds(ADA, of('one', 's1')), binds(ADA, of('one', 's1'))])).toEqual([true, true]);
    expect((await Promise.all([binds(BOB, of('one', 's2')), binds(BOB, of('one', 's3'))])).filter(Boolean)).toHaveLength(1);
  });

  it('is that of whom it was bound to before anybody claimed it, from their next login on', async () => {
    await handle(store, identities, ADA, linkIdentity(ADA, of('one', 's1')), { command: aCommand() });
    expect(await userBoundTo(store, of('one', 's1'))).toBeUndefined();
    expect(await binds(ADA, of('one', 's1'))).toBe(true);
    expect(await userBoundTo(store, of('one', 's1'))).toBe(ADA);
  });
});
