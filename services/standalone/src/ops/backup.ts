import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDurable } from '#libs/durable-files';
import { restoreIn } from '#libs/platform/bootstrap';
import { readConfiguration, StorageConfiguration } from '#libs/platform/configuration';
import { errorCode } from '#libs/platform/error-code';
import { count } from '../count.ts';
import { Refused, Unreachable } from '../platform-client.ts';
import { bytes, Pace, progressText, type Progress } from './progress.ts';
import { Failed, type Session } from './session.ts';

type Archive = Readonly<{ bytes: number; sha256: string; position: number; files: number; missing: readonly string[] }>;
type Backup = Readonly<{
  id: string;
  status: 'running' | 'finished' | 'failed';
  startedAt: string;
  progress: (Progress & Readonly<{ step: string; unit: 'pages' | 'bytes' }>) | null;
  archive: Archive | null;
  error: string | null;
}>;

const POLL_MS = 250;

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Takes a backup, follows it, and downloads it. What an interruption left is gone on with: `FILE.part` is what has come so far, and
 * `FILE.part.json` says of which backup. False: interrupted.
 */
export const backup = async (session: Session, file: string, keep: boolean, service: string | undefined): Promise<boolean> => {
  const backups = `${(await session.service(service)).operations}/backups`;
  if (await isThere(file)) throw new Failed(`${file} is there already: name another file, or move it away.`);
  const unwritable = (error: unknown): never => {
    throw new Failed(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  };
  // Before the platform takes one that nobody fetches.
  await access(dirname(file), constants.W_OK).catch(unwritable);
  const note = `${file}.part.json`;
  const begun = (await earlier(session, backups, note)) ?? (await begin(session, backups));
  const { id } = begun;
  await writeFile(note, JSON.stringify({ id }), { mode: 0o600 }).catch(unwritable);
  const archive = await finished(session, `${backups}/${id}`);
  if (!archive || !(await download(session, `${backups}/${id}`, archive, file))) {
    session.print(`The backup ${id} stays with the platform; the same command goes on with it.`);
    return false;
  }
  await rm(note, { force: true });
  if (!keep) await session.client.delete(`${backups}/${id}`);
  session.result({ id, file, ...archive });
  session.print(
    `${file} holds the log as far as position ${archive.position.toLocaleString('en')} and ${count(archive.files - 1, 'file')} ` +
      `(${bytes(archive.bytes)}, sha256 ${archive.sha256}).`,
  );
  if (archive.missing.length > 0)
    session.print(
      `${count(archive.missing.length, 'file')} that the log refers to are not in the data directory: ${archive.missing.join(', ')}`,
    );
  return true;
};

/** Of a call that was interrupted. */
const earlier = async ({ client }: Session, backups: string, note: string): Promise<Backup | undefined> => {
  const text = await readFile(note, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { id } = JSON.parse(text) as Readonly<{ id: string }>;
  try {
    const { body } = await client.get<Backup>(`${backups}/${encodeURIComponent(id)}`);
    if (body.status !== 'failed') return body;
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404) throw error;
  }
  await rm(note.replace(/\.json$/, ''), { force: true });
  return undefined;
};

const begin = async (session: Session, backups: string): Promise<Backup> => {
  try {
    return (await session.client.post<Backup>(backups, {}, randomUUID())).body;
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'backup-running') throw error;
    const running = (await session.client.list<Backup>(backups)).find(({ status }) => status === 'running');
    if (!running) throw error;
    session.print(`A backup is being taken already (since ${running.startedAt}): it is the one that is downloaded.`);
    return running;
  }
};

const STEPS: Readonly<Record<string, string>> = { copying: 'Copying the log', checking: 'Checking files', packing: 'Packing' };

/** Undefined: interrupted. */
const finished = async (session: Session, path: string): Promise<Archive | undefined> => {
  for (;;) {
    const { body } = await session.client.get<Backup>(path);
    if (body.status === 'failed') throw new Failed(`The backup failed: ${body.error ?? ''}`);
    if (body.archive) return body.archive;
    if (body.progress)
      session.progress.show(
        `${STEPS[body.progress.step] ?? ''}: ${progressText(body.progress, body.progress.unit === 'pages' ? 'page' : 'byte')}`,
      );
    if (!(await session.pause(POLL_MS))) return undefined;
  }
};

/** False: interrupted. */
const download = async (session: Session, path: string, archive: Archive, file: string): Promise<boolean> => {
  const part = `${file}.part`;
  const there = await stat(part).then(
    ({ size }) => size,
    () => 0,
  );
  if (there < archive.bytes && !(await receive(session, path, archive, part, there))) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(part)) hash.update(chunk as Buffer);
  if (hash.digest('hex') !== archive.sha256) {
    await rm(part, { force: true });
    throw new Failed('What was downloaded is not what the platform sent (its SHA-256 differs). Repeat the command.');
  }
  await rename(part, file);
  await makeDurable(dirname(file));
  return true;
};

const receive = async (session: Session, path: string, archive: Archive, part: string, from: number): Promise<boolean> => {
  const pace = new Pace(from);
  const handle = await open(part, 'a', 0o600);
  try {
    let done = from;
    const response = await session.client.stream(`${path}/content`, { range: `bytes=${String(from)}-` });
    for await (const chunk of response.body) {
      await handle.write(chunk);
      done += chunk.length;
      session.progress.show(`Downloading: ${progressText(pace.at(done, archive.bytes), 'byte')}`);
      if (session.interrupted.aborted) return false;
    }
    await handle.sync();
    if (done < archive.bytes) throw new Unreachable('The download ended early. Repeat the command: it goes on from there.');
    return true;
  } catch (error) {
    if (error instanceof TypeError) throw new Unreachable('The download broke off. Repeat the command: it goes on from there.');
    throw error;
  } finally {
    await handle.close();
  }
};

type RestoreWishes = Readonly<{
  dataDir: string;
  replace: boolean;
  /** Of a platform whose services have logs of their own. */
  service: string | undefined;
}>;

/** Works on the data directory itself, which no process may hold. */
export const restore = async (session: Session, file: string, { dataDir, replace, service }: RestoreWishes): Promise<void> => {
  const size = await stat(file).then(
    (found) => found.size,
    (error: unknown) => {
      throw new Failed(errorCode(error) === 'ENOENT' ? `${file} is not there.` : `${file} cannot be read.`);
    },
  );
  const settings = readConfiguration([StorageConfiguration], {
    ...process.env,
    ...(service === undefined ? {} : { EVENT_STORE_URL: `sqlite:logs/${service}.db` }),
    DATA_DIR: dataDir,
  })(StorageConfiguration);
  const data = restoreIn(settings);
  if (!data)
    throw new Failed('EVENT_STORE_URL names a log outside the data directory: put the files of the backup there by hand.');
  const restored = await data.whileHeld(async () => {
    if (await data.isUnderWay()) {
      session.print('An interrupted restore is carried on.');
      return data.applyHeld();
    }
    const occupants = await data.occupants();
    if (occupants.length > 0 && service !== undefined)
      throw new Failed(
        `${dataDir} is not empty (${occupants.join(', ')}): what services share cannot be replaced for one of them. Name a new folder ` +
          'with --data, stop the platform, and put what comes to lie there in its place by hand.',
      );
    if (occupants.length > 0 && !replace)
      throw new Failed(
        `${dataDir} is not empty (${occupants.join(', ')}): name another folder, or say --replace, which moves all of it aside.`,
      );
    const waiting = await data.staged();
    if (waiting) await data.withdraw(waiting.id);
    const pace = new Pace(0);
    let done = 0;
    await data.stage(file, randomUUID(), (more) => {
      done += more;
      session.progress.show(`Verifying: ${progressText(pace.at(Math.min(done, size), size), 'byte')}`);
    });
    return data.applyHeld();
  });
  if (!restored) throw new Failed('Nothing was restored.');
  session.result({ dataDir, ...restored });
  session.print(
    `${dataDir} is as it was at ${restored.takenAt}, position ${restored.position.toLocaleString('en')}: ${count(restored.files, 'file')} verified.`,
  );
  if (restored.replaced !== null) session.print(`What was there before lies in ${restored.replaced}.`);
  session.print('Start the platform on it; everybody logs in anew, with the passwords of that time.');
};
