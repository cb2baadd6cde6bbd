import { type Acknowledged, Desk, type Order } from '../crash-test/desk.ts';
import { type Running, Site } from '../crash-test/site.ts';

type Given = Readonly<{ size: number; seed: number }>;
/** `seen` in figures; nothing in `faults`: it holds. */
type Outcome = Readonly<{ seen: string; faults: readonly string[] }>;
export type Case = Readonly<{ name: string; run: (dataDir: string, given: Given) => Promise<Outcome> }>;

/** A platform on a folder of its own, with the commands that were sent to it. */
export class Ground {
  readonly desk = new Desk('contention');
  #running: Running;

  private constructor(
    readonly site: Site,
    running: Running,
    private readonly connections: number,
  ) {
    this.#running = running;
    this.desk.connect(running.line);
  }

  /** Runs `work` on a new platform, and ends it, whatever comes of it. */
  static async for<T>(dataDir: string, connections: number, work: (ground: Ground) => Promise<T>): Promise<T> {
    const site = await Site.at(dataDir);
    const ground = new Ground(site, await site.start({ connections }), connections);
    try {
      return await work(ground);
    } finally {
      await ground.kill();
    }
  }

  get line(): Running['line'] {
    return this.#running.line;
  }

  async kill(): Promise<void> {
    this.desk.hangUp();
    await this.#running.process.kill();
    await this.#running.line.close();
  }

  async restart(): Promise<void> {
    this.#running = await this.site.start({ connections: this.connections });
    this.desk.connect(this.#running.line);
  }

  /** A POST under a key. Refusals that are accepted name the trace of their request: the code alone is for ever. */
  post(path: string, body: object, ...accepts: readonly number[]): Promise<Acknowledged> {
    const order: Order = { request: { method: 'POST', path: `/api/v1${path}`, body }, accepts };
    return this.desk.command([], accepts.length > 1 ? { ...order, lasting: idOrCode } : order);
  }
}

const idOrCode = (body: unknown): unknown => {
  const { code, ...rest } = body as Readonly<Record<string, unknown>>;
  return code ?? rest;
};

export const idOf = ({ body }: Acknowledged): string => (body as Readonly<{ id: string }>).id;

/** One for each of `count`, all begun at once. */
export const allAtOnce = <T>(count: number, work: (n: number) => Promise<T>): Promise<readonly T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => work(n)));
