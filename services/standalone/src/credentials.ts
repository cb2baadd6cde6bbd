import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorCode } from '#libs/platform/error-code';

/** What `create-admin` leaves in the data directory. */
export const CREDENTIALS = 'admin-credentials.json';

export type Credentials = Readonly<{ user: string; password: string }>;

export class NoCredentials extends Error {
  override readonly name = 'NoCredentials';
}

/** npm runs scripts in the project's folder; the paths a person types start where they typed them. */
export const typed = (path: string): string => resolve(process.env['INIT_CWD'] ?? '.', path);

export const givenCredentials = (): Credentials | undefined => {
  const { TRIBUTARY_USER: user, TRIBUTARY_PASSWORD: password } = process.env;
  return user !== undefined && password !== undefined ? { user, password } : undefined;
};

/** @throws NoCredentials */
export const keptCredentials = async (dataDir: string): Promise<Credentials> => {
  const file = join(dataDir, CREDENTIALS);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const reason = errorCode(error) === 'ENOENT' ? 'is not there' : 'cannot be read';
    throw new NoCredentials(`There are no credentials: set TRIBUTARY_USER and TRIBUTARY_PASSWORD (${file} ${reason}).`);
  });
  const content = parsed(text);
  if (typeof content !== 'object' || content === null || !('user' in content) || !('password' in content))
    throw new NoCredentials(`${file} holds no user and password.`);
  return { user: String(content.user), password: String(content.password) };
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
