import { randomBytes, randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isEmail } from 'class-validator';
import { writeSecret } from '#libs/platform/access-tokens';
import { openPlatform, reasonOf } from '#libs/platform/bootstrap';
import { type Configuration, PLATFORM_CONCERNS, readConfiguration, StorageConfiguration } from '#libs/platform/configuration';
import { errorCode } from '#libs/platform/error-code';
import { createLog } from '#libs/platform/logging';
import { isShared, located } from '#libs/platform/open-storage';
import { openLog } from '#libs/platform/shared-log';
import { systemClock } from '#libs/time/time';
import { accessControlService } from './access-control.module.ts';
import { addAdministrator, hasAdministrator, hasAdministratorInLog } from './administrator.ts';
import { PASSWORD_LENGTH } from './credentials/password.ts';

const USAGE = `Makes the first administrator of the platform in the data directory (DATA_DIR, ./data unless told).

  npm run create-admin -- [--email ADDRESS] [--password PASSWORD]

Without --password the one in TRIBUTARY_PASSWORD is taken, or one is made and shown once. Stop the platform first, unless its services
are processes of their own ("npm run platform"): then it may run.
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
  const settings = configuration(StorageConfiguration);
  const dataDir = resolve(settings.dataDir);
  const sharedLog = await sharedLogOf({ ...settings, dataDir }, environment);
  const added = await (sharedLog === undefined ? addAlone(configuration) : addBeside(sharedLog))(email, password);
  if (!added) return refused('There is an administrator already; nothing was changed.');
  const file = join(dataDir, 'admin-credentials.json');
  await writeSecret(file, { user: email, password });
  const shown = given === undefined ? `${password}   (shown this once)` : 'as given';
  return {
    done: true,
    text: `The administrator is there.
  user      ${email}
  password  ${shown}
Both are kept in ${file} (readable by you only); remove the file once you have noted them.
${sharedLog === undefined ? 'Start the platform with: npm start' : 'The services know of it in a moment.'}
`,
  };
};

/** False: there is one. */
type Add = (email: string, password: string) => Promise<boolean>;

/** On data that no process holds. */
const addAlone =
  (configuration: Configuration): Add =>
  async (email, password) => {
    const { platform, storage } = await openPlatform([accessControlService], configuration, { log: createLog('warn') });
    try {
      if (await hasAdministrator(platform.readModels)) return false;
      await addAdministrator(platform, email, password);
      return true;
    } finally {
      await storage.close();
    }
  };

/** On the log that running processes share. */
const addBeside =
  (url: string): Add =>
  async (email, password) => {
    const { store, close } = await openLog(url, [], accessControlService.upcasters ?? {});
    try {
      if (await hasAdministratorInLog(store)) return false;
      await addAdministrator({ store, clock: systemClock, newId: randomUUID }, email, password);
      return true;
    } finally {
      await close();
    }
  };

/** Of `npm run platform`, unless another one is named. */
const LOG_OF_SERVICE = join('logs', 'access-control.db');

/** The service's log where it is shared by processes: so it is named, or `npm run platform` has made it in the data directory. */
const sharedLogOf = async (
  { dataDir, eventStoreUrl, messagingUrl }: StorageConfiguration,
  { EVENT_STORE_URL: named = '' }: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> => {
  if (named !== '')
    return isShared({ messagingUrl }) || !named.startsWith('sqlite:') ? located(eventStoreUrl, dataDir) : undefined;
  const made = join(dataDir, LOG_OF_SERVICE);
  const isThere = await access(made).then(
    () => true,
    () => false,
  );
  return isThere ? `sqlite:${made}` : undefined;
};

const refused = (reason: string): Outcome => ({ done: false, text: `${reason}\n` });
