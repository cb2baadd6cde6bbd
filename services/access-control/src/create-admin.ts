import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isEmail } from 'class-validator';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { writeSecret } from '#libs/platform/access-tokens';
import { openPlatform, reasonOf } from '#libs/platform/bootstrap';
import { PLATFORM_CONCERNS, readConfiguration } from '#libs/platform/configuration';
import { createLog } from '#libs/platform/logging';
import { accessControlService } from './access-control.module.ts';
import { addAdministrator, hasAdministrator } from './administrator.ts';
import { PASSWORD_LENGTH } from './credentials/password.ts';

const USAGE = `Makes the first administrator of the platform in the data directory (DATA_DIR, ./data unless told).

  npm run create-admin -- [--email ADDRESS] [--password PASSWORD]

Without --password the one in TRIBUTARY_PASSWORD is taken, or one is made and shown once. Stop the platform first.
`;

/** Answers the exit code. */
const createAdmin = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { email: { type: 'string' }, password: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return say(USAGE);
  const email = values.email ?? 'admin@tributary.local';
  const given = values.password ?? process.env['TRIBUTARY_PASSWORD'];
  if (!isEmail(email, { require_tld: false })) return refuse(`"${email}" is no e-mail address.`);
  if (given !== undefined && (given.length < PASSWORD_LENGTH.min || given.length > PASSWORD_LENGTH.max)) {
    return refuse(`The password must have ${String(PASSWORD_LENGTH.min)} to ${String(PASSWORD_LENGTH.max)} characters.`);
  }
  const password = given ?? randomBytes(15).toString('base64url');

  const configuration = readConfiguration(PLATFORM_CONCERNS, process.env);
  const { platform, storage } = await openPlatform([accessControlService], configuration, { log: createLog('warn') });
  try {
    if (await hasAdministrator(platform.readModels)) return refuse('There is an administrator already; nothing was changed.');
    await addAdministrator(platform, email, password);
    const file = join(platform.dataDir, 'admin-credentials.json');
    await writeSecret(file, { user: email, password });
    return say(
      [
        'The administrator is there.',
        `  user      ${email}`,
        given === undefined ? `  password  ${password}   (shown this once)` : '  password  as given',
        `Both are kept in ${file} (readable by you only); remove the file once you have noted them.`,
        'Start the platform with: npm start',
        '',
      ].join('\n'),
    );
  } finally {
    await storage.close();
  }
};

const say = (text: string): number => {
  process.stdout.write(text);
  return 0;
};

const refuse = (reason: string): number => {
  process.stderr.write(`${reason}\n`);
  return 1;
};

try {
  process.exitCode = await createAdmin();
} catch (error) {
  process.exitCode = refuse(error instanceof DomainError ? error.message : reasonOf(error));
}
