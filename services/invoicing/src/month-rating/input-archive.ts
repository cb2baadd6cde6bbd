import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson } from '#libs/canonical-json';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type RatingInput } from '../rating/rating-input.ts';

const DIGEST = /^[0-9a-f]{64}$/;

/**
 * The inputs that ratings were made from, each under the SHA-256 of its canonical JSON: written once and never changed, so that any
 * revision of a bill can be explained by the very rules and files it was made from.
 */
export class InputArchive {
  constructor(
    private readonly folder: string,
    private readonly newId: () => string,
  ) {}

  /** Durable when it answers. */
  async keep(input: RatingInput): Promise<string> {
    const text = canonicalJson(input);
    const digest = createHash('sha256').update(text).digest('hex');
    const kept = this.#file(digest);
    if ((await readIfThere(kept)) === text) return digest;
    await mkdir(this.folder, { recursive: true });
    const attempt = `${kept}.${this.newId()}`;
    try {
      await writeSynced(attempt, text);
      await rename(attempt, kept);
    } catch (error) {
      await rm(attempt, { force: true });
      throw error;
    }
    await sync(this.folder);
    return digest;
  }

  /** @throws DomainError `unavailable` when it is not there or not what its name says. */
  async get(digest: string): Promise<RatingInput> {
    const text = DIGEST.test(digest) ? await readIfThere(this.#file(digest)) : undefined;
    if (text === undefined || createHash('sha256').update(text).digest('hex') !== digest)
      throw new DomainError(
        'unavailable',
        'rating-input-missing',
        `What rating ${digest} was made from is not in the data directory.`,
      );
    return JSON.parse(text) as RatingInput;
  }

  #file(digest: string): string {
    return path.join(this.folder, `${digest}.json`);
  }
}

const readIfThere = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
};

const writeSynced = async (file: string, text: string): Promise<void> => {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const sync = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
