import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeDurable } from '#libs/durable-files';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Position } from '#libs/event-sourcing/event';
import { type Instant } from '#libs/time/time';

/** The log's file in every archive, whatever it is called in a data directory. */
export const LOG_FILE = 'tributary.db';
const MANIFEST = 'manifest.json';
const FORMAT = 'tributary-backup/1';
const MIB = 1_048_576;

type ArchivedFile = Readonly<{ path: string; bytes: number; sha256: string }>;

/** The first file of an archive; `missing` are files that the log refers to and that were not there. */
export type Manifest = Readonly<{
  format: typeof FORMAT;
  takenAt: Instant;
  logId: string;
  position: Position;
  files: readonly ArchivedFile[];
  missing: readonly string[];
}>;

type Reading = Readonly<{ signal?: AbortSignal; read?: (bytes: number) => void }>;

/** SHA-256 in hex of a file’s content. */
const digestOf = async (file: string, { signal, read = () => undefined }: Reading): Promise<ArchivedFile['sha256']> => {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: MIB, ...(signal ? { signal } : {}) })) {
    hash.update(chunk as Buffer);
    read((chunk as Buffer).length);
  }
  return hash.digest('hex');
};

/** Describes files of a folder for a manifest. */
export const describeFiles = async (
  folder: string,
  paths: readonly string[],
  reading: Reading,
): Promise<readonly ArchivedFile[]> => {
  const files: ArchivedFile[] = [];
  for (const path of paths) {
    const { size } = await stat(join(folder, path));
    files.push({ path, bytes: size, sha256: await digestOf(join(folder, path), reading) });
  }
  return files;
};

export const manifestOf = (of: Omit<Manifest, 'format'>): Manifest => ({ format: FORMAT, ...of });

/** Writes one tar of a folder's files, the manifest first; durable when it answers with the archive's own size and digest. */
export const pack = async (
  folder: string,
  manifest: Manifest,
  archive: string,
  { signal, read = () => undefined }: Reading,
): Promise<Readonly<{ bytes: number; sha256: string }>> => {
  await writeFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);
  const hash: Hash = createHash('sha256');
  let bytes = 0;
  const { create } = await import('tar');
  const entries = create({ cwd: folder, portable: true, strict: true }, [MANIFEST, ...manifest.files.map(({ path }) => path)]);
  const measured = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of entries) {
      signal?.throwIfAborted();
      hash.update(chunk);
      bytes += chunk.length;
      read(chunk.length);
      yield chunk;
    }
  };
  await pipeline(measured, createWriteStream(archive, { flush: true, mode: 0o600 }));
  await makeDurable(dirname(archive));
  return { bytes, sha256: hash.digest('hex') };
};

/**
 * Unpacks an archive into an empty folder and compares every file with the manifest; durable when it answers.
 * @throws DomainError `rejected` `archive-damaged` that names what is wrong
 */
export const unpack = async (archive: string, folder: string, reading: Reading = {}): Promise<Manifest> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { extract } = await import('tar');
  try {
    await extract({
      file: archive,
      cwd: folder,
      strict: true,
      filter: (_path, entry) => 'type' in entry && entry.type === 'File',
    });
  } catch (error) {
    if (isOfSystem(error)) throw error;
    throw damaged(`it cannot be read as a whole (${error instanceof Error ? error.message : String(error)})`);
  }
  const manifest = manifestIn(await readFile(join(folder, MANIFEST), 'utf8').catch(() => ''));
  const found = new Set(await filesBelow(folder));
  found.delete(MANIFEST);
  for (const { path, bytes, sha256 } of manifest.files) {
    if (!found.delete(path)) throw damaged(`${path} is not in it`);
    const file = join(folder, path);
    if ((await stat(file)).size !== bytes || (await digestOf(file, reading)) !== sha256)
      throw damaged(`${path} is not what the manifest says`);
    await makeDurable(file);
  }
  const [unknown] = found;
  if (unknown !== undefined) throw damaged(`${unknown} is not in its manifest`);
  for (const directory of new Set(manifest.files.map(({ path }) => dirname(join(folder, path))))) await makeDurable(directory);
  return manifest;
};

const damaged = (reason: string): DomainError =>
  new DomainError('rejected', 'archive-damaged', `This is no whole backup: ${reason}. Nothing was changed.`);

/** The disk's fault, not the archive's. */
const isOfSystem = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'syscall' in error && typeof error.syscall === 'string';

const filesBelow = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .split(sep)
        .join('/'),
    );
};

const manifestIn = (text: string): Manifest => {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw damaged('it begins with no manifest');
  }
  if (!isManifest(content)) throw damaged('its manifest is none that this program knows');
  const [unsafe] = content.files.filter(({ path }) => !isBelow(path));
  if (unsafe) throw damaged(`"${unsafe.path}" does not belong into a backup`);
  if (!content.files.some(({ path }) => path === LOG_FILE)) throw damaged('it holds no log');
  return content;
};

/** The log, or a file in a folder whose name no other part of the data directory bears. */
const isBelow = (path: string): boolean =>
  path === LOG_FILE || /^(?!keys\/|backups\/|restore\/)[a-z][a-z-]*\/(?!\.)[^/\\]+(\/(?!\.)[^/\\]+)*$/.test(path);

const isManifest = (content: unknown): content is Manifest =>
  hasFields(content, {
    format: 'string',
    takenAt: 'string',
    logId: 'string',
    position: 'number',
    files: 'object',
    missing: 'object',
  }) &&
  content['format'] === FORMAT &&
  Array.isArray(content['files']) &&
  content['files'].every((file) => hasFields(file, { path: 'string', bytes: 'number', sha256: 'string' }));

const hasFields = (of: unknown, fields: Readonly<Record<string, string>>): of is Record<string, unknown> =>
  typeof of === 'object' && of !== null && Object.entries(fields).every(([name, type]) => typeof Reflect.get(of, name) === type);
