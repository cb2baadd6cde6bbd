import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type Instant } from '#libs/time/time';
import { attempt, attemptsId, leaveUndecided, loginAttempts, type LoginAttemptsEvent, succeed } from './login-attempts.ts';

const MINUTE = 60_000;
const at = (minute: number): Instant => new Date(Date.UTC(2026, 0, 31, 12, minute)).toISOString() as Instant;
const attempted = (minute: number, lockedUntil: number | null = null): LoginAttemptsEvent => ({
  type: 'LoginAttempted',
  data: { at: at(minute), lockedUntil: lockedUntil === null ? null : at(lockedUntil) },
});
const again = (minute: number) => attempt(at(minute), 3, 15 * MINUTE);

describe('failed logins in a row', () => {
  it('lock the address for a while, with the last try that is left', () => {
    given(loginAttempts).when(again(0)).then(attempted(0));
    given(loginAttempts, attempted(0)).when(again(1)).then(attempted(1));
    given(loginAttempts, attempted(0), attempted(1)).when(again(2)).then(attempted(2, 17));
    given(loginAttempts, attempted(0), attempted(1), attempted(2, 17)).when(again(16)).thenNothing();
  });

  it('count anew after the while', () => {
    given(loginAttempts, attempted(0), attempted(1), attempted(2, 17)).when(again(17)).then(attempted(17));
    given(loginAttempts, attempted(0), attempted(1), attempted(2, 17), attempted(17), attempted(18))
      .when(again(19))
      .then(attempted(19, 34));
  });

  it('are forgotten after one that succeeds, and it unlocks what only it had locked', () => {
    const [succeeded] = succeed(at(2))();
    if (!succeeded) throw new Error('nothing was decided');
    given(loginAttempts, attempted(0), attempted(1), attempted(2, 17), succeeded).when(again(3)).then(attempted(3));
  });

  it('are not those that nobody could judge', () => {
    const [undecided] = leaveUndecided(at(2))();
    if (!undecided) throw new Error('nothing was decided');
    given(loginAttempts, attempted(0), attempted(1), undecided, attempted(2), undecided).when(again(3)).then(attempted(3));
    given(loginAttempts, attempted(0), attempted(1), attempted(2, 17), undecided).when(again(3)).then(attempted(3, 18));
  });

  it('are counted by address and month, and the address is not to be read there', () => {
    expect(attemptsId('ada@example.com', at(0))).toMatch(/^[\da-f]{64}~2026-01$/);
    expect(attemptsId('ada@example.com', at(0))).not.toBe(attemptsId('bob@example.com', at(0)));
  });
});
