import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { categoryOf, type StreamName } from '#libs/event-sourcing/event';
import { isPublic } from '#libs/wire/events';
import { LoadClient } from '../platform-process.ts';
import { type ServiceLog } from './log.ts';
import { type Message } from './topic.ts';

/** By what they are. */
export type Secrets = ReadonlyMap<string, string>;

type Issued = Readonly<{ accessToken: string; refreshToken: string }>;
type Id = Readonly<{ id: string }>;

/** At the end of a key. */
const SECRET_CHARACTERS = 43;
/** What private streams keep to compare with: of a password, of a key. */
const KEPT = /^(hash|subject)$/;

/**
 * Lets people and a system in, in every way that leaves a secret: passwords, tokens, a key, the token of a letter. Answers with all of
 * them once the letter is there.
 */
export const makeSecrets = async (url: string, accessToken: string, dataDir: string): Promise<Secrets> => {
  const client = new LoadClient(url, 1);
  client.authorize(accessToken);
  let consistency = '';
  const post = async <Body>(path: string, body: object): Promise<Body> => {
    const headers = consistency === '' ? {} : { 'consistency-token': consistency };
    const answer = await client.send<Body>({ method: 'POST', path: `/api/v1${path}`, body, headers });
    if (answer.status >= 300) throw new Error(`POST ${path}: ${String(answer.status)} ${answer.text}`);
    consistency = String(answer.headers['consistency-token'] ?? consistency);
    return answer.body;
  };
  try {
    const who = randomBytes(6).toString('hex');
    const [password, another] = [randomBytes(15).toString('base64url'), randomBytes(15).toString('base64url')];
    const { id } = await post<Id>('/tenants', { tier: 'reseller', name: 'Secrets', currency: 'USD' });
    const email = `secret-${who}@example.com`;
    await post(`/tenants/${id}/users`, { email, name: 'Sec', password, role: 'readOnly' });
    const login = await post<Issued>('/auth/login', { email, password });
    const again = await post<Issued>('/auth/refresh', { refreshToken: login.refreshToken });
    const accounts = `/tenants/${id}/service-accounts`;
    const account = await post<Id>(accounts, { name: 'System', permissions: ['tenants:read'] });
    const { key } = await post<{ key: string }>(`${accounts}/${account.id}/keys`, {});
    const system = await post<Issued>('/auth/service-token', { key });
    const guest = `guest-${who}@example.com`;
    await post(`/tenants/${id}/invitations`, { email: guest, name: 'Guest', role: 'readOnly' });
    const invitation = await letterTo(guest, join(dataDir, 'mail'));
    await post('/invitations/accept', { token: invitation, password: another });
    const jwk = JSON.parse(await readFile(join(dataDir, 'keys', 'access-tokens.jwk.json'), 'utf8')) as { d: string };
    return new Map([
      ['the password of a user', password],
      ['the password of who was invited', another],
      ['an access token', login.accessToken],
      ['a refresh token', login.refreshToken],
      ['the next refresh token', again.refreshToken],
      ['the key of a service account', key],
      ['the secret of that key', key.slice(-SECRET_CHARACTERS)],
      ['the token of a service account', system.accessToken],
      ['the token of a letter', invitation],
      ['the private key of tokens', jwk.d],
    ]);
  } finally {
    await client.close();
  }
};

const LOOK_MS = 100;
const PATIENCE_MS = 60_000;

const letterTo = async (email: string, folder: string): Promise<string> => {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(LOOK_MS))
    for (const name of await readdir(folder).catch(() => [])) {
      const letter = (await readFile(join(folder, name), 'utf8')).replaceAll('=\r\n', '').replaceAll('=3D', '=');
      const token = letter.includes(email) ? /#token=([\w.-]+)/.exec(letter)?.[1] : undefined;
      if (token !== undefined) return token;
    }
  throw new Error(`no letter came to ${email}`);
};

/** What the logs keep in their private streams to compare passwords and keys with. */
export const keptIn = (logs: readonly ServiceLog[]): Secrets =>
  new Map(
    logs.flatMap(({ events }) =>
      events
        .filter(({ stream }) => !isPublic(categoryOf(stream)))
        .flatMap(({ stream, type, data }) =>
          Object.entries(JSON.parse(data) as Readonly<Record<string, unknown>>).flatMap(([name, value]) =>
            KEPT.test(name) && typeof value === 'string' ? [[`the ${name} of a ${type} in ${stream}`, value] as const] : [],
          ),
        ),
    ),
  );

/** Where the topics hold a secret, as it is or in base64; of private streams there may be nothing at all. */
export const leaksIn = (messages: readonly Message[], secrets: Secrets): readonly string[] => {
  const whole = messages.map(({ key, headers, value }) =>
    [key, headers, Buffer.from(value, 'base64').toString('latin1')].join('\n'),
  );
  const astray = messages.filter(({ key }) => !isPublic(categoryOf(key as StreamName)));
  return [
    ...astray.map(({ key }) => `${key} is a private stream, and on a topic`),
    ...[...secrets].flatMap(([what, secret]) => {
      const forms = [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('base64url')];
      const at = whole.findIndex((text) => forms.some((form) => text.includes(form)));
      return at === -1 ? [] : [`${what} is on a topic, in a message of ${messages[at]?.key ?? ''}`];
    }),
    ...whole.flatMap((text, at) =>
      text.includes('$argon2') ? [`a hash of a password is in a message of ${messages[at]?.key ?? ''}`] : [],
    ),
  ];
};
