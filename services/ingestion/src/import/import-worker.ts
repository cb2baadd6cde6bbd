import { setTimeout as pause } from 'node:timers/promises';

export type ImportWork<Item extends Readonly<{ id: string }>> = Readonly<{
  /** The first that waits, if any does. */
  next: () => Promise<Item | undefined>;
  /** Ends when the item is done, whatever became of it; fails when that could not be written down. */
  run: (item: Item, signal: AbortSignal) => Promise<void>;
  failed: (error: unknown) => void;
}>;

const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 60_000;

/** Runs what waits, one after the other, and then waits to be woken. What fails stays first and is tried again after a pause. */
export class ImportWorker<Item extends Readonly<{ id: string }>> {
  readonly #work: ImportWork<Item>;
  #running: Readonly<{ id: string; ending: AbortController }> | undefined;
  #wake: () => void = () => undefined;
  #failures = 0;

  constructor(work: ImportWork<Item>) {
    this.#work = work;
  }

  /** Something may wait. */
  wake(): void {
    this.#wake();
  }

  /** Ends what runs, if it is this. */
  cancel(id: string): void {
    if (this.#running?.id === id) this.#running.ending.abort(new Error('cancelled'));
  }

  isRunning(id: string): boolean {
    return this.#running?.id === id;
  }

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  async idle(): Promise<boolean> {
    return this.#running === undefined && (await this.#work.next()) === undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => {
      this.#wake();
    });
    while (!signal.aborted) {
      // Before looking, so that what comes in meanwhile is not missed.
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      try {
        const next = await this.#work.next();
        if (next) await this.#run(next, signal);
        else await woken;
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#work.failed(error);
        const milliseconds = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
        await pause(milliseconds, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #run(item: Item, signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    this.#running = { id: item.id, ending };
    try {
      await this.#work.run(item, AbortSignal.any([signal, ending.signal]));
    } finally {
      this.#running = undefined;
    }
  }
}
