import { cp, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command, whole } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
import { createAdministrator, type Credentials, LoadClient, startPlatformProcess } from '../platform-process.ts';
import { type OpenApi, routesOf } from '../requests/documented.ts';
import { type Comparable, differences } from './comparable.ts';
import { Neighbours } from './neighbours.ts';
import { Script } from './script.ts';

const USAGE = `Plays a tenant's script twice: beside other tenants that command, import and are rated all the time, and alone. Every answer has
to be the same, byte for byte.

  npm run isolation [-- --tenants N]

  --tenants N  the others; default: 50

Both runs begin with copies of the same data and use the same Idempotency-Keys, so ids are the same. Left out of the comparison: instants
of the wall clock, traces, how far a cursor has read the log, and ids of the events of ratings and logins. Exit code 1 when any answer differs. NODE_ENV=test
SABOTAGE=tenant-filter switches the filter by tenant off, and has to be found.
`;

const SHOWN = 20;
const NOBODY = '00000000-0000-4000-8000-000000000000';

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

type Watched = Readonly<{ rootId: string; admin: Credentials }>;

const platformOn = (dataDir: string) =>
  startPlatformProcess(dataDir, { environment: { LOGINS_PER_MINUTE: '100000', SHUTDOWN_SECONDS: '2' } });

/** The tenant that is watched and its administrator, in a folder that no process holds afterwards. */
const prepared = async (dataDir: string, operator: Credentials): Promise<Watched> => {
  const platform = await platformOn(dataDir);
  const client = new LoadClient(platform.url, 1);
  try {
    await client.login(operator);
    const made = async (path: string, body: object): Promise<string> => {
      const answer = await client.send<{ id: string }>({ method: 'POST', path: `/api/v1${path}`, body });
      if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.text}`);
      return answer.body.id;
    };
    const rootId = await made('/tenants', { tier: 'reseller', name: 'Company', currency: 'USD' });
    const admin = { email: 'admin@company.example', password: 'the password of the administrator' };
    await made(`/tenants/${rootId}/users`, { ...admin, name: 'Ada', role: 'admin' });
    return { rootId, admin };
  } finally {
    await client.close();
    await platform.stop();
  }
};

type Played = Readonly<{ heard: readonly Comparable[]; neighbour: string; seconds: number }>;

const play = async (
  dataDir: string,
  operator: Credentials,
  watched: Watched,
  others: number,
  foreign: string,
): Promise<Played> => {
  const platform = await platformOn(dataDir);
  const client = new LoadClient(platform.url, 16);
  try {
    await client.login(operator);
    const routes = routesOf((await client.send<OpenApi>({ method: 'GET', path: '/api/docs-json' })).body);
    const neighbours = new Neighbours(client);
    await neighbours.settle(others);
    const neighbour = neighbours.one?.id ?? foreign;
    neighbours.begin();
    const before = { commands: neighbours.commands, reads: neighbours.reads, imports: neighbours.imports };
    const started = performance.now();
    let heard: readonly Comparable[];
    try {
      heard = await Script.play(platform.url, routes, { ...watched, foreign: neighbour });
    } finally {
      await neighbours.end();
    }
    const seconds = (performance.now() - started) / 1_000;
    print(
      `${others === 0 ? 'alone' : `beside ${String(others)}`}: ${String(heard.length)} answers in ${seconds.toFixed(1)} s; meanwhile ` +
        `${String(neighbours.commands - before.commands)} commands, ${String(neighbours.imports - before.imports)} of them imports, ` +
        `and ${String(neighbours.reads - before.reads)} reads of others`,
    );
    return { heard, neighbour, seconds };
  } finally {
    await client.close();
    await platform.stop();
  }
};

const proof = async (others: number): Promise<number> => {
  const folder = await ownFolder(tmpdir(), 'tributary-isolation-');
  const [base, beside, alone] = ['base', 'beside', 'alone'].map((name) => join(folder, name)) as [string, string, string];
  await mkdir(base);
  const operator = await createAdministrator(base);
  const watched = await prepared(base, operator);
  for (const copy of [beside, alone]) await cp(base, copy, { recursive: true });
  const busy = await play(beside, operator, watched, others, NOBODY);
  const quiet = await play(alone, operator, watched, 0, busy.neighbour);
  const faults = differences(quiet.heard, busy.heard);
  for (const fault of faults.slice(0, SHOWN)) print(`✗ ${fault}`);
  const same = quiet.heard.length - faults.length;
  print(
    `${faults.length === 0 ? '✓' : '✗'} ${String(same)} of ${String(quiet.heard.length)} answers are the same, byte for byte, alone and ` +
      `beside ${String(others)} busy tenants`,
  );
  return faults.length === 0 ? 0 : 1;
};

await command(USAGE, async () => {
  const { values } = parseArgs({
    options: { tenants: { type: 'string', default: '50' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help !== true) return proof(whole('tenants', values.tenants, 1));
  print(USAGE);
  return 0;
});
