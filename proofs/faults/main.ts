import { execFileSync } from 'node:child_process';
import { cp, open, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { command } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
import { createAdministrator, type Credentials, LoadClient, startPlatformProcess, StartFailed } from '../platform-process.ts';

const USAGE = `Lets the storage of a running platform fail, and looks what it says and what is there afterwards.

  npm run faults

A full disk (a limit of the process's files, by prlimit), also at a login and under a backup, an end of the process during a backup, a damaged header, damaged pages, and a second process on the same data.
Exit code 1 when a message names neither file nor remedy, when anything acknowledged is lost, or when the platform goes on with
what it cannot vouch for.
`;

const DATABASE = 'tributary.db';
const PAGE = 4_096;
const WRITERS = 16;

type Site = Readonly<{ dataDir: string; administrator: Credentials }>;
/** What was seen; the faults, none when it held. */
type Seen = Readonly<{ seen: string; faults: readonly string[] }>;
type Problem = Readonly<{ code: string; detail: string }>;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const refusalOf = async (dataDir: string): Promise<string> => {
  try {
    const platform = await startPlatformProcess(dataDir);
    await platform.stop();
    return '';
  } catch (error) {
    if (error instanceof StartFailed) return error.message;
    throw error;
  }
};

/** What is missing in a message that refuses to start. */
const unclear = (said: string, ...expected: readonly RegExp[]): readonly string[] =>
  said === ''
    ? ['the platform starts']
    : expected.filter((words) => !words.test(said)).map((words) => `${said} lacks ${String(words)}`);

const secondProcess = async ({ dataDir, administrator }: Site): Promise<Seen> => {
  const platform = await startPlatformProcess(dataDir);
  const client = new LoadClient(platform.url, 1);
  try {
    const said = await refusalOf(dataDir);
    await client.login(administrator);
    const { status } = await client.send({ method: 'GET', path: '/health/ready' });
    const faults = status === 200 ? [] : [`the first process answers ${String(status)}`];
    return {
      seen: said,
      faults: [...unclear(said, /ended \(1\)/, /tributary\.db is in use by another process/, /Stop/), ...faults],
    };
  } finally {
    await client.close();
    await platform.stop();
  }
};

const damagedHeader = async ({ dataDir }: Site): Promise<Seen> => {
  const file = await open(join(dataDir, DATABASE), 'r+');
  await file.write(Buffer.alloc(100, 0x5a), 0, 100, 0);
  await file.close();
  const said = await refusalOf(dataDir);
  return { seen: said, faults: unclear(said, /ended \(1\)/, /tributary\.db is damaged/, /backup/) };
};

/** Every other page but the first ones: whatever is read next meets one. */
const damagedPages = async ({ dataDir, administrator }: Site): Promise<Seen> => {
  const path = join(dataDir, DATABASE);
  const { size } = await stat(path);
  const file = await open(path, 'r+');
  for (let at = 2 * PAGE; at < size; at += 2 * PAGE) await file.write(Buffer.alloc(200, 0xff), 0, 200, at);
  await file.close();
  try {
    const platform = await startPlatformProcess(dataDir);
    const client = new LoadClient(platform.url, 1);
    try {
      const login = { method: 'POST', path: '/api/v1/auth/login', body: administrator };
      const { status, text } = await client.send(login);
      return { seen: `starts, answers ${String(status)}: ${text}`, faults: [`the platform starts over damaged pages: ${text}`] };
    } finally {
      await client.close();
      await platform.stop();
    }
  } catch (error) {
    if (!(error instanceof StartFailed)) throw error;
    return { seen: error.message, faults: unclear(error.message, /ended \(1\)/, /tributary\.db is damaged/, /backup/) };
  }
};

/** No file that the process writes grows beyond so many bytes. */
const limiting =
  (pid: number) =>
  (bytes: string): void => {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}`]);
  };

const fullDisk = async ({ dataDir, administrator }: Site): Promise<Seen> => {
  const platform = await startPlatformProcess(dataDir, { environment: { LOG_LEVEL: 'info' } });
  const client = new LoadClient(platform.url, WRITERS);
  const limit = limiting(platform.pid);
  const faults: string[] = [];
  try {
    await client.login(administrator);
    const tenants = '/api/v1/tenants';
    const root = (name: string) => ({ method: 'POST', path: tenants, body: { tier: 'reseller', name, currency: 'USD' } });
    const kept: string[] = [];
    const refused = new Map<string, number>();
    const { size } = await stat(join(dataDir, `${DATABASE}-wal`));
    limit(`${String(size + 300_000)}:unlimited`);
    const write = async (writer: number): Promise<void> => {
      for (let number = 0, failures = 0; failures < 5 && number < 2_000; number++) {
        const { status, body, text } = await client.send<Problem & { id: string }>(root(`W${String(writer)} ${String(number)}`));
        if (status === 201) kept.push(body.id);
        else {
          failures++;
          const said = `${String(status)} ${body.code}`;
          refused.set(said, (refused.get(said) ?? 0) + 1);
          if (status !== 507 && status !== 503) faults.push(`a write without room: ${text}`);
        }
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    if (refused.size === 0) faults.push('nothing was refused');
    /** An answer that says "not now" is none that says "not there". */
    const read = async (reader: LoadClient): Promise<Readonly<{ lost: number; late: number }>> => {
      const statuses: number[] = [];
      for (const id of kept) statuses.push((await reader.send({ method: 'GET', path: `${tenants}/${id}` })).status);
      const late = statuses.filter((status) => status === 503).length;
      return { late, lost: statuses.filter((status) => status !== 200).length - late };
    };
    const whileFull = await read(client);
    limit('unlimited:unlimited');
    const { status, text } = await client.send(root('Room again'));
    if (status !== 201) faults.push(`a write once there is room: ${text}`);
    let withRoom = await read(client);
    for (let patience = 0; patience < 20 && withRoom.late > 0; patience++) {
      await sleep(500);
      withRoom = await read(client);
    }
    await platform.kill();
    const again = await startPlatformProcess(dataDir);
    const reader = new LoadClient(again.url, 1);
    let afterwards = withRoom;
    try {
      await reader.login(administrator);
      afterwards = await read(reader);
    } finally {
      await reader.close();
      await again.stop();
    }
    const lost = whileFull.lost + withRoom.lost + withRoom.late + afterwards.lost + afterwards.late;
    if (lost > 0) faults.push(`acknowledged and not there: ${JSON.stringify({ whileFull, withRoom, afterwards })}`);
    const answers = [...refused].map(([said, times]) => `${said} ×${String(times)}`).join(', ');
    return {
      seen: `${String(kept.length)} acknowledged; refused: ${answers}; read without room: ${String(whileFull.late)} times 503`,
      faults: [...new Set(faults)],
    };
  } finally {
    await client.close();
    await platform.stop();
  }
};

const AUTH = '/api/v1/auth';
/** More than lock an address. */
const TRIES = 12;

/** A login is written before anybody is let in, and so is every try: without room there is neither, and no try counts. */
const loginOnFullDisk = async ({ dataDir, administrator: { email, password } }: Site): Promise<Seen> => {
  const platform = await startPlatformProcess(dataDir);
  const client = new LoadClient(platform.url, 1);
  const limit = limiting(platform.pid);
  const faults: string[] = [];
  const post = (path: string, body: unknown) =>
    client.send<Problem & { accessToken?: string; refreshToken: string }>({ method: 'POST', path: `${AUTH}/${path}`, body });
  const login = (said: string) => post('login', { email, password: said });
  const sessions = async () => (await client.send<{ total: number }>({ method: 'GET', path: '/api/v1/me/sessions' })).body.total;
  try {
    const { body: first } = await login(password);
    client.authorize(first.accessToken ?? '');
    const before = await sessions();
    limit('0:unlimited');
    const answers = [await login(password), await post('refresh', { refreshToken: first.refreshToken })];
    for (let tried = 0; tried < TRIES; tried++) answers.push(await login(`${password}?`));
    const said = new Set(answers.map(({ status, body: { code } }) => `${String(status)} ${code}`));
    for (const { status, text, body } of answers)
      if ((status !== 507 && status !== 503) || body.accessToken !== undefined) faults.push(`a login without room: ${text}`);
    if (said.size > 1) faults.push(`a wrong password is told from the right one: ${[...said].join(', ')}`);
    limit('unlimited:unlimited');
    const refreshed = await post('refresh', { refreshToken: first.refreshToken });
    if (refreshed.status !== 200) faults.push(`a refresh once there is room: ${refreshed.text}`);
    const again = await login(password);
    if (again.status !== 200) faults.push(`a login once there is room: ${again.text}`);
    const opened = (await sessions()) - before;
    if (opened !== 1) faults.push(`${String(opened)} sessions were opened by one login`);
    return { seen: `${String(answers.length)} tries: ${[...said].join(', ')}; then a refresh and a login`, faults };
  } finally {
    await client.close();
    await platform.stop();
  }
};

type Backup = Readonly<{ id: string; status: string; error: string | null }>;
const BACKUPS = '/api/v1/operations/backups';

const ended = async (client: LoadClient, id: string): Promise<Backup> => {
  for (;;) {
    const { body } = await client.send<Backup>({ method: 'GET', path: `${BACKUPS}/${id}` });
    if (body.status !== 'running') return body;
    await sleep(50);
  }
};

/** What backups leave only while they are being taken. */
const leftOf = async (dataDir: string): Promise<readonly string[]> =>
  (await readdir(join(dataDir, 'backups'))).filter((name) => /\.part$|^work-/.test(name));

/** Begins one; `end` is what happens to the process meanwhile. Afterwards it is failed, gone without a trace, and a new one works. */
const backupEndedBy = async (
  { dataDir, administrator }: Site,
  end: (platform: Awaited<ReturnType<typeof startPlatformProcess>>) => Promise<void>,
): Promise<Seen> => {
  const platform = await startPlatformProcess(dataDir);
  const client = new LoadClient(platform.url, 1);
  await client.login(administrator);
  const { body: begun } = await client.send<Backup>({ method: 'POST', path: BACKUPS });
  await end(platform);
  await client.close();
  const again = await startPlatformProcess(dataDir);
  const reader = new LoadClient(again.url, 1);
  try {
    await reader.login(administrator);
    const { body: found } = await reader.send<Backup>({ method: 'GET', path: `${BACKUPS}/${begun.id}` });
    const left = await leftOf(dataDir);
    const { body: next } = await reader.send<Backup>({ method: 'POST', path: BACKUPS });
    const { status, error } = await ended(reader, next.id);
    return {
      seen: `the backup ${found.status}: ${found.error ?? ''}`,
      faults: [
        ...(found.status === 'failed' && /ended while it was being taken/.test(found.error ?? '') ? [] : [JSON.stringify(found)]),
        ...left.map((name) => `${name} is left over`),
        ...(status === 'finished' ? [] : [`a new backup: ${error ?? status}`]),
      ],
    };
  } finally {
    await reader.close();
    await again.stop();
  }
};

const fullDiskUnderBackup = async ({ dataDir, administrator }: Site): Promise<Seen> => {
  const platform = await startPlatformProcess(dataDir);
  const client = new LoadClient(platform.url, 1);
  const limit = limiting(platform.pid);
  try {
    await client.login(administrator);
    limit('100000:unlimited');
    const { body: begun } = await client.send<Backup>({ method: 'POST', path: BACKUPS });
    const failed = await ended(client, begun.id);
    const left = await leftOf(dataDir);
    limit('unlimited:unlimited');
    const { body: next } = await client.send<Backup>({ method: 'POST', path: BACKUPS });
    const { status, error } = await ended(client, next.id);
    return {
      seen: failed.error ?? failed.status,
      faults: [
        // A limit of the process reaches SQLite as an I/O error, a full disk as what it is.
        ...unclear(
          failed.error ?? '',
          /no room left for the backup in|backups.* cannot be .*written/,
          /Free some space|Check its folder/,
        ),
        ...left.map((name) => `${name} is left over`),
        ...(status === 'finished' ? [] : [`a backup once there is room: ${error ?? status}`]),
      ],
    };
  } finally {
    await client.close();
    await platform.stop();
  }
};

const CASES: readonly Readonly<{ name: string; run: (site: Site) => Promise<Seen> }>[] = [
  { name: 'a second process on the same data', run: secondProcess },
  { name: 'a full disk', run: fullDisk },
  { name: 'a full disk at a login', run: loginOnFullDisk },
  { name: 'a full disk under a backup', run: fullDiskUnderBackup },
  { name: 'SIGKILL during a backup', run: (site) => backupEndedBy(site, ({ kill }) => kill()) },
  { name: 'SIGTERM during a backup', run: (site) => backupEndedBy(site, ({ stop }) => stop()) },
  { name: 'a damaged header', run: damagedHeader },
  { name: 'damaged pages', run: damagedPages },
];

/** A log that has something in it. */
const template = async (dataDir: string): Promise<Credentials> => {
  const administrator = await createAdministrator(dataDir);
  const platform = await startPlatformProcess(dataDir);
  const client = new LoadClient(platform.url, WRITERS);
  try {
    await client.login(administrator);
    const body = (name: number) => ({ tier: 'reseller', name: `Reseller ${String(name)}`, currency: 'USD' });
    await Promise.all(
      Array.from({ length: 300 }, (_, name) => client.send({ method: 'POST', path: '/api/v1/tenants', body: body(name) })),
    );
  } finally {
    await client.close();
    await platform.stop();
  }
  return administrator;
};

const main = async (): Promise<number> => {
  const folder = await ownFolder(tmpdir(), 'tributary-faults-');
  let faulty = 0;
  const original = join(folder, 'original');
  const administrator = await template(original);
  for (const [number, { name, run }] of CASES.entries()) {
    const dataDir = join(folder, String(number));
    await cp(original, dataDir, { recursive: true });
    const { seen, faults } = await run({ dataDir, administrator });
    print(`${faults.length === 0 ? '✓' : '✗'} ${name}: ${seen.trim().split('\n').slice(-1).join('').slice(0, 400)}`);
    for (const fault of faults.slice(0, 3)) print(`    ${fault.slice(0, 600)}`);
    if (faults.length > 0) faulty++;
  }
  return faulty === 0 ? 0 : 1;
};

await command(USAGE, async () => {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help !== true) return main();
  print(USAGE);
  return 0;
});
