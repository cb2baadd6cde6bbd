import { describe, expect, it } from '@jest/globals';
import { LoginThrottle } from './login-throttle.ts';

const MINUTE = 60_000;

describe('failed logins in a row', () => {
  const failing = (throttle: LoginThrottle, times: number, now: number): number[] =>
    Array.from({ length: times }, () => throttle.begin('ada', now));

  it('lock the address for a while', () => {
    const throttle = new LoginThrottle(3, 15);
    expect(failing(throttle, 4, 0)).toEqual([0, 0, 0, 900]);
    expect(throttle.begin('ada', 14 * MINUTE)).toBe(60);
    expect(throttle.begin('bob', 0)).toBe(0);
  });

  it('count anew after the while', () => {
    const throttle = new LoginThrottle(3, 15);
    failing(throttle, 3, 0);
    expect(failing(throttle, 4, 15 * MINUTE)).toEqual([0, 0, 0, 900]);
  });

  it('are forgotten after one that succeeds', () => {
    const throttle = new LoginThrottle(3, 15);
    failing(throttle, 2, 0);
    throttle.succeeded('ada');
    expect(failing(throttle, 3, 0)).toEqual([0, 0, 0]);
  });

  it('are not those that nobody could judge', () => {
    const throttle = new LoginThrottle(2, 15);
    for (const attempt of [1, 2, 3]) {
      expect([attempt, throttle.begin('ada', 0)]).toEqual([attempt, 0]);
      throttle.undecided('ada');
    }
    expect(failing(throttle, 3, 0)).toEqual([0, 0, 900]);
  });
});
