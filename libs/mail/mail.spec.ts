import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { type Letter, type Mail, openMail } from './mail.ts';

const FROM = 'Tributary <no-reply@tributary.example>';
const LETTER: Letter = {
  id: 'a-letter',
  to: 'ada@example.com',
  subject: 'Einladung für Ada',
  text: 'Grüße\n\nhttps://tributary.example/invitations#token=eyJ\n',
};

type Received = Readonly<{ from: string; to: readonly string[]; content: string }>;

/** A server that takes letters, and one that has no room for them. */
const listening = async (received: Received[], refuse = false): Promise<SMTPServer> => {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, { envelope }, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          content: Buffer.concat(chunks).toString(),
        });
        done(refuse ? Object.assign(new Error('no room'), { responseCode: 452 }) : null);
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
};

const decoded = (content: string): string =>
  Buffer.from(
    content.replaceAll('=\r\n', '').replaceAll(/=([\dA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  ).toString();

const whatArrives = (content: string): void => {
  expect(content).toMatch(/^From: Tributary <no-reply@tributary\.example>\r$/m);
  expect(content).toMatch(/^To: ada@example\.com\r$/m);
  expect(content).toMatch(/^Message-ID: <a-letter@tributary>\r$/m);
  expect(decoded(content)).toContain('Grüße\r\n\r\nhttps://tributary.example/invitations#token=eyJ');
};

describe('letters into a folder', () => {
  let dataDir: string;
  let mail: Mail;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'mail-'));
    mail = openMail({ url: 'folder:mail', from: FROM, dataDir });
  });

  afterEach(() => rm(dataDir, { recursive: true }));

  it('are files that only their owner reads, one for each however often it is sent', async () => {
    await mail.send(LETTER);
    await mail.send(LETTER);
    await mail.send({ ...LETTER, id: 'another' });
    expect((await readdir(join(dataDir, 'mail'))).toSorted()).toEqual(['a-letter.eml', 'another.eml']);
    const file = join(dataDir, 'mail', 'a-letter.eml');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    whatArrives(await readFile(file, 'utf8'));
  });

  it('go to one address, whatever it looks like', async () => {
    await mail.send({ ...LETTER, to: '"x, bcc: eve@example.com"@example.com' });
    const content = await readFile(join(dataDir, 'mail', 'a-letter.eml'), 'utf8');
    expect(content).not.toMatch(/^(bcc|cc):/im);
    expect(content.match(/^To: (.*)$/m)?.[1]).toBe('<"x, bcc: eve@example.com"@example.com>');
  });
});

describe('letters by SMTP', () => {
  it('arrive at the server', async () => {
    const received: Received[] = [];
    const server = await listening(received);
    const { port } = server.server.address() as AddressInfo;
    await openMail({ url: `smtp://127.0.0.1:${String(port)}`, from: FROM, dataDir: '' }).send(LETTER);
    await new Promise<void>((resolve) => server.close(resolve));
    expect(received).toMatchObject([{ from: 'no-reply@tributary.example', to: ['ada@example.com'] }]);
    whatArrives(received[0]?.content ?? '');
  });

  it('fail when the server does not take them, or does not answer', async () => {
    const server = await listening([], true);
    const { port } = server.server.address() as AddressInfo;
    const mail = openMail({ url: `smtp://127.0.0.1:${String(port)}`, from: FROM, dataDir: '' });
    await expect(mail.send(LETTER)).rejects.toThrow('no room');
    await new Promise<void>((resolve) => server.close(resolve));
    await expect(mail.send(LETTER)).rejects.toThrow(/ECONNREFUSED/);
  });
});
