import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { createAdministrator, type Credentials, LoadClient, startPlatformProcess } from '../proofs/platform-process.ts';

const NO_OP = 'dist/bench/no-op-process.js';
const CONNECTIONS = 64;
/** Of Linux, on every architecture that Node runs on. */
const TICKS_A_SECOND = 100;

/** The nth request of a load, `n` from 0 without a hole. */
type Post = Readonly<{ path: string; headers: Readonly<Record<string, string>>; body: string }>;
export type Posts = (n: number) => Post;

/** A server of its own, ready to be loaded. */
export type Target = Readonly<{ url: string; pid: number; stop: () => Promise<void> }>;

export const startNoOpServer = (): Promise<Target> => startServer(NO_OP);

/** A peer in a process of its own: a script that writes its address and ends at SIGTERM. */
export const startServer = async (script: string, ...args: readonly string[]): Promise<Target> => {
  const child = spawn(process.execPath, ['--no-warnings', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = (await Promise.race([once(child.stdout, 'data'), ended])) as unknown[];
  if (!(line instanceof Buffer)) throw new Error(`${[script, ...args].join(' ')} ended before it listened.`);
  return {
    url: line.toString().trim(),
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
};

export type LoadedPlatform = Target & Readonly<{ customers: Posts; drafts: Posts }>;

const TENANTS_WITH_DRAFTS = 64;

/** The platform on an empty folder, with what an administrator may ask of it. */
export const startLoadedPlatform = async (dataDir: string, nodeOptions: readonly string[] = []): Promise<LoadedPlatform> => {
  const administrator = await createAdministrator(dataDir);
  const { url, pid, stop } = await startPlatformProcess(dataDir, { nodeOptions });
  const client = new LoadClient(url, 1);
  const authorization = `Bearer ${await tokenOf(client, administrator)}`;
  client.authorize(authorization.slice('Bearer '.length));
  const root = await idOf(client, '/api/v1/tenants', { tier: 'distributor', name: 'Distributor', currency: 'USD' });
  const children: string[] = [];
  for (let n = 0; n < TENANTS_WITH_DRAFTS; n += 1)
    children.push(await idOf(client, `/api/v1/tenants/${root}/customers`, { tier: 'reseller', name: `Reseller ${String(n)}` }));
  await client.close();
  const post = (path: string, key: string, body: unknown): Post => ({
    path,
    headers: { authorization, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(body),
  });
  return {
    url,
    pid,
    stop,
    customers: (n) =>
      post(`/api/v1/tenants/${root}/customers`, `customer-${String(n)}`, {
        tier: 'reseller',
        name: `Customer ${String(n)}`,
        primaryDomain: `customer-${String(n)}.example`,
      }),
    drafts: (n) => post(`/api/v1/tenants/${children[n % children.length] ?? root}/contracts`, `draft-${String(n)}`, termsOf(n)),
  };
};

const tokenOf = async (client: LoadClient, { email, password }: Credentials): Promise<string> => {
  const { status, text, body } = await client.send<{ accessToken: string }>({
    method: 'POST',
    path: '/api/v1/auth/login',
    body: { email, password },
  });
  if (status !== 200) throw new Error(`${email} cannot log in: ${text}`);
  return body.accessToken;
};

const idOf = async (client: LoadClient, path: string, body: unknown): Promise<string> => {
  const answer = await client.send<{ id: string }>({ method: 'POST', path, body });
  if (answer.status !== 201) throw new Error(`${path} was refused: ${answer.text}`);
  return answer.body.id;
};

/** A contract of one price book with one rule, as a form would send it. */
const termsOf = (n: number): unknown => ({
  name: `Agreement ${String(n)}`,
  start: '2026-01-01',
  end: '2026-12-31',
  managementAccounts: 'all',
  renewalPolicy: 'fixed-term',
  entitlements: [],
  invoicePrefix: null,
  billingDetails: {
    profileName: 'Accounts payable',
    address: { country: 'US', state: null, city: 'Springfield', street: '1 Main Street', zip: '12345' },
    invoiceContactId: null,
    contractContactId: null,
  },
  billingRules: [],
  priceBooks: [],
  customLineItems: [],
});

/** Seconds of processor time that a process has used so far, in and for it. */
export const processorSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  // The name of the program, in parentheses, may hold blanks: what follows it is counted.
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) / TICKS_A_SECOND;
};

export type Loaded = Readonly<{
  perSecond: number;
  /** Of the server, per request. */
  cpuMicroseconds: number;
}>;

/**
 * As many requests as 64 connections get answered, one at a time on each, after a while of warming up. @throws Error for an answer
 * that is not a success: a refusal is no command
 */
export const saturate = async (
  { url, pid }: Target,
  posts: Posts,
  { warmUpMs, ms, from = 0 }: Readonly<{ warmUpMs: number; ms: number; from?: number }>,
): Promise<Loaded> => {
  const pool = poolOf(url);
  let next = from;
  let answered = 0;
  let end = performance.now() + warmUpMs;
  const connection = async (): Promise<void> => {
    while (performance.now() < end) {
      await send(pool, posts(next++));
      answered += 1;
    }
  };
  const untilEnd = (): Promise<unknown> => Promise.all(Array.from({ length: CONNECTIONS }, connection));
  await untilEnd();
  const cpu = processorSeconds(pid);
  answered = 0;
  const start = performance.now();
  end = start + ms;
  await untilEnd();
  const seconds = (performance.now() - start) / 1_000;
  await pool.destroy();
  return { perSecond: answered / seconds, cpuMicroseconds: ((processorSeconds(pid) - cpu) * 1e6) / answered };
};

const poolOf = (url: string): Pool => new Pool(url, { connections: CONNECTIONS, pipelining: 1 });

const send = async (pool: Pool, { path, headers, body }: Post): Promise<void> => {
  const answer = await pool.request({ method: 'POST', path, headers, body });
  if (answer.statusCode >= 300) throw new Error(`${path} was answered ${String(answer.statusCode)}: ${await answer.body.text()}`);
  await answer.body.dump();
};

/**
 * Requests at fixed times, whether or not those before them have been answered. Gives the milliseconds from when each should have
 * been sent to its answer, so that a server which stops for a while is charged for all that waited.
 */
export const latencies = async (
  { url }: Target,
  posts: Posts,
  { perSecond, ms, from }: Readonly<{ perSecond: number; ms: number; from: number }>,
): Promise<readonly number[]> => {
  const pool = poolOf(url);
  const seen: number[] = [];
  const sent: Promise<void>[] = [];
  const start = performance.now();
  const wanted = Math.floor((perSecond * ms) / 1_000);
  while (sent.length < wanted) {
    const due = Math.min(wanted, Math.floor(((performance.now() - start) * perSecond) / 1_000) + 1);
    while (sent.length < due) {
      const intended = start + (sent.length * 1_000) / perSecond;
      sent.push(
        send(pool, posts(from + sent.length)).then(() => {
          seen.push(performance.now() - intended);
        }),
      );
    }
    await sleep(1);
  }
  await Promise.all(sent);
  await pool.destroy();
  return seen;
};
