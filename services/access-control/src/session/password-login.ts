import { addressKey } from '#libs/email-address';
import { sameValue } from '#libs/event-sourcing/claims';
import { present } from '#libs/event-sourcing/handle';
import { SecurityConfiguration } from '#libs/platform/configuration';
import { Unauthenticated } from '#libs/platform/problem';
import { type Platform } from '#libs/platform/service';
import { credentials } from '../credentials/credentials.ts';
import { PasswordCheck } from '../credentials/password.ts';
import { type Lockouts } from '../login-attempts/lockouts.ts';
import { LoginThrottle } from '../login-attempts/login-throttle.ts';
import { userAccessOf } from '../user-access/user-access.ts';
import { userList, type UserRow } from '../user-list/user-list.projection.ts';

/** Whose e-mail address and password these are. An unknown address, a wrong password and a closed account are answered alike. */
export class PasswordLogin {
  readonly #platform: Pick<Platform, 'store' | 'readModels'>;
  readonly #passwords: PasswordCheck;
  readonly #throttle: LoginThrottle;
  readonly #lockouts: Lockouts;

  constructor(platform: Pick<Platform, 'store' | 'readModels' | 'newId' | 'configuration'>, lockouts: Lockouts) {
    const { loginFailures, loginLockMinutes } = platform.configuration(SecurityConfiguration);
    this.#platform = platform;
    this.#passwords = new PasswordCheck(platform.newId());
    this.#throttle = new LoginThrottle(platform.store, loginFailures, loginLockMinutes);
    this.#lockouts = lockouts;
  }

  /** @throws Unauthenticated; TooManyAttempts when the address is locked */
  verify(email: string, password: string): Promise<UserRow> {
    const address = addressKey(email);
    let person: UserRow | undefined;
    const verify = async (): Promise<UserRow> => {
      person = await userWithAddress(this.#platform, email);
      const { passwordHash } = person
        ? (await present(this.#platform.store, credentials, person.id)).state
        : { passwordHash: null };
      const matches = await this.#passwords.matches(password, passwordHash);
      if (!person || !matches || !(await mayLogIn(this.#platform, person)))
        throw new Unauthenticated('login-failed', 'E-mail address and password do not match.');
      return person;
    };
    return this.#throttle.trying(address, verify, (until) => {
      if (person) this.#lockouts.note({ userId: person.id, until });
    });
  }
}

/** Each part of a domain may have been written in either form. */
const SPELLINGS = 16;

/** However they spell it. Whom it was given to when its spellings were not one yet is told by theirs. */
export const userWithAddress = async (
  { readModels }: Pick<Platform, 'readModels'>,
  email: string,
): Promise<UserRow | undefined> => {
  const { items } = await readModels.of(userList).find({ filter: { emailKey: addressKey(email) }, limit: SPELLINGS });
  return items.find((one) => sameValue(one.email, email)) ?? items[0];
};

export const mayLogIn = async ({ store }: Pick<Platform, 'store'>, { id }: Pick<UserRow, 'id'>): Promise<boolean> =>
  (await present(store, userAccessOf, id)).state.open;
