import { type FastifyReply } from 'fastify';

const LOOKED_EVERY_MS = 250;

/**
 * Ends requests that nobody has answered in time, at most a quarter of a second late. One timer looks after all of them: a timer and
 * an abort signal for each, as Fastify's `handlerTimeout` makes them, cost as much as a small request itself.
 */
export class Deadlines {
  readonly #until = new Map<FastifyReply, number>();
  readonly #timer: NodeJS.Timeout;

  /** @param tooLate answers in the place of whoever should have */
  constructor(tooLate: (reply: FastifyReply) => void) {
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const [reply, until] of this.#until) {
        if (until > now) continue;
        this.#until.delete(reply);
        if (reply.sent) continue;
        // An answer that has begun cannot become another one.
        if (reply.raw.headersSent) reply.raw.destroy();
        else tooLate(reply);
      }
    }, LOOKED_EVERY_MS).unref();
  }

  begin(reply: FastifyReply, milliseconds: number): void {
    this.#until.set(reply, performance.now() + milliseconds);
  }

  end(reply: FastifyReply): void {
    this.#until.delete(reply);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#until.clear();
  }
}
