import { type Logger } from 'pino';
import { type Background } from './service.ts';

/** Runs what services do beside the requests. Work that fails stays down and makes the process not ready: it is never silent. */
export class BackgroundWork {
  readonly #log: Logger;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #failed: string[] = [];
  #works: readonly Background[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  get failed(): readonly string[] {
    return this.#failed;
  }

  /** What the works say of themselves. */
  get troubles(): readonly string[] {
    return this.#works.flatMap(({ troubles }) => troubles?.() ?? []);
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  start(works: readonly Background[]): void {
    this.#works = works;
    for (const work of works) this.#running.push(this.#run(work));
  }

  /** Read models have changed without an event: what waited for that goes on. */
  wake(): void {
    for (const { wake } of this.#works) wake?.();
  }

  async idle(): Promise<boolean> {
    for (const { idle } of this.#works) if (idle && !(await idle())) return false;
    return true;
  }

  /** Asks everything to end and waits, `milliseconds` at most. False: something is still under way. */
  async end(milliseconds: number): Promise<boolean> {
    this.#ending.abort();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, milliseconds, false);
    });
    const ended = await Promise.race([Promise.all(this.#running).then(() => true), patience]);
    clearTimeout(timer);
    return ended;
  }

  async #run({ name, run }: Background): Promise<void> {
    try {
      await run(this.#ending.signal);
      if (!this.#ending.signal.aborted) this.#fail(name, new Error('it ended by itself'));
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#fail(name, error);
    }
  }

  #fail(name: string, error: unknown): void {
    this.#failed.push(name);
    this.#log.error({ err: error, background: name }, 'background work failed');
  }
}
