import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, request as httpRequest, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { securityHeaders } from '#libs/platform/security-headers';
import { type RunningGateway, startGateway } from './gateway.module.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Service = Readonly<{ url: string; port: number; seen: readonly IncomingMessage[]; close: () => Promise<void> }>;

const log = pino({ level: 'silent' });

const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A process of a service: its API docs name `paths`; `handler` answers anything else. */
const serve = async (paths: readonly string[], handler: Handler, port = 0): Promise<Service> => {
  const seen: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    if (request.url === '/api/docs-json')
      return void response.end(JSON.stringify({ paths: Object.fromEntries(paths.map((path) => [path, { get: {} }])) }));
    if (request.url === '/health/ready') return void response.end(JSON.stringify({ reasons: [], warnings: [] }));
    seen.push(request);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: at } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => {
        resolve();
      });
    });
  open.push(close);
  return { url: `http://127.0.0.1:${String(at)}`, port: at, seen, close };
};

/** A port where nobody listens. */
const freePort = async (): Promise<number> => {
  const { port, close } = await serve([], () => undefined);
  await close();
  return port;
};

const gatewayTo = async (upstreams: string, environment: Readonly<Record<string, string>> = {}): Promise<RunningGateway> => {
  const gateway = await startGateway({ environment: { PORT: '0', GATEWAY_UPSTREAMS: upstreams, ...environment }, log });
  open.push(gateway.stop);
  return gateway;
};

const untilReady = async (gateway: RunningGateway): Promise<void> => {
  for (let waited = 0; waited < 5_000; waited += 20) {
    if ((await fetch(`${gateway.url}/health/ready`)).ok) return;
    await sleep(20);
  }
  throw new Error('the gateway did not become ready');
};

const readyGatewayTo = async (...args: Parameters<typeof gatewayTo>): Promise<RunningGateway> => {
  const gateway = await gatewayTo(...args);
  await untilReady(gateway);
  return gateway;
};

type Problem = Readonly<{ status: number; code: string; detail: string; traceId: string }>;

const problemIn = async (response: Response): Promise<Problem> => {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  return (await response.json()) as Problem;
};

const TRACE = 'a'.repeat(32);
const TRACEPARENT = `00-${TRACE}-${'b'.repeat(16)}-01`;

describe('what goes through the gateway', () => {
  it('reaches the service that serves the path, with query, method and body as they are', async () => {
    const echo =
      (name: string): Handler =>
      (request, response) => {
        void text(request).then((body) => response.end(JSON.stringify([name, request.method, request.url, body])));
      };
    const tenants = await serve(['/api/v1/tenants/{tenantId}'], echo('tenants'));
    const contracts = await serve(['/api/v1/tenants/{tenantId}/contracts'], echo('contracts'));
    const { url } = await readyGatewayTo(`tenants=${tenants.url},contracts=${contracts.url}`);
    expect(await (await fetch(`${url}/api/v1/tenants/a%2Fb?x=1&x=%20`)).json()).toEqual([
      'tenants',
      'GET',
      '/api/v1/tenants/a%2Fb?x=1&x=%20',
      '',
    ]);
    for (const [method, headers] of [
      ['POST', { 'content-type': 'application/json' }],
      ['PUT', { 'content-type': 'application/json', 'idempotency-key': 'k' }],
      ['PATCH', { 'content-type': 'text/x; charset=odd', 'idempotency-key': 'k' }],
      ['DELETE', {}],
    ] as const)
      expect(await (await fetch(`${url}/api/v1/tenants/t/contracts`, { method, headers, body: '{"a" : "ä"}' })).json()).toEqual([
        'contracts',
        method,
        '/api/v1/tenants/t/contracts',
        '{"a" : "ä"}',
      ]);
    const bodiless = await fetch(`${url}/api/v1/tenants/t`, { method: 'POST', headers: { 'idempotency-key': 'k' } });
    expect(await bodiless.json()).toEqual(['tenants', 'POST', '/api/v1/tenants/t', '']);
    expect(contracts.seen[2]?.headers['content-type']).toBe('text/x; charset=odd');
  });

  it('keeps the headers of both, but for those of one connection, and the trace', async () => {
    const tenants = await serve(['/api/v1/tenants'], (_, response) => {
      response.writeHead(409, {
        'consistency-token': 'log:topic/0:7',
        etag: '"3"',
        'x-frame-options': 'SAMEORIGIN',
        connection: 'close, x-private',
        'x-private': '1',
      });
      response.end('{}');
    });
    const { url } = await readyGatewayTo(`tenants=${tenants.url}`);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest(
        `${url}/api/v1/tenants`,
        {
          method: 'POST',
          headers: {
            expect: '100-continue',
            traceparent: TRACEPARENT,
            'x-forwarded-for': '192.0.2.1',
            'consistency-token': 'log:topic/0:5',
            'if-match': '"2"',
            connection: 'close, x-mine',
            'x-mine': '1',
            te: 'trailers',
          },
        },
        resolve,
      )
        .on('error', reject)
        .end();
    });
    response.resume();
    expect(response.statusCode).toBe(409);
    expect(response.headers).toMatchObject({
      'consistency-token': 'log:topic/0:7',
      etag: '"3"',
      'x-frame-options': 'SAMEORIGIN',
    });
    const [seen] = tenants.seen;
    expect(seen?.headers).toMatchObject({ 'consistency-token': 'log:topic/0:5', 'if-match': '"2"' });
    // Who asked, whatever they said of it.
    expect(seen?.headers['x-forwarded-for']).toBe('127.0.0.1');
    expect(seen?.headers['traceparent']).toMatch(new RegExp(`^00-${TRACE}-(?!b{16})[0-9a-f]{16}-01$`));
    expect([seen?.headers['x-mine'], seen?.headers.te]).toEqual([undefined, undefined]);
    expect(response.headers['x-private']).toBeUndefined();
  });

  it('says who asked, as a load balancer before it does that is trusted', async () => {
    const tenants = await serve(['/api/v1/tenants'], (_, response) => response.end('{}'));
    const headers = { 'x-forwarded-for': '198.51.100.9, 192.0.2.1' };
    for (const trusted of ['127.0.0.1', '']) {
      const { url } = await readyGatewayTo(`tenants=${tenants.url}`, { TRUSTED_PROXIES: trusted });
      expect((await fetch(`${url}/api/v1/tenants`, { headers })).status).toBe(200);
    }
    expect(tenants.seen.map((seen) => seen.headers['x-forwarded-for'])).toEqual(['192.0.2.1', '127.0.0.1']);
  });

  it('has the security headers also where its address cannot be read, or it is no request at all', async () => {
    const { url } = await readyGatewayTo(
      `tenants=${(await serve(['/api/v1/tenants'], (_, response) => response.end('{}'))).url}`,
    );
    const answers = [await fetch(`${url}/api/v1/%ff`), await fetch(`${url}/api/v1/tenants?a=${'x'.repeat(20_000)}`)];
    expect(answers.map(({ status }) => status)).toEqual([400, 431]);
    for (const { headers } of answers) expect(Object.fromEntries(headers)).toMatchObject(securityHeaders('/api/v1/tenants'));
  });

  it('goes on as it comes, both ways, and waits for whoever is slower', async () => {
    const MANY = 48;
    const part = randomBytes(1_048_576);
    const wanted = createHash('sha256');
    for (let index = 0; index < MANY; index++) wanted.update(part);
    const tenants = await serve(['/api/v1/files'], (request, response) => {
      if (request.method === 'GET') return void Readable.from(Array.from({ length: MANY }, () => part)).pipe(response);
      const got = createHash('sha256');
      request.on('data', (chunk: Buffer) => got.update(chunk)).on('end', () => response.end(got.digest('hex')));
    });
    const { url } = await readyGatewayTo(`tenants=${tenants.url}`);
    const digest = wanted.digest('hex');
    const uploaded = await fetch(`${url}/api/v1/files`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x', 'idempotency-key': 'k' },
      body: Readable.toWeb(Readable.from(Array.from({ length: MANY }, () => part))),
      duplex: 'half',
    });
    expect(await uploaded.text()).toBe(digest);
    const got = createHash('sha256');
    for await (const chunk of (await fetch(`${url}/api/v1/files`)).body ?? []) {
      got.update(chunk);
    }
    expect(got.digest('hex')).toBe(digest);
  });

  it('holds back a service that sends faster than the caller reads', async () => {
    const part = Buffer.alloc(1_048_576);
    let sent = 0;
    const tenants = await serve(['/api/v1/files'], (_, response) => {
      const parts = function* (): Generator<Buffer> {
        for (; sent < 256; sent++) yield part;
      };
      Readable.from(parts()).pipe(response);
    });
    const { url } = await readyGatewayTo(`tenants=${tenants.url}`);
    const stalled = await new Promise<IncomingMessage>((resolve) => httpRequest(`${url}/api/v1/files`, resolve).end());
    let last = -1;
    while (sent !== last) {
      last = sent;
      await sleep(200);
    }
    // What the sockets of the system take on the way; never the whole.
    expect(sent).toBeLessThan(64);
    stalled.destroy();
  });

  it('reaches the operators’ routes of one service, with the query', async () => {
    const answer: Handler = (request, response) => void response.end(request.url);
    const tenants = await serve(['/api/v1/tenants', '/api/v1/operations/log'], answer);
    const { url } = await readyGatewayTo(`tenants=${tenants.url}`);
    const log = await fetch(`${url}/api/v1/services/tenants/operations/log?after=3`);
    expect(await log.text()).toBe('/api/v1/operations/log?after=3');
    const none = await problemIn(await fetch(`${url}/api/v1/services/nope/operations/log`));
    expect(none).toMatchObject({ status: 404, code: 'unknown-service', detail: 'There is no such service. There are: tenants.' });
    expect(await problemIn(await fetch(`${url}/api/v1/operations/log`))).toMatchObject({
      status: 404,
      detail: expect.stringContaining('/api/v1/services/SERVICE/operations/'),
    });
  });

  it('reaches each service’s feed of events, and says where the feeds are', async () => {
    const feedOf = (name: string): Promise<Service> =>
      serve([`/api/v1/services/${name}/events`], (request, response) => {
        response.end(`${name} ${String(request.url)}`);
      });
    const [tenants, contracts] = [await feedOf('tenants'), await feedOf('access-control')];
    const { url } = await readyGatewayTo(`tenants=${tenants.url},access-control=${contracts.url}`);
    for (const name of ['tenants', 'access-control']) {
      const path = `/api/v1/services/${name}/events?limit=2&cursor=abc`;
      expect(await (await fetch(url + path)).text()).toBe(`${name} ${path}`);
    }
    const { paths } = (await (await fetch(`${url}/api/docs-json`)).json()) as Readonly<{ paths: object }>;
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/api/v1/services/tenants/events', '/api/v1/services/access-control/events']),
    );
    expect(await problemIn(await fetch(`${url}/api/v1/events?limit=2`))).toMatchObject({
      status: 404,
      code: 'route-not-found',
      detail: expect.stringContaining('/api/v1/services/SERVICE/events'),
    });
  });

  it.each(['/api/v1/nope', '/nope', '/api/v1/tenants/t/..%2foperations/log'])('%s is refused', async (path) => {
    const tenants = await serve(['/api/v1/tenants/{tenantId}/{x}'], (_, response) => void response.end('reached'));
    const { url } = await readyGatewayTo(`tenants=${tenants.url}`);
    const response = await fetch(url + path, { headers: { traceparent: TRACEPARENT } });
    expect([400, 404]).toContain(response.status);
    expect(await problemIn(response)).toMatchObject({ traceId: TRACE });
    expect(tenants.seen).toEqual([]);
  });
});

describe('services that come and go', () => {
  it('are found whenever they start; until then nobody knows what is theirs', async () => {
    const tenants = await serve(['/api/v1/tenants'], (_, response) => void response.end('tenants'));
    const port = await freePort();
    const gateway = await gatewayTo(`tenants=${tenants.url},contracts=http://127.0.0.1:${String(port)}`);
    const early = await fetch(`${gateway.url}/api/v1/contracts`);
    expect(early.headers.get('retry-after')).toBe('1');
    expect(await problemIn(early)).toMatchObject({ status: 503, code: 'service-unavailable' });
    const health = await fetch(`${gateway.url}/health/ready`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({
      status: 'not-ready',
      reasons: expect.arrayContaining(['no process of contracts is ready', 'contracts.1 does not answer']),
    });

    await serve(['/api/v1/contracts'], (_, response) => void response.end('contracts'), port);
    await untilReady(gateway);
    expect(await (await fetch(`${gateway.url}/api/v1/contracts`)).text()).toBe('contracts');
    expect((await fetch(`${gateway.url}/api/v1/other`)).status).toBe(404);
    expect(await (await fetch(`${gateway.url}/api/v1/services`)).json()).toEqual({
      items: [
        { name: 'tenants', ready: true },
        { name: 'contracts', ready: true },
      ],
      nextCursor: null,
      total: 2,
    });
    const { paths } = (await (await fetch(`${gateway.url}/api/docs-json`)).json()) as Readonly<{ paths: object }>;
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/api/v1/tenants', '/api/v1/contracts', '/health/ready']));
    expect(await (await fetch(`${gateway.url}/api/docs`)).text()).toContain('Tributary API');
  });

  it('share the work among their processes, and one that is away is passed over', async () => {
    const answering = (name: string): Promise<Service> => serve(['/api/v1/tenants'], (_, response) => void response.end(name));
    const [one, two] = [await answering('one'), await answering('two')];
    const { url } = await readyGatewayTo(`tenants=${one.url}|${two.url}`);
    const ask = async (method = 'GET'): Promise<string> => (await fetch(`${url}/api/v1/tenants`, { method })).text();
    expect(new Set([await ask(), await ask()])).toEqual(new Set(['one', 'two']));
    await one.close();
    // Nothing was sent yet, so whatever it is goes to the other.
    for (let index = 0; index < 6; index++) expect(await ask(index % 2 === 0 ? 'GET' : 'POST')).toBe('two');
    const health = (await (await fetch(`${url}/health/ready`)).json()) as object;
    expect(health).toMatchObject({ status: 'ready', warnings: ['tenants.1 does not answer'] });
    await two.close();
    const refused = await fetch(`${url}/api/v1/tenants`, { method: 'POST' });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await problemIn(refused)).toMatchObject({ status: 503, code: 'service-unavailable' });
  });

  it('get an upload that the first one could not take', async () => {
    const two = await serve(['/api/v1/files'], (request, response) => void text(request).then((body) => response.end(body)));
    const { url } = await readyGatewayTo(`tenants=http://127.0.0.1:${String(await freePort())}|${two.url}`);
    for (let index = 0; index < 3; index++) {
      const body = new Blob(['x'.repeat(300_000)]).stream();
      const headers = { 'content-type': 'multipart/form-data; boundary=x' };
      const response = await fetch(`${url}/api/v1/files`, { method: 'POST', headers, body, duplex: 'half' });
      expect((await response.text()).length).toBe(300_000);
    }
  });
});

describe('a connection that breaks before the answer', () => {
  const breaking: Handler = (request) => {
    request.resume().on('end', () => request.socket.destroy());
    if (request.method === 'GET') request.socket.destroy();
  };

  const two = async (): Promise<Readonly<{ url: string; seen: () => number }>> => {
    const bad = await serve(['/api/v1/tenants'], breaking);
    const good = await serve(['/api/v1/tenants'], (request, response) => {
      void text(request).then((body) => response.end(`good ${body}`));
    });
    const { url } = await readyGatewayTo(`tenants=${bad.url}|${good.url}`);
    return { url, seen: () => bad.seen.length };
  };

  it.each([
    ['a question', 'GET', {}, undefined, 'good '],
    ['a keyed command', 'POST', { 'idempotency-key': 'k', 'content-type': 'application/json' }, '{"a":1}', 'good {"a":1}'],
    ['a keyed command without a body', 'PUT', { 'idempotency-key': 'k' }, undefined, 'good '],
  ])('%s goes to the next process', async (_, method, headers, body, answer) => {
    const { url, seen } = await two();
    for (let index = 0; index < 4; index++) {
      const response = await fetch(`${url}/api/v1/tenants`, { method, headers, ...(body === undefined ? {} : { body }) });
      expect(await response.text()).toBe(answer);
    }
    expect(seen()).toBeGreaterThan(0);
  });

  it.each([
    ['a command without a key', { 'content-type': 'application/json' }, '{}'],
    ['an upload', { 'content-type': 'multipart/form-data; boundary=x', 'idempotency-key': 'k' }, 'x'.repeat(100_000)],
    ['what is too long to be kept', { 'content-type': 'application/json', 'idempotency-key': 'k' }, 'x'.repeat(2_000_000)],
  ])('%s is not said again: 502', async (_, headers, body) => {
    const bad = await serve(['/api/v1/tenants'], breaking);
    const { url } = await readyGatewayTo(`tenants=${bad.url}|${bad.url.replace('127.0.0.1', 'localhost')}`);
    const response = await fetch(`${url}/api/v1/tenants`, { method: 'POST', headers, body });
    expect(await problemIn(response)).toMatchObject({ status: 502, code: 'connection-lost' });
    expect(bad.seen).toHaveLength(1);
  });

  it('ends with 504 when no answer comes at all, and nothing is said again', async () => {
    const silent = await serve(['/api/v1/tenants'], () => undefined);
    // A service would refuse after a second itself; the gateway waits five more.
    const { url } = await readyGatewayTo(`tenants=${silent.url}`, { REQUEST_TIMEOUT_SECONDS: '1' });
    const response = await fetch(`${url}/api/v1/tenants`, { headers: { traceparent: TRACEPARENT } });
    expect(await problemIn(response)).toMatchObject({ status: 504, code: 'timed-out', traceId: TRACE });
    expect(silent.seen).toHaveLength(1);
  });
});

describe('the end of the gateway', () => {
  it('lets what is under way come to its end', async () => {
    const slow = await serve(['/api/v1/tenants'], (_, response) => {
      response.write('half ');
      setTimeout(() => response.end('and half'), 300);
    });
    const gateway = await readyGatewayTo(`tenants=${slow.url}`);
    const response = await fetch(`${gateway.url}/api/v1/tenants`);
    const began = performance.now();
    const stopped = gateway.stop();
    expect(await response.text()).toBe('half and half');
    await stopped;
    expect(performance.now() - began).toBeLessThan(5_000);
    await expect(fetch(`${gateway.url}/health/live`)).rejects.toThrow();
  });
});
