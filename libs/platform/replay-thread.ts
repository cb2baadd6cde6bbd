import { constants, setPriority } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { DomainError } from '#libs/event-sourcing/domain-error';

/** A replay that this process has begun, as whoever `writer` names. */
export type BegunReplay = Readonly<{ projection: string; writer: string }>;

type Ended = Readonly<{ refused?: Pick<DomainError, 'refusal' | 'code' | 'message'>; failed?: string }>;

const END = 'end';

/**
 * Carries a replay out in a thread that runs the program from its beginning, at low priority: folding millions of events takes turns
 * of many milliseconds, collecting their garbage included, and in the thread that answers every command would wait for them. Resolves
 * when it has ended; when the signal aborts, the thread leaves what it has stored for whoever goes on.
 * @throws DomainError, Error what ended it early
 */
export const replayInThread = async (program: string, replay: BegunReplay, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted();
  const argv = process.argv.slice(2);
  const worker = new Worker(program, { workerData: replay, argv, name: `replay of ${replay.projection}` });
  const end = (): void => {
    worker.postMessage(END);
  };
  signal.addEventListener('abort', end);
  try {
    const ended = await new Promise<Ended>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => {
        reject(new Error(`The thread of the replay has ended with code ${String(code)}.`));
      });
    });
    signal.throwIfAborted();
    if (ended.refused) throw new DomainError(ended.refused.refusal, ended.refused.code, ended.refused.message);
    if (ended.failed !== undefined) throw new Error(ended.failed);
  } finally {
    signal.removeEventListener('abort', end);
    await worker.terminate();
  }
};

/** In a thread that `replayInThread` has started: what it is for. */
export const replayOfThisThread = (): BegunReplay | undefined =>
  !isMainThread && isBegunReplay(workerData) ? workerData : undefined;

/** `carryOut` ends early when the signal aborts. What it throws reaches whoever has started the thread. */
export const inThisThread = async (carryOut: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  // Of this thread alone, where the system can.
  setPriority(constants.priority.PRIORITY_LOW);
  const ending = new AbortController();
  parentPort?.once('message', () => {
    ending.abort(new Error('The replay is to end here.'));
  });
  let ended: Ended = {};
  try {
    await carryOut(ending.signal);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    ended =
      error instanceof DomainError ? { refused: { refusal: error.refusal, code: error.code, message } } : { failed: message };
  }
  parentPort?.postMessage(ended);
  parentPort?.close();
};

const isBegunReplay = (data: unknown): data is BegunReplay =>
  typeof data === 'object' && data !== null && 'projection' in data && 'writer' in data;
