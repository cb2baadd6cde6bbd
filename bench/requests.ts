import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'undici';
import { createAdministrator, LoadClient, startPlatformProcess } from '../proofs/platform-process.ts';
import { type Bench, type BenchOptions, type Measured, type Ratio, ratioOf } from './goal.ts';
import { processorSeconds, startServer, type Target } from './load.ts';

const PEERS = 'dist/bench/requests-process.js';
const CUSTOMERS = 100;
const ON_A_PAGE = 10;
const CONNECTIONS = 64;
const WARM_UP_MS = 2_000;
const MEASURED_MS = 3_000;

/** `sample`: a file with the answer. */
type Asked = Readonly<{ path: string; authorization: string; sample: string }>;

/** P8: what an authenticated, guarded and validated GET costs beside the same checks by hand, and beside no checks at all. */
export const requests: Bench = {
  goals: ['P8'],
  run: async ({ rounds, folder, say }) => {
    const dataDir = await mkdtemp(join(folder, 'platform-'));
    const { tenant, list } = await prepared(dataDir);
    return [
      ...(await compared('P8', 'one tenant', tenant, dataDir, { rounds, say })),
      ...(await compared('P8 list', `${String(ON_A_PAGE)} of ${String(CUSTOMERS)} customers`, list, dataDir, { rounds, say })),
    ];
  },
};

const compared = async (
  goal: string,
  name: string,
  asked: Asked,
  dataDir: string,
  { rounds, say }: Pick<BenchOptions, 'rounds' | 'say'>,
): Promise<readonly Measured[]> => {
  const sides = [
    () => startPlatformProcess(dataDir, { nodeOptions: OPTIONS }),
    () => startServer(PEERS, 'by-hand', dataDir),
    () => startServer(PEERS, 'static', asked.sample),
  ];
  const seen: (readonly [ours: number, byHand: number, alike: number])[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const costs = [0, 0, 0] as [number, number, number];
    // The order turned round each time, so that a slow minute of the machine meets all.
    for (const [at, start] of round % 2 === 0 ? [...sides.entries()] : [...sides.entries()].toReversed())
      costs[at] = await costOf(start, asked);
    say(`  GET of ${name}: ${told(costs)}`);
    seen.push(costs);
  }
  const row = (to: string, against: string, atMost: number, ratio: Ratio): Measured => {
    const what = `GET of ${name}, authenticated, guarded and validated, CPU of the server per request`;
    return { goal: `${goal}${to}`, what, against, ratio, bound: { atMost }, seen: seen[0] ? told(seen[0]) : '' };
  };
  return [
    row(
      '',
      'bare Fastify that does the same checks and reads by hand',
      1.25,
      ratioOf(seen.map(([ours, byHand]) => ours / byHand)),
    ),
    row(' node:http', 'node:http that always answers these bytes', 2, ratioOf(seen.map(([ours, , alike]) => ours / alike))),
  ];
};

/** `--cpu-prof`, when somebody wants to see where the time goes. */
const OPTIONS = (process.env['BENCH_NODE_OPTIONS'] ?? '').split(' ').filter((option) => option !== '');

const told = ([ours, byHand, alike]: readonly [number, number, number]): string =>
  `${ours.toFixed(0)} µs; by hand ${byHand.toFixed(0)} µs; static ${alike.toFixed(0)} µs`;

/** A tenant with customers, and answers as samples. @throws Error where the peer answers otherwise */
const prepared = async (dataDir: string): Promise<Readonly<Record<'tenant' | 'list', Asked>>> => {
  const administrator = await createAdministrator(dataDir);
  const platform = await startPlatformProcess(dataDir);
  const client = new LoadClient(platform.url, 1);
  const asked = {} as Record<'tenant' | 'list', Asked>;
  try {
    const login = await client.send<{ accessToken: string }>({ method: 'POST', path: '/api/v1/auth/login', body: administrator });
    client.authorize(login.body.accessToken);
    const root = await idOf(client, '/api/v1/tenants', { tier: 'distributor', name: 'Distributor', currency: 'USD' });
    const tenant = `/api/v1/tenants/${root}`;
    for (let n = 0; n < CUSTOMERS; n += 1)
      await idOf(client, `${tenant}/customers`, { tier: 'reseller', name: `Customer ${String(n)}` });
    const paths = { tenant, list: `${tenant}/customers?limit=${String(ON_A_PAGE)}&sort=name` };
    for (const name of ['tenant', 'list'] as const) {
      const sample = join(dataDir, `${name}.json`);
      await writeFile(sample, (await client.send({ method: 'GET', path: paths[name] })).text);
      asked[name] = { path: paths[name], authorization: `Bearer ${login.body.accessToken}`, sample };
    }
  } finally {
    await client.close();
    await platform.stop();
  }
  const peer = await startServer(PEERS, 'by-hand', dataDir);
  try {
    for (const { path, authorization, sample } of Object.values(asked)) {
      const theirs = await (await fetch(`${peer.url}${path}`, { headers: { authorization } })).text();
      if (apartFromCursor(theirs) !== apartFromCursor(await readFile(sample, 'utf8')))
        throw new Error(`The peer answers ${path} otherwise: ${theirs}`);
    }
  } finally {
    await peer.stop();
  }
  return asked;
};

/** Cursors are of each side's own making. */
const apartFromCursor = (text: string): string => JSON.stringify({ ...(JSON.parse(text) as object), nextCursor: null });

const idOf = async (client: LoadClient, path: string, body: unknown): Promise<string> => {
  const answer = await client.send<{ id: string }>({ method: 'POST', path, body });
  if (answer.status !== 201) throw new Error(`${path} was answered ${String(answer.status)}: ${answer.text}`);
  return answer.body.id;
};

/** Microseconds of the server's CPU per request, of a fresh process. */
const costOf = async (start: () => Promise<Target>, { path, authorization }: Asked): Promise<number> => {
  const target = await start();
  const pool = new Pool(target.url, { connections: CONNECTIONS, pipelining: 1 });
  try {
    const answeredIn = async (ms: number): Promise<number> => {
      const end = performance.now() + ms;
      let answered = 0;
      const connection = async (): Promise<void> => {
        while (performance.now() < end) {
          const { statusCode, body } = await pool.request({ method: 'GET', path, headers: { authorization } });
          if (statusCode !== 200) throw new Error(`${path} was answered ${String(statusCode)}: ${await body.text()}`);
          await body.dump();
          answered += 1;
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, connection));
      return answered;
    };
    await answeredIn(WARM_UP_MS);
    const before = processorSeconds(target.pid);
    const answered = await answeredIn(MEASURED_MS);
    return ((processorSeconds(target.pid) - before) * 1e6) / answered;
  } finally {
    await pool.destroy();
    await target.stop();
  }
};
