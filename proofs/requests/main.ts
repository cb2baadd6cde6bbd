import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { Pool } from 'undici';
import { startIdentityProvider } from '../../deploy/local/identity-provider.ts';
import { command, whole } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
import { createAdministrator, type Credentials, startPlatformProcess } from '../platform-process.ts';
import { Random } from '../random.ts';
import { faultsBy, type OpenApi, type Route, routesOf } from './documented.ts';
import { type Json, Memory } from './memory.ts';
import { curlOf, requestsOf, type Sent, smaller, urlOf } from './request.ts';
import { type Came, verdict } from './verdict.ts';
import { appendUnhandled, tour } from './tour.ts';
import { buildWorld, type Caller, CALLERS } from './world.ts';

const USAGE = `Sends requests derived from the platform's own API document, valid and mutated, and judges every answer by it.

  npm run requests -- [--requests N] [--seed S]

  --requests N  how many; default: 20000
  --seed S      of the choices; default: 1

It starts the platform on a folder of its own, plays a scenario and asks as an operator, an admin, somebody of sales, an admin
of a customer, without a token and with a forged one. Exit code 1 when any answer is a failure of the platform (a 5xx that is
not a documented 503) or is outside the document: its status, headers, media type or a field of its body. Each kind of fault is
printed once, as the smallest request that shows it.
`;

const CONNECTIONS = 8;
/** Made at once, of what is known by then. */
const BATCH = 8;
const MOST_SHRINKING = 150;
const SHOWN = 20;
const PROGRESS_MS = 10_000;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

type Violation = { route: Route; fault: string; times: number; sent: Sent };

class Asking {
  readonly #pool: Pool;
  readonly #credentials: ReadonlyMap<Caller, Credentials>;
  readonly #tokens = new Map<string, string>();

  constructor(url: string, credentials: ReadonlyMap<Caller, Credentials>) {
    this.#pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
    this.#credentials = credentials;
  }

  /** As it is; when the caller has been logged out by an earlier request, logged in again. */
  async send(sent: Sent): Promise<Came> {
    const first = await this.#send(sent);
    const isOfPublic = /\/auth\/(login|refresh|oidc\/finish)$|\/invitations\/accept$/.test(sent.address);
    if (first.status !== 401 || !this.#credentials.has(sent.who as Caller) || isOfPublic) return first;
    this.#tokens.delete(sent.who);
    return this.#send(sent);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #send(sent: Sent): Promise<Came> {
    const authorization = await this.#authorization(sent.who);
    const { statusCode, headers, body } = await this.#pool.request({
      method: sent.method,
      path: urlOf(sent),
      headers: { ...authorization, ...sent.headers },
      body: sent.body ?? null,
    });
    const bytes = Buffer.from(await body.arrayBuffer());
    return { status: statusCode, headers, text: bytes.toString(), bytes };
  }

  async #authorization(who: string): Promise<Readonly<Record<string, string>>> {
    if (who === 'nobody') return {};
    const token = this.#tokens.get(who) ?? (await this.#login(who as Caller));
    this.#tokens.set(who, token);
    return { authorization: `Bearer ${token}` };
  }

  async #login(who: Caller): Promise<string> {
    const credentials = this.#credentials.get(who);
    if (!credentials) return 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcGVyYXRvciJ9.';
    const { statusCode, body } = await this.#pool.request({
      method: 'POST',
      path: '/api/v1/auth/login',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(credentials),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${who} cannot log in: ${text}`);
    return (JSON.parse(text) as { accessToken: string }).accessToken;
  }
}

const judging = async (total: number, seed: number): Promise<number> => {
  const folder = await ownFolder(tmpdir(), 'tributary-requests-');
  const dataDir = join(folder, 'data');
  const operator = await createAdministrator(dataDir);
  await appendUnhandled(dataDir);
  const client = { clientId: 'tributary', clientSecret: 'secret', redirectUrl: 'http://127.0.0.1:8080/login/oidc' };
  const identityProvider = await startIdentityProvider(client);
  const platform = await startPlatformProcess(dataDir, {
    environment: {
      IMPORT_FOLDERS: folder,
      LOGIN_FAILURES: '1000',
      LOGINS_PER_MINUTE: '1000000',
      OIDC_ISSUER: identityProvider.issuer,
      OIDC_CLIENT_SECRET: client.clientSecret,
      OIDC_REDIRECT_URL: client.redirectUrl,
    },
  });
  try {
    const document = (await (await fetch(`${platform.url}/api/docs-json`)).json()) as OpenApi;
    const routes = routesOf(document);
    const memory = new Memory(routes);
    const { credentials, files } = await buildWorld(platform.url, operator, folder, memory, print);
    const asking = new Asking(platform.url, credentials);
    const faults = faultsBy(document);
    const statuses = new Map<Route, Map<number, number>>();
    const violations = new Map<string, Violation>();
    const random = new Random(seed);
    const started = performance.now();
    let asked = 0;
    let done = 0;

    const answerTo = async (route: Route, sent: Sent): Promise<Readonly<{ came?: Came; fault: string }>> => {
      try {
        const came = await asking.send(sent);
        return { came, fault: verdict(route, came, faults) };
      } catch (error) {
        return { fault: `does not answer (${error instanceof Error ? error.message : String(error)})` };
      }
    };
    const ask = async (route: Route, sent: Sent): Promise<Came | undefined> => {
      const { came, fault } = await answerTo(route, sent);
      done++;
      if (came) {
        const counts = statuses.get(route) ?? new Map<number, number>();
        statuses.set(route, counts.set(came.status, (counts.get(came.status) ?? 0) + 1));
        if (came.status < 300 && String(came.headers['content-type']).startsWith('application/json'))
          memory.learn(route, sent.parameters, sent.address, sent.given, JSON.parse(came.text) as Json, tagIn(came));
      }
      if (fault === '') return came;
      const key = `${route.operation.operationId} ${fault.replace(/:.*/s, '')}`;
      const known = violations.get(key);
      if (!known) violations.set(key, { route, fault, times: 1, sent });
      else {
        known.times++;
        if (sizeOf(sent) < sizeOf(known.sent)) violations.set(key, { ...known, fault, sent });
      }
      return came;
    };
    const work = async (): Promise<void> => {
      while (asked < total) {
        const route = random.pick(routes);
        const size = Math.min(BATCH, total - asked);
        asked += size;
        const requests = requestsOf(route, CALLERS, document, memory, files);
        for (const sent of fc.sample(requests, { numRuns: size, seed: random.int(0, 0x7fff_ffff) })) await ask(route, sent);
      }
    };
    const shrunk = async ({ route, fault, sent }: Violation): Promise<Sent> => {
      const same = async (less: Sent): Promise<boolean> =>
        (await answerTo(route, less)).fault.replace(/:.*/s, '') === fault.replace(/:.*/s, '');
      let smallest = sent;
      let tries = 0;
      for (let found = true; found;) {
        found = false;
        for (const less of smaller(smallest)) {
          if (tries++ >= MOST_SHRINKING) return smallest;
          if (!(await same(less))) continue;
          smallest = less;
          found = true;
          break;
        }
      }
      return smallest;
    };
    const progress = setInterval(() => {
      const rate = done / ((performance.now() - started) / 1_000);
      print(
        `${String(done)} of ${String(total)} requests, ${rate.toFixed(0)} a second, ${String(violations.size)} kinds of fault`,
      );
    }, PROGRESS_MS);
    try {
      await tour(routes, memory, ask, { dataDir, identityProvider });
      // What lists show then, so that the rest has something to refer to.
      for (let round = 0; round < 3; round++)
        for (const route of routes.filter(({ method }) => method === 'GET'))
          for (const parameters of route.path.includes('{') ? memory.places(route.path).slice(0, 8) : [{}]) {
            const address = route.path.replace(
              /\{(\w+)\}/g,
              (_, name: string) => parameters[name as keyof typeof parameters] ?? '',
            );
            await ask(route, { who: 'operator', method: 'GET', parameters, address, query: [], headers: {} });
          }
      const warmUp = done;
      done = 0;
      print(
        `${String(warmUp)} requests have led once through every change and shown what there is; ${String(total)} requests follow (seed ${String(seed)})`,
      );
      await Promise.all(Array.from({ length: CONNECTIONS }, work));
    } finally {
      clearInterval(progress);
    }
    const seconds = (performance.now() - started) / 1_000;
    print('');
    print(tableOf(routes, statuses));
    const never = routes.filter((route) => ![...(statuses.get(route)?.keys() ?? [])].some((status) => status < 300));
    print('');
    for (const { method, path } of never) print(`never succeeded: ${method} ${path}`);
    for (const violation of [...violations.values()].slice(0, SHOWN)) {
      const smallest = await shrunk(violation);
      const { method, path } = violation.route;
      print(`✗ ${method} ${path} ${violation.fault} (${String(violation.times)} times, as ${smallest.who})`);
      print(`    ${curlOf(smallest, platform.url).slice(0, 4_000)}`);
    }
    await asking.close();
    const wrong = [...violations.values()].reduce((sum, { times }) => sum + times, 0);
    const mark = wrong === 0 ? '✓' : '✗';
    print(
      `${mark} ${String(done)} requests to ${String(routes.length)} routes in ${seconds.toFixed(0)} s, ` +
        `${String(routes.length - never.length)} of them also with success: ${String(wrong)} answers outside the document`,
    );
    return wrong === 0 ? 0 : 1;
  } finally {
    await platform.stop();
    await identityProvider.close();
    const said = platform
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":"error"'));
    for (const line of said.slice(0, SHOWN)) print(`the log says: ${line.slice(0, 1_500)}`);
  }
};

const tagIn = ({ headers: { etag } }: Came): string | undefined => (typeof etag === 'string' ? etag : undefined);

const sizeOf = (sent: Sent): number => JSON.stringify([sent.address, sent.query, sent.headers, sent.body]).length;

const tableOf = (routes: readonly Route[], statuses: ReadonlyMap<Route, ReadonlyMap<number, number>>): string =>
  routes
    .map((route) => {
      const counts = [...(statuses.get(route) ?? [])].toSorted(([one], [other]) => one - other);
      const answers = counts.map(([status, times]) => `${String(status)}×${String(times)}`).join(' ');
      return `${route.method.padEnd(6)} ${route.path.replace('/api/v1', '').padEnd(70)} ${answers}`;
    })
    .join('\n');

await command(USAGE, async () => {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help !== true) return judging(whole('requests', values.requests, 1), whole('seed', values.seed, 0));
  print(USAGE);
  return 0;
});
