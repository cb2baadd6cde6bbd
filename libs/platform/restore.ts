import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDurable, writeDurably } from '#libs/durable-files';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Position } from '#libs/event-sourcing/event';
import { type Instant, systemClock } from '#libs/time/time';
import { LOG_FILE, unpack } from './backup-archive.ts';
import { errorCode } from './error-code.ts';
import { lockData } from './open-storage.ts';

/** A backup that lies verified beside the data and waits to take their place. */
export type StagedRestore = Readonly<{
  id: string;
  stagedAt: Instant;
  /** Of the backup. */
  takenAt: Instant;
  logId: string;
  position: Position;
  files: number;
}>;

/** `replaced`: the folder that the earlier data were moved to, if there were any. */
export type Restored = StagedRestore & Readonly<{ replaced: string | null }>;

/** Written down before anything moves, so that an interrupted change is carried on and never begun anew. */
type Plan = Readonly<{ staged: StagedRestore; replaced: string; old: readonly string[]; made: readonly string[] }>;

const STAGE = 'restore';
const STAGED = 'staged.json';
const PLAN = 'plan.json';
const REPLACED = 'replaced-';
/** Not data: they stay where they are when the data are replaced. */
const STAYING = new Set([STAGE, 'backups', 'admin-credentials.json']);

/**
 * Restores in two steps: a backup is unpacked and verified in a folder of its own within the data directory, which changes nothing;
 * then, while no process holds the data, the earlier data are moved aside and it takes their place by renames.
 */
export class Restore {
  readonly #dataDir: string;
  readonly #logFile: string;
  readonly #stage: string;

  /** `logFile` is the log's path below the data directory. */
  constructor(dataDir: string, logFile: string) {
    this.#dataDir = dataDir;
    this.#logFile = logFile;
    this.#stage = join(dataDir, STAGE);
  }

  /** What lies in the data directory and would be moved aside. */
  async occupants(): Promise<readonly string[]> {
    const names = await readdir(this.#dataDir).catch((error: unknown): string[] => {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    });
    return names
      .filter((name) => !STAYING.has(name) && !name.startsWith(REPLACED) && !name.startsWith(`${this.#logFile}.lock`))
      .sort();
  }

  /** @throws DomainError `restore-staged` when one waits; `archive-damaged` */
  async stage(archive: string, id: string, read?: (bytes: number) => void): Promise<StagedRestore> {
    if (await this.staged())
      throw new DomainError('conflict', 'restore-staged', 'A restore is staged already: withdraw it first.');
    await rm(this.#stage, { recursive: true, force: true });
    await mkdir(this.#stage, { recursive: true, mode: 0o700 });
    try {
      const data = join(this.#stage, 'data');
      const { takenAt, logId, position, files } = await unpack(archive, data, read ? { read } : {});
      await rm(join(data, 'manifest.json'));
      if (this.#logFile !== LOG_FILE) {
        await mkdir(dirname(join(data, this.#logFile)), { recursive: true });
        await rename(join(data, LOG_FILE), join(data, this.#logFile));
      }
      await makeDurable(data);
      const staged = { id, stagedAt: systemClock.now(), takenAt, logId, position, files: files.length };
      await writeDurably(join(this.#stage, STAGED), JSON.stringify(staged), id);
      await makeDurable(this.#dataDir);
      return staged;
    } catch (error) {
      await rm(this.#stage, { recursive: true, force: true });
      throw error;
    }
  }

  async staged(): Promise<StagedRestore | undefined> {
    return readJson<StagedRestore>(join(this.#stage, STAGED));
  }

  /** @throws DomainError `not-found` */
  async withdraw(id: string): Promise<void> {
    if ((await this.staged())?.id !== id) throw new DomainError('not-found', 'restore-not-found', 'There is no such restore.');
    await rm(join(this.#stage, STAGED), { force: true });
    await rm(this.#stage, { recursive: true, force: true });
  }

  /** Has it begun to take the place of the data? Then it can only be carried on. */
  async isUnderWay(): Promise<boolean> {
    return (await readJson(join(this.#stage, PLAN))) !== undefined && (await this.staged()) !== undefined;
  }

  /**
   * Puts what is staged in the place of the data, or goes on doing so. Undefined: nothing is staged. @throws StorageError `locked`
   * while a process holds the data
   */
  async apply(): Promise<Restored | undefined> {
    if (!(await this.staged())) return undefined;
    return this.whileHeld(() => this.applyHeld());
  }

  /** Keeps every other process out of the data. What fails leaves no lock where there was none. @throws StorageError `locked` */
  async whileHeld<T>(work: () => Promise<T>): Promise<T> {
    const lock = `${join(this.#dataDir, this.#logFile)}.lock`;
    const isNew = !existsSync(lock);
    const made = await mkdir(this.#dataDir, { recursive: true, mode: 0o700 });
    const release = await lockData(this.#dataDir, this.#logFile);
    let failed = true;
    try {
      const result = await work();
      failed = false;
      return result;
    } finally {
      // While it is held: afterwards it may be another's.
      if (failed && isNew) await rm(lock, { force: true });
      release();
      if (failed && made !== undefined) await removeEmpty(this.#dataDir, made);
    }
  }

  /** `apply` within `whileHeld`. */
  async applyHeld(): Promise<Restored | undefined> {
    const staged = await this.staged();
    if (!staged) return undefined;
    const file = join(this.#stage, PLAN);
    const plan = (await readJson<Plan>(file)) ?? (await this.#plan(staged));
    await writeDurably(file, JSON.stringify(plan), staged.id);
    return this.#carryOut(plan);
  }

  async #plan(staged: StagedRestore): Promise<Plan> {
    const replaced = `${REPLACED}${systemClock.now().replaceAll(':', '-')}`;
    return { staged, replaced, old: await this.occupants(), made: await readdir(join(this.#stage, 'data')) };
  }

  async #carryOut({ staged, replaced, old, made }: Plan): Promise<Restored> {
    const aside = join(this.#dataDir, replaced);
    if (old.length > 0) await mkdir(aside, { recursive: true, mode: 0o700 });
    const moved = new Set(old.length > 0 ? await readdir(aside) : []);
    // What was moved aside before an interruption may bear the name of something restored since.
    for (const name of old) if (!moved.has(name)) await renameIfThere(join(this.#dataDir, name), join(aside, name));
    if (old.length > 0) await makeDurable(aside);
    await makeDurable(this.#dataDir);
    for (const name of made) await renameIfThere(join(this.#stage, 'data', name), join(this.#dataDir, name));
    await makeDurable(this.#dataDir);
    await rm(join(this.#stage, STAGED), { force: true });
    await rm(this.#stage, { recursive: true, force: true });
    return { ...staged, replaced: old.length > 0 ? aside : null };
  }
}

/** The folder and those above it, as far as `last`, until one is not empty. */
const removeEmpty = async (folder: string, last: string): Promise<void> => {
  const removed = await rmdir(folder).then(
    () => true,
    () => false,
  );
  if (removed && folder !== last) await removeEmpty(dirname(folder), last);
};

const renameIfThere = async (from: string, to: string): Promise<void> => {
  try {
    await rename(from, to);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
};

const readJson = async <Content>(file: string): Promise<Content | undefined> => {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Content;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};
