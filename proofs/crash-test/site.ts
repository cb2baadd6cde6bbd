import { readFile } from 'node:fs/promises';
import {
  createAdministrator,
  type Credentials,
  LoadClient,
  type PlatformProcess,
  startPlatformProcess,
} from '../platform-process.ts';
import { asked } from './customer.ts';

const CONNECTIONS = 24;
const QUIET_MS = 400;
const REST_TIMEOUT_MS = 120_000;
const LOOK_MS = 25;

export type ReadModelStatus = Readonly<{
  projection: string;
  state: string;
  position: number;
  lag: number;
  quarantined: number;
  error: string | null;
  progress: unknown;
}>;
type Reaction = Readonly<{ consumer: string; lag: number; parked: number; failure: unknown }>;
type Page<Item> = Readonly<{ items: readonly Item[]; total: number }>;

/** A running platform and a signed-in line to it. */
export type Running = Readonly<{
  process: PlatformProcess;
  line: LoadClient;
  /** From the start of the process to the first answer of a signed-in query. */
  firstAnswerMs: number;
  /** Processor time that the process took until then, which a busy machine does not stretch as it does the clock. */
  firstAnswerCpuMs: number | undefined;
}>;

/** A folder of data with its administrator, on which the platform is started again and again. */
export class Site {
  /** Of the first sign-in: it is used ever after, since a crash takes no session away. */
  #accessToken: string | undefined;

  private constructor(
    readonly dataDir: string,
    private readonly credentials: Credentials,
  ) {}

  static async at(dataDir: string): Promise<Site> {
    return new Site(dataDir, await createAdministrator(dataDir));
  }

  /** The same platform on a copy of the folder. */
  copiedTo(dataDir: string): Site {
    return new Site(dataDir, this.credentials);
  }

  async start({
    connections = CONNECTIONS,
    spawned,
  }: Readonly<{ connections?: number; spawned?: (kill: () => void) => void }> = {}): Promise<Running> {
    const started = performance.now();
    const process = await startPlatformProcess(this.dataDir, spawned ? { spawned } : {});
    const line = new LoadClient(process.url, connections);
    if (this.#accessToken === undefined) {
      const request = { method: 'POST', path: '/api/v1/auth/login', body: this.credentials };
      const { text, body } = await line.send<{ accessToken?: string }>(request);
      this.#accessToken = body.accessToken;
      if (this.#accessToken === undefined) throw new Error(`the administrator cannot log in: ${text}`);
    }
    line.authorize(this.#accessToken);
    await asked(line, '/me');
    const firstAnswerMs = performance.now() - started;
    return { process, line, firstAnswerMs, firstAnswerCpuMs: await cpuMsOf(process.pid) };
  }
}

const TICK_MS = 10;

/** From Linux's own books; undefined elsewhere. */
const cpuMsOf = async (pid: number): Promise<number | undefined> => {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return Number.isFinite(user + system) ? (user + system) * TICK_MS : undefined;
};

export const readModelsOf = async (line: LoadClient): Promise<readonly ReadModelStatus[]> =>
  (await asked<Page<ReadModelStatus>>(line, '/operations/read-models?limit=500')).body.items;

/** Position of the log's last event. */
export const headOf = async (line: LoadClient): Promise<number> =>
  Math.max(...(await readModelsOf(line)).map(({ position, lag }) => position + lag));

/** Waits until nothing goes on by itself: imports, reactions, ratings of `roots`, replays. */
export const untilAtRest = async (line: LoadClient, roots: readonly string[]): Promise<void> => {
  const deadline = performance.now() + REST_TIMEOUT_MS;
  let reasons: readonly string[];
  let head = -1;
  let since = performance.now();
  do {
    reasons = await restless(line, roots);
    // Some work waits a moment for more of its kind, and is nowhere to be seen meanwhile.
    const now = reasons.length === 0 ? await headOf(line) : -1;
    if (now === -1 || now !== head) since = performance.now();
    else if (performance.now() - since > QUIET_MS) return;
    head = now;
    if (reasons.length === 0) reasons = ['the log goes on'];
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  } while (performance.now() < deadline);
  throw new Error(`the platform does not come to rest: ${reasons.join(', ')}`);
};

const restless = async (line: LoadClient, roots: readonly string[]): Promise<readonly string[]> => {
  const reasons: string[] = [];
  for (const root of roots) {
    const imports = await asked<Page<{ status: string }>>(line, `/tenants/${root}/imports?limit=1`);
    for (const { status } of imports.body.items) if (status !== 'finished') reasons.push(`an import is ${status}`);
  }
  const reactions = await asked<Page<Reaction>>(line, '/operations/reactions?limit=500');
  for (const { consumer, lag } of reactions.body.items) if (lag > 0) reasons.push(`${consumer} is behind`);
  for (const { projection, progress } of await readModelsOf(line))
    if (progress !== null) reasons.push(`${projection} is replayed`);
  for (const root of roots) {
    const bills = await asked<Page<{ state: string }>>(line, `/tenants/${root}/bills?scope=subtree`);
    for (const { state } of bills.body.items) if (state !== 'current') reasons.push(`bills are ${state}`);
  }
  return reasons;
};

/** What an operator would have to look at. */
export const troubles = async (line: LoadClient): Promise<readonly string[]> => {
  const reactions = await asked<Page<Reaction>>(line, '/operations/reactions?limit=500');
  const health = await line.send({ method: 'GET', path: '/health/ready' });
  return [
    ...(health.status === 200 ? [] : [`not ready: ${health.text}`]),
    ...reactions.body.items
      .filter(({ parked, failure }) => parked > 0 || failure !== null)
      .map((reaction) => JSON.stringify(reaction)),
    ...(await readModelsOf(line))
      .filter(({ state, quarantined, error }) => state !== 'serving' || quarantined > 0 || error !== null)
      .map((status) => JSON.stringify(status)),
  ];
};
