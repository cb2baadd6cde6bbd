import { type CustomTransportStrategy, Server } from '@nestjs/microservices';

/**
 * Hosts whoever reads the bus in a Nest application: `listen` starts it, `close` ends it and waits for what is at work. Nest's own
 * transports retry for ever and hold no order; delivering, parking and places are the bus's.
 */
export class BusStrategy extends Server implements CustomTransportStrategy {
  readonly #run: (signal: AbortSignal) => Promise<void>;
  readonly #ending = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(run: (signal: AbortSignal) => Promise<void>) {
    super();
    this.#run = run;
  }

  listen(listening: (error?: unknown) => unknown): void {
    this.#running = this.#run(this.#ending.signal);
    listening();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  on(): never {
    throw new TypeError('The bus tells its consumers only.');
  }

  unwrap(): never {
    throw new TypeError('The bus shows nobody its client.');
  }
}
