import { Worker } from 'node:worker_threads';

/** Shared with the worker. Both flags go from 0 to 1: the owner asks for the end, the worker has closed its connection. */
export type CheckpointWork = Readonly<{ file: string; everyMs: number; shared: boolean; flags: Int32Array<SharedArrayBuffer> }>;
export const ASKED_TO_END = 0;
export const ENDED = 1;

const EVERY_MS = 100;
/** Longer than a checkpoint of what is written meanwhile takes. */
const END_MS = 5_000;
const SCRIPT = new URL(`./checkpoint-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

/**
 * Moves committed pages from the write-ahead log into the database file on a thread of its own, while the owner goes on writing. On
 * the owner's thread each checkpoint holds up all requests for tens of milliseconds, several times a second under load.
 */
export class Checkpoints {
  readonly #flags = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  #running = true;

  constructor(file: string, { shared }: Readonly<{ shared: boolean }>) {
    const work: CheckpointWork = { file, everyMs: EVERY_MS, shared, flags: this.#flags };
    const worker = new Worker(SCRIPT, { workerData: work });
    worker.unref();
    const gone = (): void => {
      this.#running = false;
    };
    // Without it the owner's own connection makes the checkpoints, only later.
    worker.on('error', gone);
    worker.on('exit', gone);
  }

  /** Returns when the worker's connection is closed: synchronous, as closing the database is. */
  end(): void {
    Atomics.store(this.#flags, ASKED_TO_END, 1);
    Atomics.notify(this.#flags, ASKED_TO_END);
    if (this.#running) Atomics.wait(this.#flags, ENDED, 0, END_MS);
  }
}
