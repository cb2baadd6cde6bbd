import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isEmail } from 'class-validator';
import { writeSecret } from '#libs/platform/access-tokens';
import { openPlatform, reasonOf } from '#libs/platform/bootstrap';
import { PLATFORM_CONCERNS, readConfiguration } from '#libs/platform/configuration';
import { errorCode } from '#libs/platform/error-code';
import { createLog } from '#libs/platform/logging';
import { accessControlService } from './access-control.module.ts';
import { addAdministrator, hasAdministrator } from './administrator.ts';
import { PASSWORD_LENGTH } from './credentials/password.ts';

const USAGE = `Makes the first administrator of the platform in the data directory (DATA_DIR, ./data unless told).

  npm run create-admin -- [--email ADDRESS] [--password PASSWORD]

Without --password the one in TRIBUTARY_PASSWORD is taken, or one is made and shown once. Stop the platform first.
`;

/** What to print, and whether it is done (exit code 0) or refused (1). */
export type Outcome = Readonly<{ done: boolean; text: string }>;

/** `npm run create-admin`: never overwrites anything, and never throws. */
export const createAdmin = async (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Outcome> => {
  try {
    return await carriedOut(args, environment);
  } catch (error) {
    const mistyped = error instanceof TypeError && errorCode(error)?.startsWith('ERR_PARSE_ARGS') === true;
    return refused(mistyped ? error.message : reasonOf(error));
  }
};

const carriedOut = async (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Outcome> => {
  const { values } = parseArgs({
    args: [...args],
    options: { email: { type: 'string' }, password: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return { done: true, text: USAGE };
  const email = values.email ?? 'admin@tributary.local';
  const given = values.password ?? environment['TRIBUTARY_PASSWORD'];
  if (!isEmail(email, { require_tld: false })) return refused(`"${email}" is no e-mail address.`);
  if (given !== undefined && (given.length < PASSWORD_LENGTH.min || given.length > PASSWORD_LENGTH.max)) {
    return refused(`The password must have ${String(PASSWORD_LENGTH.min)} to ${String(PASSWORD_LENGTH.max)} characters.`);
  }
  const password = given ?? randomBytes(15).toString('base64url');

  const configuration = readConfiguration(PLATFORM_CONCERNS, environment);
  const { platform, storage } = await openPlatform([accessControlService], configuration, { log: createLog('warn') });
  try {
    if (await hasAdministrator(platform.readModels)) return refused('There is an administrator already; nothing was changed.');
    await addAdministrator(platform, email, password);
    const file = join(platform.dataDir, 'admin-credentials.json');
    await writeSecret(file, { user: email, password });
    const shown = given === undefined ? `${password}   (shown this once)` : 'as given';
    return {
      done: true,
      text: `The administrator is there.
  user      ${email}
  password  ${shown}
Both are kept in ${file} (readable by you only); remove the file once you have noted them.
Start the platform with: npm start
`,
    };
  } finally {
    await storage.close();
  }
};

const refused = (reason: string): Outcome => ({ done: false, text: `${reason}\n` });
