import { hash, verify } from '@node-rs/argon2';

/** Length is what makes a password hard to guess. */
export const PASSWORD_LENGTH = { min: 12, max: 200 } as const;

/** argon2id with 19 MiB, two passes, one lane: OWASP's minimum, some 20 ms. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

export const hashPassword = (password: string): Promise<string> => hash(password, COST);

export const isPasswordOf = (passwordHash: string, password: string): Promise<boolean> => verify(passwordHash, password);

/**
 * Compares in about the same time whether or not there is anything to compare with, so that the answer's time does not tell whether
 * an e-mail address is known.
 */
export class PasswordCheck {
  readonly #nobodys: Promise<string>;

  /** @param unguessable a random text nobody logs in with */
  constructor(unguessable: string) {
    this.#nobodys = hashPassword(unguessable);
  }

  async matches(password: string, passwordHash: string | null): Promise<boolean> {
    const matches = await isPasswordOf(passwordHash ?? (await this.#nobodys), password);
    return matches && passwordHash !== null;
  }
}
