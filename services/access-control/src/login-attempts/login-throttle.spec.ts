import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { TooManyAttempts, Unauthenticated } from '#libs/platform/problem';
import { openSqlite } from '#libs/sqlite/database';
import { LoginThrottle } from './login-throttle.ts';

describe('the lock of an address', () => {
  const database = openSqlite('sqlite::memory:');
  const locks: string[] = [];
  let throttle: LoginThrottle;

  const wrong = (): Promise<never> => Promise.reject(new Unauthenticated('login-failed', 'No.'));
  const tried = async (address: string, verify: () => Promise<unknown>): Promise<string> => {
    try {
      await throttle.trying(address, verify, () => locks.push(address));
      return 'in';
    } catch (error) {
      return error instanceof TooManyAttempts ? 'locked' : error instanceof Unauthenticated ? 'out' : 'undecided';
    }
  };
  const all = async (address: string, ...tries: readonly (() => Promise<unknown>)[]): Promise<readonly string[]> => {
    const results: string[] = [];
    for (const verify of tries) results.push(await tried(address, verify));
    return results;
  };

  beforeAll(() => {
    throttle = new LoginThrottle(new SqliteEventStore(database), 3, 15);
  });
  afterAll(() => {
    database.close();
  });

  it('is said once, whatever is tried while it lasts', async () => {
    expect(await all('ada', wrong, wrong, wrong, wrong, wrong)).toEqual(['out', 'out', 'out', 'locked', 'locked']);
    expect(locks.filter((address) => address === 'ada')).toHaveLength(1);
  });

  it('is said once where many are tried at a time', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => tried('many', wrong)));
    expect(results.filter((result) => result === 'out')).toHaveLength(3);
    expect(locks.filter((address) => address === 'many')).toHaveLength(1);
  });

  it('is not said where the last try succeeds, or nobody could judge it', async () => {
    const right = () => Promise.resolve();
    const broken = () => Promise.reject(new Error('no store'));
    expect(await all('eve', wrong, wrong, right, wrong, wrong, broken)).toEqual(['out', 'out', 'in', 'out', 'out', 'undecided']);
    expect(locks).not.toContain('eve');
  });
});
