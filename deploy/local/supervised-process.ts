import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';

/** How a process is to be run. `label` stands before each of its lines. */
export type Wanted = Readonly<{
  label: string;
  script: string;
  environment: Readonly<Record<string, string | undefined>>;
  say: (line: string) => void;
  /** Its process id has changed; undefined while there is none. */
  changed: (pid: number | undefined) => void;
  /** It has ended by itself; false: it is not to be started again. */
  ended: (code: number | null) => boolean;
}>;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** After so long the next end is a new trouble. */
const AT_REST_MS = 30_000;

/** One process that is started again whenever it ends by itself, after a pause that grows while it keeps ending. */
export class SupervisedProcess {
  readonly #wanted: Wanted;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #pause: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #stopping = false;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  start(): void {
    const { label, script, environment, say, changed } = this.#wanted;
    const started = performance.now();
    const child = spawn(process.execPath, [script], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C reaches this process alone, which ends the others in order.
      detached: true,
    });
    this.#child = child;
    changed(child.pid);
    for (const stream of [child.stdout, child.stderr]) this.#prefix(stream);
    this.#gone = new Promise((resolve) => {
      child.once('error', (error) => {
        say(`${label} cannot be started: ${error.message}`);
      });
      child.once('close', (code, signal) => {
        this.#child = undefined;
        changed(undefined);
        resolve();
        if (!this.#stopping) this.#again(child.pid, code, signal, performance.now() - started);
      });
    });
  }

  /** Asks it to end, and ends it after `milliseconds`. */
  async stop(milliseconds: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#pause);
    this.#child?.kill('SIGTERM');
    const patience = setTimeout(() => {
      this.kill();
    }, milliseconds);
    await this.#gone;
    clearTimeout(patience);
  }

  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#pause);
    this.#child?.kill('SIGKILL');
  }

  #prefix(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      this.#wanted.say(`${this.#wanted.label} | ${line}`);
    });
  }

  #again(pid: number | undefined, code: number | null, signal: NodeJS.Signals | null, ranMs: number): void {
    const { label, say, ended } = this.#wanted;
    const how = signal ? `was ended by ${signal}` : `ended with ${String(code)}`;
    if (!ended(code)) return say(`${label} (${String(pid)}) ${how}.`);
    if (ranMs > AT_REST_MS) this.#pauseMs = FIRST_PAUSE_MS;
    say(`${label} (${String(pid)}) ${how}; it is started again in ${String(this.#pauseMs / 1_000)} s.`);
    this.#pause = setTimeout(() => {
      this.start();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
