import { type PlatformClient, Refused } from '../platform-client.ts';
import { table } from '../table.ts';
import { ProgressLine } from './progress.ts';

/** A command cannot do what it was asked for; the message is for the operator. */
export class Failed extends Error {
  override readonly name = 'Failed';
}

/** One service of the platform, as its operators' routes are reached; the only one has no name. */
export type Served = Readonly<{ name: string | undefined; operations: string }>;

/** All services share one process: there is nothing to name. */
const ALONE: readonly Served[] = [{ name: undefined, operations: '/operations' }];

/** What every command works with. `print` is for people, `result` for programs: one of the two writes. */
export class Session {
  readonly client: PlatformClient;
  readonly json: boolean;
  /** Aborts at Ctrl-C. */
  readonly interrupted: AbortSignal;
  readonly progress: ProgressLine;
  readonly #out: (text: string) => void;
  #services: Promise<readonly Served[]> | undefined;

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

  /** Those that the platform has behind its address; where all share one process, that one. */
  services(): Promise<readonly Served[]> {
    return (this.#services ??= this.#found());
  }

  /** @throws Failed naming those there are, when `name` is none of them, or is needed and missing */
  async service(name: string | undefined): Promise<Served> {
    const all = await this.services();
    const [first] = all;
    if (name === undefined && first && all.length === 1) return first;
    const found = name === undefined ? undefined : all.find((served) => served.name === name);
    if (found) return found;
    const names = all.flatMap((served) => served.name ?? []);
    if (names.length === 0) throw new Failed('The services share one process here: leave --service out.');
    throw new Failed(
      name === undefined
        ? `Say of which service with --service NAME. There are: ${names.join(', ')}.`
        : `There is no service "${name}". There are: ${names.join(', ')}.`,
    );
  }

  async #found(): Promise<readonly Served[]> {
    try {
      const { body } = await this.client.get<Readonly<{ items: readonly Readonly<{ name: string }>[] }>>('/services');
      return body.items.map(({ name }) => ({ name, operations: `/services/${name}/operations` }));
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return ALONE;
      throw error;
    }
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

/** What each service says of itself, in the order of the services; where there are several, each item with its service's name. */
export const everywhere = async <Item extends object>(
  session: Session,
  path: string,
): Promise<readonly (Item & Readonly<{ service?: string }>)[]> => {
  const found = await Promise.all(
    (await session.services()).map(async ({ name, operations }) =>
      (await session.client.list<Item>(`${operations}${path}`)).map((item) =>
        name === undefined ? item : { service: name, ...item },
      ),
    ),
  );
  return found.flat();
};

/** A table of what `everywhere` found: with a column for the service where there are several. */
export const tableOf = <Item extends Readonly<{ service?: string }>>(
  items: readonly Item[],
  { head, texts, row }: Readonly<{ head: readonly string[]; texts: number; row: (item: Item) => readonly string[] }>,
): string => {
  const several = items.some(({ service }) => service !== undefined);
  if (!several) return table({ head, texts, rows: items.map(row) });
  return table({
    head: ['service', ...head],
    texts: texts + 1,
    rows: items.map((item) => [item.service ?? '', ...row(item)]),
  });
};
