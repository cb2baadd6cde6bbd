import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PlatformClient, Refused, Unreachable } from './platform-client.ts';

describe('a download', () => {
  const servers: Server[] = [];
  const serving = async (respond: (response: ServerResponse) => void, patience = 300): Promise<PlatformClient> => {
    const server = createServer((_, response) => {
      respond(response);
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new PlatformClient(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, patience);
  };
  const read = async (client: PlatformClient): Promise<string> => {
    const { body } = await client.stream('/operations/log');
    return text(Readable.from(body));
  };
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('may take long, as long as something comes', async () => {
    const client = await serving((response) => {
      let sent = 0;
      const sending = setInterval(() => {
        response.write('x');
        if (++sent < 10) return;
        clearInterval(sending);
        response.end();
      }, 200);
    }, 1_500);
    expect(await read(client)).toBe('xxxxxxxxxx');
  });

  it.each([
    ['nothing comes at all', () => undefined],
    ['nothing more comes', (response: ServerResponse) => void response.write('x')],
  ])('ends with a reason when %s', async (_, respond) => {
    const fault: unknown = await read(await serving(respond)).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Unreachable);
    expect(String(fault)).toMatch(/nothing more/);
  });
});

describe('a platform that is not there', () => {
  it.each([
    ['nobody listens', 'http://127.0.0.1:1', /127\.0\.0\.1:1 does not answer/],
    ['it is no address', 'nope', /nope does not answer/],
  ])('is told by its address when %s', async (_, address, message) => {
    const fault: unknown = await new PlatformClient(address)
      .login('admin@example.com', 'secret')
      .catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Unreachable);
    expect(String(fault)).toMatch(message);
  });
});

describe('a platform that is away for a moment', () => {
  const servers: Server[] = [];
  type Seen = Readonly<{ method: string | undefined; key: unknown; token: unknown }>;

  /** Answers as told, one after the other; the last goes on. */
  const serving = async (
    ...answers: readonly ((response: ServerResponse, request: IncomingMessage) => void)[]
  ): Promise<Readonly<{ client: PlatformClient; seen: readonly Seen[] }>> => {
    const seen: Seen[] = [];
    const server = createServer((request, response) => {
      const { method, headers } = request;
      seen.push({ method, key: headers['idempotency-key'], token: headers['consistency-token'] });
      request.resume().on('end', () => answers[Math.min(seen.length, answers.length) - 1]?.(response, request));
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    return { client: new PlatformClient(address, 5_000, 2_500), seen };
  };
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  const gone = (response: ServerResponse): void => void response.destroy();
  const halfGone = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-length': '10' }).write('{"a"', () => response.destroy());
  };
  const refusing =
    (status: number, headers: Readonly<Record<string, string>> = {}) =>
    (response: ServerResponse): void =>
      void response.writeHead(status, headers).end('{"code":"away"}');
  const answering =
    (token?: string) =>
    (response: ServerResponse): void =>
      void response.writeHead(200, token === undefined ? {} : { 'consistency-token': token }).end('{}');

  it.each([
    ['that breaks off', gone],
    ['that breaks off midway', halfGone],
    ['of 502', refusing(502)],
    ['of 503', refusing(503)],
  ])('is asked again after an answer %s, with the same key', async (_, first) => {
    const { client, seen } = await serving(first, answering(), first, answering(), first, answering());
    await client.get('/x');
    await client.post('/x', { a: 1 });
    await client.put('/x', { a: 1 });
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'GET', 'POST', 'POST', 'PUT', 'PUT']);
    expect([seen[2]?.key, seen[4]?.key]).toEqual([seen[3]?.key, seen[5]?.key]);
  });

  it('is asked again for a download that has not begun', async () => {
    const { client, seen } = await serving(refusing(503), gone, answering());
    const { body } = await client.stream('/x');
    expect(await text(Readable.from(body))).toBe('{}');
    expect(seen).toHaveLength(3);
  });

  it('is given the time that it asks for', async () => {
    const { client } = await serving(refusing(503, { 'retry-after': '1' }), answering());
    const began = performance.now();
    await client.get('/x');
    expect(performance.now() - began).toBeGreaterThan(950);
  });

  it.each([
    ['a command without a key', refusing(503), (client: PlatformClient) => client.delete('/x')],
    ['a login', gone, (client: PlatformClient) => client.login('a@b.example', 'secret')],
    ['what is refused for good', refusing(422), (client: PlatformClient) => client.post('/x', {})],
    ['what it will answer after too long', refusing(503, { 'retry-after': '60' }), (client: PlatformClient) => client.get('/x')],
  ])('is not asked again for %s', async (_, answer, ask) => {
    const { client, seen } = await serving(answer, answering());
    await expect(ask(client)).rejects.toThrow();
    expect(seen).toHaveLength(1);
  });

  it('is given up after a while', async () => {
    const { client, seen } = await serving(refusing(503));
    const fault: unknown = await client.get('/x').catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Refused);
    expect(seen.length).toBeGreaterThan(2);
  });

  it('is told what has been written so far, of all that answered', async () => {
    const { client, seen } = await serving(
      answering('a:t/0:7'),
      answering('a:t/0:7,b:u/1:3'),
      answering(),
      answering('a:t/0:5'),
      answering(),
    );
    for (let index = 0; index < 5; index++) await client.get('/x');
    expect(seen.map(({ token }) => token)).toEqual([
      undefined,
      'a:t/0:7',
      'a:t/0:7,b:u/1:3',
      'a:t/0:7,b:u/1:3',
      'a:t/0:7,b:u/1:3',
    ]);
  });
});
