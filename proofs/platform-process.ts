import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type FormData, Pool } from 'undici';
import { endsWithUs } from './left-behind.ts';

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 60_000;
const LISTENING = /Tributary is listening on (http:\/\/[^\s",]+)/;
const MAIN = 'dist/services/standalone/src/main.js';
const CREATE_ADMIN = 'dist/services/access-control/src/create-admin.js';

type Environment = Readonly<Record<string, string>>;

/** The platform as operators run it: a process of its own, whose end can be any. */
export type PlatformProcess = Readonly<{
  url: string;
  pid: number;
  /** What it has written so far. */
  output: () => string;
  /** Resolves with the exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  /** SIGKILL, and waits until it is gone. */
  kill: () => Promise<void>;
  /** SIGTERM, and waits until it is gone; SIGKILL when that takes too long, as `ended` then tells. */
  stop: () => Promise<void>;
}>;

/** A process that ended before it listened; the message is what it said. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed';
}

/** Whoever asks for hours logs in once. */
const environmentOf = (dataDir: string, more: Environment): NodeJS.ProcessEnv => ({
  ...process.env,
  ACCESS_TOKEN_MINUTES: '1440',
  DATA_DIR: dataDir,
  PORT: '0',
  LOG_REQUESTS: 'false',
  ...more,
});

/**
 * Starts the built platform (`npm run build`) on a folder of data, and resolves when it listens. `spawned` is told at once how to
 * SIGKILL it, also before it listens. @throws StartFailed
 */
export const startPlatformProcess = async (
  dataDir: string,
  {
    environment = {},
    nodeOptions = [],
    spawned,
    startTimeoutMs = START_TIMEOUT_MS,
  }: Readonly<{
    environment?: Environment;
    nodeOptions?: readonly string[];
    spawned?: (kill: () => void) => void;
    startTimeoutMs?: number;
  }> = {},
): Promise<PlatformProcess> => {
  const child = spawn(process.execPath, [...nodeOptions, MAIN], {
    env: environmentOf(dataDir, environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endsWithUs(child);
  spawned?.(() => child.kill('SIGKILL'));
  let output = '';
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(code ?? signal ?? 'unknown');
    });
  });
  const url = await new Promise<string>((resolve, reject) => {
    const timeout = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new StartFailed(`The platform did not listen within ${String(startTimeoutMs)} ms:\n${output}`));
    }, startTimeoutMs);
    const heard = (chunk: Buffer): void => {
      output += chunk.toString();
      const [, address] = LISTENING.exec(output) ?? [];
      if (address === undefined) return;
      clearTimeout(timeout);
      resolve(address);
    };
    child.stdout.on('data', heard);
    child.stderr.on('data', heard);
    void ended.then((how) => {
      clearTimeout(timeout);
      reject(new StartFailed(`The platform ended (${String(how)}) before it listened:\n${output}`));
    });
  });
  const end = (signal: NodeJS.Signals) => async (): Promise<void> => {
    child.kill(signal);
    const overdue = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(overdue);
  };
  return { url, pid: child.pid ?? 0, output: () => output, ended, kill: end('SIGKILL'), stop: end('SIGTERM') };
};

export type Credentials = Readonly<{ email: string; password: string }>;

/** The first administrator of a folder of data that no process holds. */
export const createAdministrator = async (dataDir: string): Promise<Credentials> => {
  const password = randomBytes(15).toString('base64url');
  const child = spawn(process.execPath, [CREATE_ADMIN, `--password=${password}`], {
    env: environmentOf(dataDir, {}),
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: START_TIMEOUT_MS,
  });
  endsWithUs(child);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`create-admin ended with ${String(code)}`);
  return { email: 'admin@tributary.local', password };
};

export type Answer<Body = unknown> = Readonly<{
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As it came. */
  text: string;
  /** Parsed when it is JSON, else undefined. */
  body: Body;
}>;

/** `form` instead of `body`: multipart. */
export type Request = Readonly<{
  method: string;
  path: string;
  body?: unknown;
  form?: FormData;
  headers?: Readonly<Record<string, string>>;
}>;

/** A fast client for load: keeps `connections` open, one request at a time on each. Paths begin with `/`, below the root. */
export class LoadClient {
  readonly #pool: Pool;
  #authorization: Readonly<Record<string, string>> = {};

  constructor(url: string, connections: number) {
    this.#pool = new Pool(url, {
      connections,
      pipelining: 1,
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    });
  }

  /** @throws Error when the platform refuses */
  async login({ email, password }: Credentials): Promise<void> {
    const { status, text, body } = await this.send<{ accessToken: string }>({
      method: 'POST',
      path: '/api/v1/auth/login',
      body: { email, password },
    });
    if (status !== 200) throw new Error(`${email} cannot log in: ${text}`);
    this.authorize(body.accessToken);
  }

  authorize(accessToken: string): void {
    this.#authorization = { authorization: `Bearer ${accessToken}` };
  }

  /** @throws what undici throws when no answer comes: the request may or may not have had its effect */
  async send<Body = unknown>({ method, path, body, form, headers = {} }: Request): Promise<Answer<Body>> {
    const answer = await this.#pool.request({
      method,
      path,
      headers: { ...this.#authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: form ?? (body === undefined ? null : JSON.stringify(body)),
    });
    const text = await answer.body.text();
    const isJson = /json/.test(String(answer.headers['content-type'] ?? ''));
    return { status: answer.statusCode, headers: answer.headers, text, body: (isJson ? JSON.parse(text) : undefined) as Body };
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
