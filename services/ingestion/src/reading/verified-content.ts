import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isNativeError } from 'node:util/types';
import { createGunzip } from 'node:zlib';

const CHUNK = 1 << 20;
const LINE_BREAK = 0x0a;

/** How much of a file has been read (of its bytes as they lie on the disk), and how many line breaks were in it. */
export type Seen = Readonly<{ bytes: number; lines: number }>;

/**
 * SHA-256 (hex) of what a file says, gzip or not: the same content has one digest however it was packed. Reads gzip to its end, so
 * that a truncated file or a wrong checksum is found: DuckDB reads over a wrong checksum without a word. With `unpacked`, the content is
 * written there, so that nobody unpacks it twice.
 * @throws Error with a `code` of zlib for damaged gzip; the signal's reason when it aborts.
 */
export const digestOfContent = async (
  file: string,
  { unpacked, signal, seen }: Readonly<{ unpacked?: string; signal: AbortSignal; seen: (sofar: Seen) => void }>,
): Promise<string> => {
  const hash = createHash('sha256');
  const bytes = createReadStream(file, { highWaterMark: CHUNK });
  let lines = 0;
  const look = (chunk: Buffer): void => {
    hash.update(chunk);
    for (let at = chunk.indexOf(LINE_BREAK); at >= 0; at = chunk.indexOf(LINE_BREAK, at + 1)) lines++;
    seen({ bytes: bytes.bytesRead, lines });
  };
  if (unpacked === undefined) {
    const looking = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        look(chunk);
        done();
      },
    });
    await pipeline(bytes, looking, { signal });
  } else {
    const looking = new Transform({
      highWaterMark: 2 * CHUNK,
      transform: (chunk: Buffer, _encoding, done) => {
        look(chunk);
        done(null, chunk);
      },
    });
    const target = createWriteStream(unpacked, { highWaterMark: 2 * CHUNK });
    await pipeline(bytes, createGunzip({ chunkSize: CHUNK }), looking, target, { signal });
  }
  return hash.digest('hex');
};

const DAMAGES: Readonly<Record<string, string>> = {
  Z_BUF_ERROR: 'The gzip file is truncated: it ends in the middle of its data.',
  Z_DATA_ERROR: 'The gzip file is damaged: its checksum or its data is wrong.',
};

/** What is wrong with a gzip file, in a sentence; undefined when the error is another one. */
export const damageOf = (error: unknown): string | undefined =>
  isNativeError(error) && 'code' in error ? DAMAGES[String(error.code)] : undefined;
