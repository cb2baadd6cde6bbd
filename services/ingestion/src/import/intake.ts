import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, realpath, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { makeDurable } from '#libs/durable-files';
import { DomainError, type FieldError } from '#libs/event-sourcing/domain-error';
import { type ImportId } from '#libs/published/ids';
import { type ImportedFile } from '#libs/published/ingestion';
import { kindOf } from '../reading/csv-header.ts';
import { isTooLong, keyOf, readManifest } from '../reading/manifest.ts';

/** Where uploads wait until they have been read. */
export const deliveriesFolderOf = (dataDir: string): string => path.join(dataDir, 'deliveries');

/** A file on its way to the disk, or there. */
type Arriving = Readonly<{ name: string; content: Readable }>;

/**
 * Takes the files of one upload, each as it arrives, into a folder of this attempt alone. Names are ours: what the sender calls a
 * file is only shown.
 */
export class Upload {
  readonly #deliveries: string;
  readonly #folder: string;
  readonly #files: ImportedFile[] = [];
  readonly #digest = createHash('sha256');

  constructor(deliveries: string, importId: ImportId, attempt: string) {
    this.#deliveries = deliveries;
    this.#folder = path.join(importId, attempt);
  }

  get files(): readonly ImportedFile[] {
    return this.#files;
  }

  async take({ name, content }: Arriving): Promise<void> {
    const relative = path.join(this.#folder, String(this.#files.length));
    const target = path.join(this.#deliveries, relative);
    await mkdir(path.dirname(target), { recursive: true });
    const hash = createHash('sha256');
    let bytes = 0;
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        bytes += chunk.length;
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(content, counted, createWriteStream(target, { flush: true }));
    this.#digest.update(`${String(bytes)}:${hash.digest('hex')}\n`);
    this.#files.push({ name: shownName(name), path: relative, from: 'upload', bytes });
  }

  /** Of all files in their order and of `fields`: the same key with something else is another request. */
  digest(fields: unknown): string {
    return this.#digest.copy().update(JSON.stringify(fields)).digest('hex');
  }

  /** Makes the names of the files durable; their content is. */
  async settle(): Promise<void> {
    for (const folder of [this.#folder, path.dirname(this.#folder), '.']) await makeDurable(path.join(this.#deliveries, folder));
  }

  async discard(): Promise<void> {
    await rm(path.join(this.#deliveries, this.#folder), { recursive: true, force: true });
    // Another upload of the same import may be arriving beside it.
    await rmdir(path.join(this.#deliveries, path.dirname(this.#folder))).catch(() => undefined);
  }
}

const shownName = (name: string): string =>
  path
    .basename(name)
    .replaceAll(/\p{Cc}/gu, '')
    .slice(0, 200) || 'upload';

/**
 * Files in folders that the operator has allowed. A path may be relative to one of them; symbolic links and `..` lead nowhere.
 * @throws DomainError `invalid` `path-not-allowed` naming each path that is no such file
 */
export const allowedFiles = async (paths: readonly string[], folders: readonly string[]): Promise<readonly ImportedFile[]> => {
  const found = await Promise.all(paths.map((wanted) => allowedFile(wanted, folders)));
  const faults = found.flatMap((file, index): FieldError[] =>
    file
      ? []
      : [{ path: `paths[${String(index)}]`, message: `"${paths[index] ?? ''}" is no file in a folder that imports may read` }],
  );
  if (faults.length > 0)
    throw new DomainError('invalid', 'path-not-allowed', `${faults.map(({ message }) => message).join('; ')}.`, faults);
  return found.filter((file) => file !== undefined);
};

const allowedFile = async (wanted: string, folders: readonly string[]): Promise<ImportedFile | undefined> => {
  if (wanted.includes('\0') || wanted.split(/[/\\]/).includes('..')) return undefined;
  for (const folder of folders) {
    try {
      const root = await realpath(folder);
      const candidates = path.isAbsolute(wanted)
        ? [path.relative(path.resolve(folder), wanted), path.relative(root, wanted)]
        : [wanted];
      for (const inside of candidates) {
        if (inside === '' || inside.startsWith('..') || path.isAbsolute(inside)) continue;
        const file = path.join(root, inside);
        if ((await realpath(file)) !== file) continue;
        const { size, isFile } = await lstat(file).then((stats) => ({ size: stats.size, isFile: stats.isFile() }));
        if (isFile) return { name: path.basename(file), path: file, from: 'folder', bytes: size };
      }
    } catch {
      // Not there, or not readable: perhaps in the next folder.
      continue;
    }
  }
  return undefined;
};

/** A key of a bucket has at most 1024 bytes, and each of its folders is another place to look; `s3://` and the bucket come on top. */
const LONGEST_PART = 1_100;

/**
 * The files and, of the manifests among them, the parts that are there: in the manifest's folder, by as much of the part's key as
 * leads to a file, or in a folder above it by at least a folder and a name, as a bucket that was copied whole has them. What is not
 * found is left out: the reading refuses the delivery and names it.
 */
export const withNamedParts = async (
  files: readonly ImportedFile[],
  folders: readonly string[],
): Promise<readonly ImportedFile[]> => {
  const all = new Map(files.map((file) => [file.path, file]));
  for (const file of files) {
    if ((await kindOf(file.path).catch(() => undefined)) !== 'json') continue;
    const manifest = await readManifest(file);
    if (isTooLong(manifest)) continue;
    for (const part of new Set(manifest.parts)) {
      if (part.length > LONGEST_PART) continue;
      const found = await partOf(file.path, keyOf(part), folders);
      if (found && !all.has(found.path)) all.set(found.path, found);
    }
  }
  return [...all.values()];
};

const partOf = async (
  manifest: string,
  key: readonly string[],
  folders: readonly string[],
): Promise<ImportedFile | undefined> => {
  if (key.some((name) => name === '.' || name === '..')) return undefined;
  for (let folder = path.dirname(manifest); ; folder = path.dirname(folder)) {
    const shortest = folder === path.dirname(manifest) ? 1 : 2;
    for (let from = 0; from <= key.length - shortest; from++) {
      const found = await allowedFile(path.join(folder, ...key.slice(from)), folders);
      if (found) return found;
    }
    if (folder === path.dirname(folder) || !(await isInside(folder, folders))) return undefined;
  }
};

const isInside = async (folder: string, folders: readonly string[]): Promise<boolean> => {
  const roots = await Promise.all(folders.map((root) => realpath(root).catch(() => undefined)));
  return roots.some((root) => root !== undefined && folder !== root && folder.startsWith(root + path.sep));
};
