import { describe, expect, it } from '@jest/globals';
import { hashPassword, isPasswordOf, PasswordCheck } from './password.ts';

const PASSWORD = 'a long enough password';

describe('a password', () => {
  it('is kept as argon2id at no less than OWASP asks for, never twice as the same', async () => {
    const [one, other] = [await hashPassword(PASSWORD), await hashPassword(PASSWORD)];
    for (const kept of [one, other]) expect(kept).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(one).not.toBe(other);
    expect([await isPasswordOf(one, PASSWORD), await isPasswordOf(one, `${PASSWORD} `)]).toEqual([true, false]);
  });

  it('matches nothing where there is none', async () => {
    const check = new PasswordCheck('unguessable');
    expect(await check.matches(PASSWORD, await hashPassword(PASSWORD))).toBe(true);
    expect(await check.matches(PASSWORD, null)).toBe(false);
    expect(await check.matches('unguessable', null)).toBe(false);
  });
});
