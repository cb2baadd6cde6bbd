import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PlatformClient, Unreachable } from './platform-client.ts';

describe('a download', () => {
  const servers: Server[] = [];
  const serving = async (respond: (response: ServerResponse) => void): Promise<PlatformClient> => {
    const server = createServer((_, response) => {
      respond(response);
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new PlatformClient(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, 300);
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
      }, 50);
    });
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
