import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Answer, type LoadClient, type Request } from '../platform-process.ts';

/** A command as it is sent, and sent again. */
export type Order = Readonly<{
  request: Request;
  /** Statuses that acknowledge it; any other answer is a fault. */
  accepts: readonly number[];
  /** What of the answer's body must be the same for ever; all of it unless said. */
  lasting?: (body: unknown) => unknown;
  /** It says what to do now rather than what is so: nobody repeats it later. */
  momentary?: true;
}>;

export type Acknowledged = Readonly<{ order: Order; status: number; text: string; body: unknown; etag: string | null }>;

/** Something whose present state can be asked for, and compared with what was acknowledged. */
export interface Witness {
  /** What contradicts the acknowledged commands; a command under way may have had its effect or not. */
  faults(line: LoadClient): Promise<readonly string[]>;
}

/** The rest of a run makes no sense after this. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction';
}

/** A value that somebody else will bring. */
class Coming<T> {
  resolve!: (value: T) => void;
  readonly promise = new Promise<T>((resolve) => {
    this.resolve = resolve;
  });
}

const FAILURES_ON_A_LIVE_LINE = 20;
const ANSWER_TIMEOUT_MS = 120_000;

const etagOf = ({ headers }: Answer): string | null => {
  const { etag } = headers;
  return typeof etag === 'string' ? etag : null;
};

/**
 * Commands through a platform that dies: whatever was not answered is sent again, the same key and the same body, as soon as there is
 * a platform again. Keeps every acknowledgement.
 */
export class Desk {
  readonly acknowledged: Acknowledged[] = [];
  /** What commands were about since the last look at them. */
  readonly touched = new Set<Witness>();
  repeated = 0;
  #underWay = 0;
  #keys = 0;
  #line: LoadClient | undefined;
  #connected = new Coming<LoadClient>();
  #pausing: Coming<undefined> | undefined;
  #ended = false;

  constructor(private readonly run: string) {}

  connect(line: LoadClient): void {
    this.#line = line;
    this.#connected.resolve(line);
  }

  hangUp(): void {
    this.#line = undefined;
    this.#connected = new Coming<LoadClient>();
  }

  /** No command begins until `proceed`; resolves when those under way are answered. */
  async pause(): Promise<void> {
    this.#pausing ??= new Coming<undefined>();
    const deadline = performance.now() + ANSWER_TIMEOUT_MS;
    while (this.#underWay > 0) {
      if (performance.now() > deadline) throw new Contradiction('commands under way are not answered');
      await pause(5);
    }
  }

  proceed(): void {
    this.#pausing?.resolve(undefined);
    this.#pausing = undefined;
  }

  /** Whoever asks for anything from now on is told that the load has ended. */
  end(): void {
    this.#ended = true;
    this.proceed();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** @throws Contradiction for an answer that the order does not accept */
  async command(about: readonly Witness[], order: Order): Promise<Acknowledged> {
    await this.#pausing?.promise;
    if (this.#ended) throw new LoadEnded();
    const { method, path, headers } = order.request;
    const keyed: Order = {
      ...order,
      request: { ...order.request, headers: { ...headers, 'idempotency-key': `${this.run}-${String(this.#keys++)}` } },
    };
    for (const one of about) this.touched.add(one);
    this.#underWay += 1;
    try {
      const answer = await this.#answered(keyed.request, true);
      const { status, text, body } = answer;
      if (!order.accepts.includes(status)) throw new Contradiction(`${method} ${path}: ${String(status)} ${text}`);
      const kept: Acknowledged = { order: keyed, status, text, body, etag: etagOf(answer) };
      if (!order.momentary) this.acknowledged.push(kept);
      for (const one of about) this.touched.add(one);
      return kept;
    } finally {
      // Only after whoever asked has taken note of the answer.
      setImmediate(() => (this.#underWay -= 1));
    }
  }

  /** A query, also through deaths. */
  async ask<Body>(path: string): Promise<Answer<Body>> {
    if (this.#ended) throw new LoadEnded();
    return this.#answered<Body>({ method: 'GET', path: `/api/v1${path}` }, false);
  }

  async #answered<Body>(request: Request, isCommand: boolean): Promise<Answer<Body>> {
    let failures = 0;
    for (;;) {
      const line = this.#line ?? (await this.#connected.promise);
      try {
        return await line.send<Body>(request);
      } catch (error) {
        if (isCommand) this.repeated += 1;
        if (this.#line !== line) continue;
        // The platform was not killed by us yet, or has ended by itself.
        if (++failures > FAILURES_ON_A_LIVE_LINE) throw error;
        await pause(50);
      }
    }
  }
}

/** Ends an actor quietly. */
export class LoadEnded extends Error {
  override readonly name = 'LoadEnded';
}

/** Sends an acknowledged command again; answers how its answer differs from the first one. */
export const differenceOfRepeat = async (line: LoadClient, first: Acknowledged): Promise<string | undefined> => {
  const { order, status, text, body, etag } = first;
  const again = await line.send(order.request);
  const { lasting } = order;
  const same =
    again.status === status &&
    etagOf(again) === etag &&
    (lasting ? isDeepStrictEqual(lasting(again.body), lasting(body)) : again.text === text);
  if (same) return undefined;
  const what = `${order.request.method} ${order.request.path} (${order.request.headers?.['idempotency-key'] ?? ''})`;
  return `${what} was answered ${String(status)} ${etag ?? ''} ${text}, repeated ${String(again.status)} ${etagOf(again) ?? ''} ${again.text}`;
};

/** Runs `work` on all, a few at a time. */
export const atOnce = async <T>(all: Iterable<T>, width: number, work: (one: T) => Promise<void>): Promise<void> => {
  const left = all[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = left.next(); next.done !== true; next = left.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, worker));
};
