import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** The columns of a delivered file, and what it is. Parquet has their types, as the engine writes them, by place. */
export type Header = Readonly<{ names: readonly string[] }> &
  (Readonly<{ container: 'csv' | 'gzip' }> | Readonly<{ container: 'parquet'; types: readonly string[] }>);

/** A header longer than this is no header. */
const LONGEST_HEADER = 1 << 20;

/** What a file is by its first bytes; its name is not asked. JSON can only be a manifest. */
export type FileKind = 'csv' | 'gzip' | 'parquet' | 'zip' | 'json';

const MAGIC: readonly (readonly [FileKind, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['parquet', Buffer.from('PAR1')],
  ['zip', Buffer.from([0x50, 0x4b, 0x03, 0x04])],
];
const JSON_OBJECT = /^\uFEFF?\s*\{/;
const LONGEST_MAGIC = 64;

export const kindOf = async (file: string): Promise<FileKind> => {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LONGEST_MAGIC), 0, LONGEST_MAGIC, 0);
    const begin = buffer.subarray(0, bytesRead);
    const binary = MAGIC.find(([, magic]) => begin.subarray(0, magic.length).equals(magic))?.[0];
    return binary ?? (JSON_OBJECT.test(begin.toString('utf8')) ? 'json' : 'csv');
  } finally {
    await handle.close();
  }
};

/** Reads the names of the columns. Undefined: the file is empty or begins with no line that could be a header. */
export const readCsvHeader = async (file: string, container: 'csv' | 'gzip'): Promise<Header | undefined> => {
  const gzip = container === 'gzip';
  const bytes = createReadStream(file);
  const text: Readable = gzip ? bytes.pipe(createGunzip()) : bytes;
  // `pipe` does not hand on an error of the file itself.
  bytes.on('error', (error) => text.destroy(error));
  let begin = '';
  try {
    for await (const chunk of text.setEncoding('utf8')) {
      begin += String(chunk);
      const names = namesIn(begin.replace(/^\uFEFF/, ''), false);
      if (names) return { names, container };
      if (begin.length > LONGEST_HEADER) return undefined;
    }
  } finally {
    bytes.destroy();
    text.destroy();
  }
  const names = namesIn(begin.replace(/^\uFEFF/, ''), true);
  return names && { names, container };
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
