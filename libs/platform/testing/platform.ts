import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grantedRole, type Role } from '#libs/access-policy/roles';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { happened } from '#libs/event-sourcing/testing/happened';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Clock } from '#libs/time/time';
import { start, type Running } from '../bootstrap.ts';
import { type ServiceDefinition } from '../service.ts';

export type Answer<Body> = Readonly<{ status: number; body: Body; headers: Headers }>;

type HeaderFields = Readonly<Record<string, string>>;

/** What tests talk to the platform with. Paths are below `/api/v1`, or whole from the root (`/health/ready`, `/api/docs-json`). */
export class HttpClient {
  readonly #url: string;
  readonly #headers: HeaderFields;

  constructor(url: string, headers: HeaderFields = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  with(headers: HeaderFields): HttpClient {
    return new HttpClient(this.#url, { ...this.#headers, ...headers });
  }

  get<Body = unknown>(path: string, headers?: HeaderFields): Promise<Answer<Body>> {
    return this.send('GET', path, undefined, headers);
  }

  post<Body = unknown>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<Body>> {
    return this.send('POST', path, body, headers);
  }

  put<Body = unknown>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<Body>> {
    return this.send('PUT', path, body, headers);
  }

  patch<Body = unknown>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<Body>> {
    return this.send('PATCH', path, body, headers);
  }

  delete<Body = unknown>(path: string, headers?: HeaderFields): Promise<Answer<Body>> {
    return this.send('DELETE', path, undefined, headers);
  }

  /** FormData and text go as they are, anything else as JSON. The body of the answer is parsed when it is JSON, else its text. */
  async send<Body>(method: string, path: string, body?: unknown, headers: HeaderFields = {}): Promise<Answer<Body>> {
    const raw = body instanceof FormData || typeof body === 'string';
    const type: HeaderFields = body === undefined || raw ? {} : { 'content-type': 'application/json' };
    const url = /^\/(api|health|metrics)(\/|$)/.test(path) ? path : `/api/v1${path}`;
    const response = await fetch(this.#url + url, {
      method,
      headers: { ...this.#headers, ...type, ...headers },
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: (isJson ? JSON.parse(text) : text) as Body, headers: response.headers };
  }
}

export type TestPlatform = Readonly<{
  url: string;
  running: Running;
  dataDir: string;
  /** Without a token. */
  http: HttpClient;
  /** Somebody who runs the platform. */
  asOperator: () => Promise<HttpClient>;
  /** A new user with a role in a tenant, made of events: nobody has to log in. */
  asUser: (tenantId: TenantId | 'platform', role: Role) => Promise<HttpClient>;
  /** Somebody who exists already, by login; needs the access-control service. */
  as: (email: string, password: string) => Promise<HttpClient>;
  /** Tells of what happened in services that do not run, or by hand: events at the end of their stream, at the platform's time. */
  happened: (stream: string, ...events: readonly DomainEvent[]) => Promise<void>;
  /** Until reactions and background work have nothing left to do. */
  settled: () => Promise<void>;
  close: () => Promise<void>;
}>;

export type TestOptions = Readonly<{
  clock?: Clock;
  environment?: Readonly<Record<string, string>>;
  /** Keep the data of an earlier platform; otherwise it is a folder of its own, removed by `close`. */
  dataDir?: string;
}>;

const IN_MEMORY = { EVENT_STORE_URL: 'sqlite::memory:', READ_MODELS_URL: 'sqlite::memory:' };

/** The composed services on a free port, events in memory and files in a folder of its own. */
export const startPlatform = async (services: readonly ServiceDefinition[], options: TestOptions = {}): Promise<TestPlatform> => {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'tributary-')));
  const running = await start(services, {
    ...(options.clock ? { clock: options.clock } : {}),
    environment: {
      ...(options.dataDir === undefined ? IN_MEMORY : {}),
      DATA_DIR: dataDir,
      PORT: '0',
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'fatal',
      SHUTDOWN_SECONDS: '5',
      ...options.environment,
    },
  });
  const http = new HttpClient(running.url);
  const bearer = (token: string): HttpClient => http.with({ authorization: `Bearer ${token}` });
  const tell = async (stream: string, ...events: readonly DomainEvent[]): Promise<void> => {
    const { store, clock } = running.platform;
    await happened(store, stream, events, { principal: { id: 'test' }, time: clock.now() });
  };
  const asUser = async (tenantId: TenantId | 'platform', role: Role): Promise<HttpClient> => {
    const userId = randomUUID() as UserId;
    await tell(`access-control.userAccess-${userId}`, { type: 'AccessOpened', data: { userId } });
    const granted = { tenantId, userId, ...grantedRole(role) };
    await tell(`access-control.membership-${membershipId(tenantId, userId)}`, { type: 'MembershipGranted', data: granted });
    return bearer((await running.platform.accessTokens.issue(userId)).accessToken);
  };
  return {
    url: running.url,
    running,
    dataDir,
    http,
    asUser,
    asOperator: () => asUser('platform', 'operator'),
    as: async (email, password) => {
      const { status, body } = await http.post<{ accessToken: string }>('/auth/login', { email, password });
      if (status !== 200) throw new Error(`${email} cannot log in: ${JSON.stringify(body)}`);
      return bearer(body.accessToken);
    },
    happened: tell,
    settled: () => running.settled(),
    close: async () => {
      await running.stop();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
};
