import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson } from '#libs/canonical-json';
import { writeDurably } from '#libs/durable-files';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { errorCode } from '#libs/platform/error-code';
import { type RatingInput } from '../rating/rating-input.ts';
import { inTurns } from './in-turns.ts';

/** How many inputs are held in memory. */
const RECENT = 8;

const DIGEST = /^[0-9a-f]{64}$/;

/**
 * The inputs that ratings were made from, each under the SHA-256 of its canonical JSON: written once and never changed, so that any
 * revision of a bill can be explained by the very rules and files it was made from.
 */
export class InputArchive {
  /** The inputs used last, so that the same digest gives the very same object. */
  readonly #recent = new Map<string, RatingInput>();

  constructor(
    private readonly folder: string,
    private readonly newId: () => string,
  ) {}

  /** Durable when it answers. */
  async keep(input: RatingInput): Promise<string> {
    const text = await inTurns(inputText(input));
    const digest = createHash('sha256').update(text).digest('hex');
    const kept = this.#file(digest);
    if ((await readIfThere(kept)) !== text) {
      await mkdir(this.folder, { recursive: true });
      await writeDurably(kept, text, this.newId());
    }
    this.#remember(digest, input);
    return digest;
  }

  #remember(digest: string, input: RatingInput): void {
    this.#recent.delete(digest);
    this.#recent.set(digest, input);
    for (const oldest of this.#recent.keys()) if (this.#recent.size > RECENT) this.#recent.delete(oldest);
  }

  /** @throws DomainError `unavailable` when it is not there or not what its name says. */
  async get(digest: string): Promise<RatingInput> {
    const recent = this.#recent.get(digest);
    if (recent) return recent;
    const text = DIGEST.test(digest) ? await readIfThere(this.#file(digest)) : undefined;
    if (text === undefined || createHash('sha256').update(text).digest('hex') !== digest)
      throw new DomainError(
        'unavailable',
        'rating-input-missing',
        `What rating ${digest} was made from is not in the data directory.`,
      );
    const input = JSON.parse(text) as RatingInput;
    this.#remember(digest, input);
    return input;
  }

  #file(digest: string): string {
    return path.join(this.folder, `${digest}.json`);
  }
}

/** Texts of parts that several inputs share. */
const texts = new WeakMap<object, string>();

const textOf = (part: object): string => {
  const known = texts.get(part);
  if (known !== undefined) return known;
  const text = canonicalJson(part);
  texts.set(part, text);
  return text;
};

/** The canonical JSON of an input, part by part. */
const inputText = function* (input: RatingInput): Generator<void, string> {
  const fields: string[] = [];
  for (const [name, part] of Object.entries(input).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (part !== input.contracts)
      fields.push(`${JSON.stringify(name)}:${typeof part === 'object' ? textOf(part) : JSON.stringify(part)}`);
    else {
      const contracts: string[] = [];
      for (const contract of input.contracts) {
        contracts.push(textOf(contract));
        yield;
      }
      fields.push(`${JSON.stringify(name)}:[${contracts.join(',')}]`);
    }
    yield;
  }
  return `{${fields.join(',')}}`;
};

const readIfThere = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};
