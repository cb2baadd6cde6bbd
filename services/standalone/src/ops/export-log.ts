import { open, type FileHandle, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { errorCode } from '#libs/platform/error-code';
import { count } from '../count.ts';
import { Pace, progressText } from './progress.ts';
import { Failed, type Session } from './session.ts';

type Line = Readonly<{ position: number; eventId: string }>;

/** Events an answer: what an interruption costs at most. */
const PAGE = 20_000;
const CHUNK = 65_536;
const NEWLINE = 10;
/** How the platform begins every line. */
const LINE_START = '{"position":';

/** Writes the log into a file, or goes on after its last whole line. False: interrupted. */
export const exportLog = async (session: Session, path: string, service: string | undefined): Promise<boolean> => {
  const { operations } = await session.service(service);
  const { file, isNew } = await opened(path);
  try {
    const last = await lastLine(file, path);
    if (last) await sameLog(session, `${operations}/log`, last, path);
    const from = last?.position ?? 0;
    const pace = new Pace(from);
    let position = from;
    for (;;) {
      if (session.interrupted.aborted) {
        session.print(`${path} goes as far as position ${String(position)}; the same command goes on from there.`);
        return false;
      }
      const response = await session.client.stream(`${operations}/log?after=${String(position)}&limit=${String(PAGE)}`);
      const head = Number(response.headers.get('x-log-head'));
      for await (const chunk of response.body) await file.write(chunk);
      const reached = (await lastLine(file, path))?.position ?? 0;
      session.progress.show(progressText(pace.at(reached, head), 'event'));
      if (reached >= head || reached === position) {
        position = reached;
        break;
      }
      position = reached;
    }
    await file.sync();
    session.result({ file: path, position, written: position - from });
    session.print(
      `${path} holds the log as far as position ${position.toLocaleString('en')} (${count(position - from, 'event')} more).`,
    );
    return true;
  } finally {
    const nothingCame = isNew && (await file.stat()).size === 0;
    await file.close();
    if (nothingCame) await rm(path, { force: true });
  }
};

const opened = async (path: string): Promise<Readonly<{ file: FileHandle; isNew: boolean }>> => {
  const unwritable = (error: unknown): never => {
    throw new Failed(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  };
  try {
    return { file: await open(path, 'ax+', 0o600), isNew: true };
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') return unwritable(error);
    return { file: await open(path, 'a+', 0o600).catch(unwritable), isNew: false };
  }
};

/**
 * Of a file that may be larger than memory; what follows the last newline was cut off by an interruption, and goes. Nothing goes of a
 * file that is something else.
 */
const lastLine = async (file: FileHandle, path: string): Promise<Line | undefined> => {
  const { size } = await file.stat();
  const end = await newlineBefore(file, size);
  const start = end === undefined ? 0 : ((await newlineBefore(file, end)) ?? -1) + 1;
  const text = Buffer.alloc(end === undefined ? Math.min(size, LINE_START.length) : end - start);
  await file.read(text, 0, text.length, start);
  const line = end === undefined ? undefined : lineOf(text.toString());
  if (end === undefined ? !LINE_START.startsWith(text.toString()) : !line)
    throw new Failed(`${path} is no export of a log: name another file.`);
  const whole = end === undefined ? 0 : end + 1;
  if (whole < size) await file.truncate(whole);
  return line;
};

/** Undefined: it is no line of an export. */
const lineOf = (text: string): Line | undefined => {
  try {
    const line = JSON.parse(text) as Partial<Line> | null;
    if (typeof line?.position === 'number' && typeof line.eventId === 'string')
      return { position: line.position, eventId: line.eventId };
  } catch {
    // As any other text.
  }
  return undefined;
};

/** The last newline before `end`. */
const newlineBefore = async (file: FileHandle, end: number): Promise<number | undefined> => {
  const chunk = Buffer.alloc(CHUNK);
  for (let to = end; to > 0;) {
    const from = Math.max(0, to - CHUNK);
    await file.read(chunk, 0, to - from, from);
    const found = chunk.subarray(0, to - from).lastIndexOf(NEWLINE);
    if (found >= 0) return from + found;
    to = from;
  }
  return undefined;
};

const sameLog = async ({ client }: Session, log: string, { position, eventId }: Line, path: string): Promise<void> => {
  const response = await client.stream(`${log}?after=${String(position - 1)}&limit=1`);
  const [text = ''] = (await textOf(Readable.from(response.body))).split('\n', 1);
  const there = text === '' ? undefined : (JSON.parse(text) as Line);
  if (there?.position !== position || there.eventId !== eventId)
    throw new Failed(
      `${path} holds another log: at position ${String(position)} this platform has another event. Name another file.`,
    );
};
