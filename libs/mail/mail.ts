import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Transporter } from 'nodemailer';
import { writeDurably } from '#libs/durable-files';

/** A letter in plain text to one address. Two with the same id are the same letter, sent twice. */
export type Letter = Readonly<{ id: string; to: string; subject: string; text: string }>;

/** The way out for letters. */
export interface Mail {
  /** Resolves once somebody else is responsible for the letter: the server took it, or it is on the disk. */
  send(letter: Letter): Promise<void>;
}

export type MailOptions = Readonly<{
  /** `smtp://USER:PASSWORD@HOST:PORT`, `smtps://…`, or `folder:PATH`. */
  url: string;
  /** `Name <address>`. */
  from: string;
  /** What a relative folder is relative to. */
  dataDir: string;
}>;

const FOLDER = 'folder:';

export const openMail = ({ url, from, dataDir }: MailOptions): Mail =>
  url.startsWith(FOLDER) ? new MailFolder(resolve(dataDir, url.slice(FOLDER.length)), from) : new Smtp(url, from);

/** A letter's own id, for whoever gets it twice. */
const messageId = ({ id }: Letter): string => `<${id}@tributary>`;

/** Loaded with the first letter: it is large, and most processes send none. */
const library = () => import('nodemailer');

class Smtp implements Mail {
  readonly #url: string;
  readonly #from: string;
  #transport: Transporter | undefined;

  constructor(url: string, from: string) {
    this.#url = url;
    this.#from = from;
  }

  async send(letter: Letter): Promise<void> {
    const { to, subject, text } = letter;
    const { createTransport } = await library();
    this.#transport ??= createTransport(this.#url, { from: this.#from });
    await this.#transport.sendMail({ messageId: messageId(letter), to: { name: '', address: to }, subject, text });
  }
}

/** One `.eml` file for each letter, for its owner's eyes only: most letters hold a token. */
class MailFolder implements Mail {
  readonly #folder: string;
  readonly #from: string;

  constructor(folder: string, from: string) {
    this.#folder = folder;
    this.#from = from;
  }

  async send(letter: Letter): Promise<void> {
    const { id, to, subject, text } = letter;
    const { createTransport } = await library();
    const composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' }, { from: this.#from });
    const { message } = await composer.sendMail({
      messageId: messageId(letter),
      to: { name: '', address: to },
      subject,
      text,
    });
    if (!Buffer.isBuffer(message)) throw new Error('a letter was composed that is no text');
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeDurably(join(this.#folder, `${id}.eml`), message.toString(), randomUUID(), 0o600);
  }
}
