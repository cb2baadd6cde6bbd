import { createReadStream } from 'node:fs';
import { access, link, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { type Logger } from 'pino';
import { writeDurably } from '#libs/durable-files';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Position } from '#libs/event-sourcing/event';
import { StorageError } from '#libs/sqlite/storage-error';
import { type Instant, systemClock } from '#libs/time/time';
import { describeFiles, LOG_FILE, manifestOf, pack } from './backup-archive.ts';
import { errorCode } from './error-code.ts';
import { type KeptFiles } from './service.ts';
import { type Storage } from './storage.ts';

/** Of one step; `unit` says what is counted. `null`: not known yet. */
export type BackupProgress = Readonly<{
  step: 'copying' | 'checking' | 'packing';
  unit: 'pages' | 'bytes';
  done: number;
  total: number;
  perSecond: number | null;
  secondsLeft: number | null;
}>;

/** `bytes` and `sha256` of the whole file; `position` is the last event in it. */
export type Archive = Readonly<{
  bytes: number;
  sha256: string;
  logId: string;
  position: Position;
  files: number;
  missing: readonly string[];
}>;

export type Backup = Readonly<{
  id: string;
  status: 'running' | 'finished' | 'failed';
  startedAt: Instant;
  endedAt: Instant | null;
  /** While it runs. */
  progress: BackupProgress | null;
  archive: Archive | null;
  /** Why it failed. */
  error: string | null;
}>;

export type BackupSurroundings = Readonly<{
  dataDir: string;
  /** Where archives are kept. */
  folder: string;
  copyTo: Storage['copyTo'];
  files: readonly KeptFiles[];
  newId: () => string;
  log: Logger;
}>;

type Run = { readonly backup: Backup; readonly ending: AbortController; progress: BackupProgress | null; ended: Promise<void> };

const RECORD = '.json';
/** Whatever else lies in a folder that the operator named is not ours. */
const RECORDS = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.json$/;
const UNFINISHED = '.tar.part';
const WORK = 'work-';
/** Far less than anybody needs to read a file and remove it. */
const LINK_EVERY_MS = 20;

/** What a backup says that the end of its process has ended. */
const ENDED_WITH_PROCESS = 'The platform ended while it was being taken. Take another one.';

/**
 * Takes backups while the platform works, one at a time: the log is copied as of one moment, the files that this very copy refers to
 * are linked beside it (they are written once, so a link keeps them), and all of it becomes one archive.
 */
export class Backups {
  readonly #around: BackupSurroundings;
  #running: Run | undefined;

  constructor(around: BackupSurroundings) {
    this.#around = around;
  }

  /** Ends what an earlier process left unfinished. Before the first `begin`. */
  async recover(): Promise<void> {
    const { dataDir, folder } = this.#around;
    for (const name of await namesIn(workFolderIn(dataDir)))
      if (name.startsWith(WORK)) await rm(join(workFolderIn(dataDir), name), { recursive: true, force: true });
    for (const name of await namesIn(folder)) if (name.endsWith(UNFINISHED)) await rm(join(folder, name), { force: true });
    for (const backup of await this.list())
      if (backup.status === 'running')
        await this.#write({ ...backup, status: 'failed', endedAt: systemClock.now(), error: ENDED_WITH_PROCESS });
  }

  /** Resolves when the backup has begun; an `id` that there is already answers that one. @throws DomainError `backup-running` */
  async begin(id: string): Promise<Backup> {
    if (this.#running?.backup.id === id) return this.#present(this.#running);
    const known = await this.#read(id);
    if (known) return known;
    const running = this.#running;
    if (running)
      throw new DomainError(
        'conflict',
        'backup-running',
        `The backup ${running.backup.id} is being taken: wait for it, or cancel it.`,
      );
    const backup: Backup = {
      id,
      status: 'running',
      startedAt: systemClock.now(),
      endedAt: null,
      progress: null,
      archive: null,
      error: null,
    };
    const ending = new AbortController();
    const run: Run = { backup, ending, progress: null, ended: Promise.resolve() };
    this.#running = run;
    try {
      await mkdir(this.#around.folder, { recursive: true, mode: 0o700 });
      await this.#write(backup);
    } catch (error) {
      this.#running = undefined;
      throw storageFault(error, this.#around.folder);
    }
    run.ended = this.#run(run);
    return this.#present(run);
  }

  /** The latest first. */
  async list(): Promise<readonly Backup[]> {
    const names = (await namesIn(this.#around.folder)).filter((name) => RECORDS.test(name));
    const backups = await Promise.all(names.map((name) => this.#read(name.slice(0, -RECORD.length))));
    return backups.filter((backup) => backup !== undefined).toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  }

  /** @throws DomainError `not-found` */
  async get(id: string): Promise<Backup> {
    const backup = await this.#read(id);
    if (!backup) throw new DomainError('not-found', 'backup-not-found', 'There is no such backup.');
    return backup;
  }

  /** The archive's file and its size. @throws DomainError `not-found`, `conflict` */
  async archive(id: string): Promise<Readonly<{ file: string; bytes: number; sha256: string }>> {
    const { archive, status } = await this.get(id);
    if (!archive) throw new DomainError('conflict', 'backup-not-finished', `The backup is ${status}: it has no archive.`);
    const file = this.#file(id, '.tar');
    const size = await stat(file).then(
      (found) => found.size,
      () => undefined,
    );
    if (size !== archive.bytes)
      throw new DomainError('not-found', 'backup-not-found', 'The archive of this backup is not there any more.');
    return { file, bytes: archive.bytes, sha256: archive.sha256 };
  }

  /** From the byte `start` to the byte `end`, both included. */
  content(file: string, start: number, end: number): Readable {
    return createReadStream(file, { start, end, highWaterMark: 1_048_576 });
  }

  /** Ends one that runs; removes what there is of it. @throws DomainError `not-found` */
  async remove(id: string): Promise<void> {
    await this.get(id);
    if (this.#running?.backup.id === id) {
      const run = this.#running;
      run.ending.abort(new Error('It was cancelled.'));
      await run.ended;
    }
    for (const ending of ['.tar', RECORD]) await rm(this.#file(id, ending), { force: true });
  }

  /** Background work: ends a backup with the process. */
  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
      if (signal.aborted) resolve();
    });
    const run = this.#running;
    run?.ending.abort(new Error(ENDED_WITH_PROCESS));
    await run?.ended;
  }

  async #run(run: Run): Promise<void> {
    const { folder, log } = this.#around;
    const { id } = run.backup;
    const work = join(workFolderIn(this.#around.dataDir), `${WORK}${id}`);
    let ended: Backup;
    try {
      const archive = await this.#take(run, work);
      ended = { ...run.backup, status: 'finished', endedAt: systemClock.now(), archive };
      log.info({ backupId: id, ...archive }, 'backup taken');
    } catch (error) {
      const fault = run.ending.signal.aborted ? run.ending.signal.reason : storageFault(error, folder);
      ended = { ...run.backup, status: 'failed', endedAt: systemClock.now(), error: messageOf(fault) };
      log.warn({ backupId: id, err: error }, 'backup failed');
      await rm(this.#file(id, UNFINISHED), { force: true }).catch(() => undefined);
    }
    await rm(work, { recursive: true, force: true }).catch(() => undefined);
    // Where even that finds no room the record still says "running", and the next start says that it failed.
    await this.#write(ended).catch((error: unknown) => {
      log.error({ err: error, backupId: id }, 'the end of a backup could not be written down');
    });
    this.#running = undefined;
  }

  async #take(run: Run, work: string): Promise<Archive> {
    const { copyTo, dataDir, files: kept } = this.#around;
    const { signal } = run.ending;
    const takenAt = systemClock.now();
    await mkdir(work, { recursive: true, mode: 0o700 });
    const passing = kept.flatMap((of) => of.passing ?? []);
    const linkPassing = async (): Promise<void> => {
      for (const folder of passing)
        for (const path of await filesIn(join(dataDir, folder))) await linked(dataDir, work, `${folder}/${path}`);
    };
    const missing: string[] = [];
    const wanted = new Set<string>();
    await linkPassing();
    // The copy may refer to a file that comes after this, and goes before it is seen.
    const linking = again(linkPassing, LINK_EVERY_MS);
    const { logId, position } = await (async () => {
      const copied = await copyTo(join(work, LOG_FILE), { signal, progress: measuring(run, 'copying', 'pages') });
      try {
        for (const of of kept) for (const path of await of.in(copied.events(of.categories))) wanted.add(path);
      } finally {
        copied.close();
      }
      return copied;
    })().finally(linking.end);
    signal.throwIfAborted();
    for (const path of wanted) if (!(await linked(dataDir, work, path))) missing.push(path);
    const paths = [LOG_FILE, ...[...wanted].filter((path) => !missing.includes(path)).sort()];
    let total = 0;
    for (const path of paths) total += (await stat(join(work, path))).size;
    const described = await describeFiles(work, paths, { signal, read: counting(measuring(run, 'checking', 'bytes'), total) });
    const manifest = manifestOf({ takenAt, logId, position, files: described, missing });
    const unfinished = this.#file(run.backup.id, UNFINISHED);
    const read = counting(measuring(run, 'packing', 'bytes'), total);
    const { bytes, sha256 } = await pack(work, manifest, unfinished, { signal, read });
    await rename(unfinished, this.#file(run.backup.id, '.tar'));
    return { bytes, sha256, logId, position, files: paths.length, missing };
  }

  #present({ backup, progress }: Run): Backup {
    return { ...backup, progress };
  }

  async #read(id: string): Promise<Backup | undefined> {
    if (!/^[\w-]+$/.test(id)) return undefined;
    if (this.#running?.backup.id === id) return this.#present(this.#running);
    try {
      return JSON.parse(await readFile(this.#file(id, RECORD), 'utf8')) as Backup;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  #write(backup: Backup): Promise<void> {
    return writeDurably(this.#file(backup.id, RECORD), `${JSON.stringify(backup)}\n`, this.#around.newId());
  }

  #file(id: string, ending: string): string {
    return join(this.#around.folder, `${id}${ending}`);
  }
}

/** Does it again and again. `end` resolves once the last time is over; rejects with what went wrong. */
const again = (work: () => Promise<void>, everyMs: number): Readonly<{ end: () => Promise<void> }> => {
  const ending = new AbortController();
  const over = (async () => {
    while (!ending.signal.aborted) {
      await pause(everyMs, undefined, { signal: ending.signal }).catch(() => undefined);
      await work();
    }
  })();
  over.catch(() => undefined);
  return {
    end: async () => {
      ending.abort();
      await over;
    },
  };
};

/** Where links to kept files can be made: on the disk of the data directory, wherever the archives go. */
const workFolderIn = (dataDir: string): string => join(dataDir, 'backups');

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
};

const filesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
};

/** False: it is not there. What is linked already stays. */
const linked = async (dataDir: string, work: string, path: string): Promise<boolean> => {
  const target = join(work, path);
  try {
    await mkdir(dirname(target), { recursive: true });
    await link(join(dataDir, path), target);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return true;
    if (errorCode(error) !== 'ENOENT') throw error;
    // It may have been there before.
    return access(target).then(
      () => true,
      () => false,
    );
  }
};

const measuring = (run: Run, step: BackupProgress['step'], unit: BackupProgress['unit']) => {
  const started = performance.now();
  return (done: number, total: number): void => {
    const seconds = (performance.now() - started) / 1_000;
    const perSecond = done === 0 || seconds === 0 ? null : done / seconds;
    const left = Math.max(0, total - done);
    run.progress = { step, unit, done, total, perSecond, secondsLeft: perSecond === null ? null : left / perSecond };
  };
};

const counting = (report: (done: number, total: number) => void, total: number) => {
  let done = 0;
  return (bytes: number): void => {
    done += bytes;
    report(done, Math.max(total, done));
  };
};

/** The disk, a quota, or a limit of the process. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const storageFault = (error: unknown, folder: string): unknown =>
  NO_ROOM.has(errorCode(error)) || (error instanceof StorageError && error.fault === 'full')
    ? new StorageError(
        'full',
        `There is no room left for the backup in ${folder}. Free some space, or set BACKUP_FOLDER, and repeat it.`,
        {
          cause: error,
        },
      )
    : error;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
