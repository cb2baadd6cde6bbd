import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { givenCredentials, keptCredentials, typed } from '#services/standalone/src/credentials';
import { command, whole } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
import { createAdministrator, type Credentials, LoadClient, startPlatformProcess } from '../platform-process.ts';
import { Lane, WAYS } from './lane.ts';
import { Tally, wayOf } from './plan.ts';

const USAGE = `Lets somebody in, takes it away, and asks at once as them: by ${WAYS.join(', ')}.

  npm run revocation [-- --trials N] [--lanes L] [--against URL [--data DIR]]

  --trials N     default: 1000
  --lanes L      beside each other; default: 16
  --against URL  a platform that runs, such as "npm run platform -- --instances 2"; without it one of its own in one process
  --data DIR     where create-admin left its credentials; default: DATA_DIR or ./data; or TRIBUTARY_USER and TRIBUTARY_PASSWORD

In one process the very next request has to be refused. Across processes the next one that brings the Consistency-Token of the revoking
answer, wherever it is answered; every other trial brings none, and has to be refused within the five seconds that a token may wait for.
A platform that runs has to let access tokens live (ACCESS_TOKEN_MINUTES) for as long as the trials take.
Exit code 1 when anybody still gets in.
`;

const PROGRESS_MS = 10_000;
const SHOWN = 10;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

type Given = Readonly<{ trials: number; lanes: number; url: string; credentials: Credentials; apart: boolean }>;

const proof = async ({ trials, lanes: count, url, credentials, apart }: Given): Promise<number> => {
  const client = new LoadClient(url, count);
  try {
    const path = '/api/v1/auth/login';
    const { body, text } = await client.send<{ accessToken?: string }>({ method: 'POST', path, body: credentials });
    if (body.accessToken === undefined) throw new Error(`${credentials.email} cannot log in: ${text}`);
    const operator = body.accessToken;
    const root = await client.send<{ id: string }>({
      method: 'POST',
      path: '/api/v1/tenants',
      body: { tier: 'reseller', name: 'Reseller', currency: 'USD' },
      headers: { authorization: `Bearer ${operator}` },
    });
    if (root.status !== 201) throw new Error(`POST /tenants: ${root.text}`);
    const consistency = String(root.headers['consistency-token'] ?? '');
    const run = randomBytes(4).toString('hex');
    const lanes = await Promise.all(
      Array.from({ length: count }, (_, n) =>
        Lane.open(client, operator, { resellerId: root.body.id, name: `${run}-${String(n)}`, consistency }),
      ),
    );
    const tally = new Tally();
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1_000;
    let next = 0;
    const progress = setInterval(() => {
      print(
        `${String(tally.done)} of ${String(trials)} trials in ${seconds().toFixed(0)} s, ${String(tally.faults.length)} faults`,
      );
    }, PROGRESS_MS);
    try {
      await Promise.all(
        lanes.map(async (lane) => {
          while (next < trials) {
            const n = next++;
            const way = wayOf(n);
            // Not in step with the ways.
            tally.note(way, await lane.try(way, !apart || Math.floor(n / WAYS.length) % 2 === 0));
          }
        }),
      );
    } finally {
      clearInterval(progress);
    }
    for (const { way, trials: tried, longestMs } of tally.ways)
      print(
        `  ${way.padEnd(18)}${String(tried).padStart(7)} trials${apart ? `, refused ${longestMs.toFixed(0)} ms later at most` : ''}`,
      );
    for (const fault of tally.faults.slice(0, SHOWN)) print(`✗ ${fault}`);
    print(
      `${tally.faults.length === 0 ? '✓' : '✗'} ${String(tally.done)} trials in ${seconds().toFixed(0)} s: ` +
        `${String(tally.faults.length)} times somebody still got in`,
    );
    return tally.faults.length === 0 ? 0 : 1;
  } finally {
    await client.close();
  }
};

const onOneOfItsOwn = async (trials: number, lanes: number): Promise<number> => {
  const dataDir = await ownFolder(tmpdir(), 'tributary-revocation-');
  const credentials = await createAdministrator(dataDir);
  const environment = { LOGINS_PER_MINUTE: '1000000', ACCESS_TOKEN_MINUTES: '1440' };
  const platform = await startPlatformProcess(dataDir, { environment });
  try {
    return await proof({ trials, lanes, url: platform.url, credentials, apart: false });
  } finally {
    await platform.stop();
  }
};

await command(USAGE, async () => {
  const { values } = parseArgs({
    options: {
      trials: { type: 'string', default: '1000' },
      lanes: { type: 'string', default: '16' },
      against: { type: 'string' },
      data: { type: 'string', default: process.env['DATA_DIR'] ?? './data' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    print(USAGE);
    return 0;
  }
  const [trials, lanes] = [whole('trials', values.trials, 1), whole('lanes', values.lanes, 1)];
  if (values.against === undefined) return onOneOfItsOwn(trials, lanes);
  const { user, password } = givenCredentials() ?? (await keptCredentials(typed(values.data)));
  return proof({ trials, lanes, url: values.against, credentials: { email: user, password }, apart: true });
});
