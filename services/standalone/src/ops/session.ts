import { type PlatformClient, Refused } from '../platform-client.ts';
import { ProgressLine } from './progress.ts';

/** A command cannot do what it was asked for; the message is for the operator. */
export class Failed extends Error {
  override readonly name = 'Failed';
}

/** What every command works with. `print` is for people, `result` for programs: one of the two writes. */
export class Session {
  readonly client: PlatformClient;
  readonly json: boolean;
  /** Aborts at Ctrl-C. */
  readonly interrupted: AbortSignal;
  readonly progress: ProgressLine;
  readonly #out: (text: string) => void;

  constructor(
    client: PlatformClient,
    json: boolean,
    interrupted: AbortSignal,
    out: (text: string) => void = (text) => void process.stdout.write(text),
  ) {
    this.client = client;
    this.json = json;
    this.interrupted = interrupted;
    this.#out = out;
    this.progress = new ProgressLine(json);
  }

  print(text: string): void {
    this.progress.end();
    if (!this.json) this.#out(`${text}\n`);
  }

  result(content: unknown): void {
    this.progress.end();
    if (this.json) this.#out(`${JSON.stringify(content, null, 2)}\n`);
  }

  /** False when Ctrl-C came first. */
  async pause(milliseconds: number): Promise<boolean> {
    if (this.interrupted.aborted) return false;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.interrupted.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.interrupted.addEventListener('abort', done);
    });
    return !this.interrupted.aborted;
  }
}

/** The same refusal, with the names that would have done. */
export const naming = async <T>(what: string, names: () => Promise<readonly string[]>, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404 || !error.code.startsWith('unknown-')) throw error;
    throw new Failed(`${error.message.split('\n', 1)[0] ?? ''} ${what}: ${(await names()).join(', ')}.`);
  }
};
