import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** How a delivered file begins. */
export type CsvHeader = Readonly<{ names: readonly string[]; gzip: boolean }>;

/** A header longer than this is no header. */
const LONGEST_HEADER = 1 << 20;

const GZIP = [0x1f, 0x8b];

/** Is the file gzip? Its first two bytes say so; its name is not asked. */
const isGzip = async (file: string): Promise<boolean> => {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && GZIP.every((byte, index) => buffer[index] === byte);
  } finally {
    await handle.close();
  }
};

/** Reads the names of the columns. Undefined: the file is empty or begins with no line that could be a header. */
export const readCsvHeader = async (file: string): Promise<CsvHeader | undefined> => {
  const gzip = await isGzip(file);
  const bytes = createReadStream(file);
  const text: Readable = gzip ? bytes.pipe(createGunzip()) : bytes;
  // `pipe` does not hand on an error of the file itself.
  bytes.on('error', (error) => text.destroy(error));
  let begin = '';
  try {
    for await (const chunk of text.setEncoding('utf8')) {
      begin += String(chunk);
      const names = namesIn(begin.replace(/^\uFEFF/, ''), false);
      if (names) return { names, gzip };
      if (begin.length > LONGEST_HEADER) return undefined;
    }
  } finally {
    bytes.destroy();
    text.destroy();
  }
  const names = namesIn(begin.replace(/^\uFEFF/, ''), true);
  return names && { names, gzip };
};

/** The fields of a text's first record, once it is there whole. */
const namesIn = (text: string, ended: boolean): readonly string[] | undefined => {
  const names: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  for (;;) {
    const match = field.exec(text);
    if (!match) return undefined;
    const [, inQuotes, bare = '', end = ''] = match;
    if (end === '' && !ended) return undefined;
    names.push((inQuotes?.replaceAll('""', '"') ?? bare).trim());
    if (end === ',') continue;
    return names.some((name) => name !== '') ? names : undefined;
  }
};
