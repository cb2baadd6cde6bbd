import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson } from '#libs/canonical-json';
import { writeDurably } from '#libs/durable-files';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { errorCode } from '#libs/platform/error-code';
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
    await writeDurably(kept, text, this.newId());
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
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};
