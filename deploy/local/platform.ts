import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Addresses, readAddresses } from './addresses.ts';
import { enginesOf, missingEngines, type Plan, type Planned, planOf, SERVICES, serversIn } from './platform-plan.ts';
import { SupervisedProcess } from './supervised-process.ts';

const USAGE = `Runs every service as processes of its own, on Kafka and MongoDB, behind one address.

  npm run platform -- [--instances N] [--data DIR] [--port N] [--pids FILE]

  --instances N  processes of each service; default: 1
  --data DIR     what they share: usage, keys, and a log of each service where no event store is named; default: DATA_DIR or ./data
  --port N       of the gateway; default: PORT or 8080
  --pids FILE    keeps the process ids there: {"tenants": [pid, …], …, "gateway": [pid]}

The engines are those that "npm run engines:up" has started, unless MESSAGING_URL, READ_MODELS_URL and EVENT_STORE_URL name others.
The gateway's address comes last, once every service is ready. Ctrl-C ends all of it, a second one at once.
`;

/** Of a process that was asked to end: its own patience, and some more. */
const STOP_MS = 20_000;
const LOOKED_EVERY_MS = 250;
const TOLD_EVERY_MS = 10_000;

/** What the reader can do something about. */
class Refused extends Error {
  override readonly name = 'Refused';
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const naturalIn = (text: string, name: string, most: number): number => {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > most)
    throw new Refused(`${name} must be a number from 1 to ${String(most)}, not "${text}".`);
  return Number(text);
};

/** npm runs scripts in the project's folder; the paths a person types start where they typed them. */
const typed = (path: string): string => resolve(process.env['INIT_CWD'] ?? '.', path);

const options = {
  instances: { type: 'string' },
  data: { type: 'string' },
  port: { type: 'string' },
  pids: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const typedOptions = () => {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Refused(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
};

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((decide) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const done = (answered: boolean): void => {
      socket.destroy();
      decide(answered);
    };
    socket
      .once('connect', () => {
        done(true);
      })
      .once('timeout', () => {
        done(false);
      })
      .once('error', () => {
        done(false);
      });
  });

/** @throws Refused with all that is missing or does not answer */
const engines = async (): Promise<Addresses> => {
  const found = enginesOf(process.env, readAddresses());
  const missing = missingEngines(found).map((engine) => `${engine} is missing`);
  const silent = await Promise.all(
    Object.entries(found).map(async ([variable, url]) => {
      const servers = url.startsWith('sqlite:') ? [] : serversIn(url);
      const there = await Promise.all(servers.map(({ host, port }) => answers(host, port)));
      return servers.length > 0 && !there.includes(true) ? [`${variable}: nobody answers at ${url}`] : [];
    }),
  );
  const faults = [...missing, ...silent.flat()];
  if (faults.length > 0)
    throw new Refused(
      `The engines are not there:\n  - ${faults.join('\n  - ')}\nStart them with "npm run engines:up", or name them in the environment.`,
    );
  return found;
};

/** Topics, collections and indexes. In a process of its own: what it loads is not needed any more. */
const prepared = async (found: Addresses): Promise<void> => {
  const child = spawn(process.execPath, [join(COMPILED, 'deploy', 'prepare', 'main.js')], {
    env: { ...process.env, ...found },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as readonly unknown[];
  if (code !== 0) throw new Refused('The engines could not be prepared; why stands above.');
};

/** The log of `npm start` would lie there unread, and its administrator be unknown. */
const refuseDataOfOneProcess = async (dataDir: string): Promise<void> => {
  const isThere = await access(join(dataDir, 'tributary.db')).then(
    () => true,
    () => false,
  );
  if (isThere)
    throw new Refused(`${dataDir} holds the data of a platform in one process (tributary.db): name another folder with --data.`);
};

/** All at once, so that they differ. */
const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((listening, reject) => {
        server.once('error', reject).listen(0, '127.0.0.1', () => {
          listening(server);
        });
      });
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
};

/** Keeps `{service: [pid, …]}` in a file; a reader never sees half of it. */
class PidsFile {
  readonly #file: string | undefined;
  readonly #pids = new Map<string, Map<string, number>>();
  #written: Promise<void> = Promise.resolve();

  constructor(file: string | undefined) {
    this.#file = file;
  }

  set({ service, label }: Planned, pid: number | undefined): void {
    const pids = this.#pids.get(service) ?? new Map<string, number>();
    this.#pids.set(service, pids);
    if (pid === undefined) pids.delete(label);
    else pids.set(label, pid);
    this.#written = this.#written.then(() => this.#write());
  }

  async remove(): Promise<void> {
    await this.#written;
    if (this.#file !== undefined) await rm(this.#file, { force: true });
  }

  async #write(): Promise<void> {
    if (this.#file === undefined) return;
    const content = Object.fromEntries(
      [...this.#pids].map(([service, pids]) => [
        service,
        [...pids].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, pid]) => pid),
      ]),
    );
    await writeFile(`${this.#file}.new`, `${JSON.stringify(content)}\n`);
    await rename(`${this.#file}.new`, this.#file);
  }
}

/** Below the folder of compiled files, wherever this one lies. */
const COMPILED = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

type Health = Readonly<{ status?: string; reasons?: readonly string[] }>;

class RunningPlatform {
  readonly #services: readonly SupervisedProcess[];
  readonly #gateway: SupervisedProcess;
  readonly #pids: PidsFile;
  /** Until all of it is ready, a process that gives up would only do so again. */
  #complete = false;
  #stopped: Promise<void> | undefined;
  readonly stopping = new AbortController();
  #gaveUp: string | undefined;

  constructor({ services, gateway }: Plan, pids: PidsFile) {
    this.#pids = pids;
    this.#services = services.map((planned) => this.#supervised(planned));
    this.#gateway = this.#supervised(gateway);
  }

  start(): void {
    for (const service of this.#services) service.start();
    this.#gateway.start();
  }

  /** False: it was ended before. @throws Refused when a process gives up */
  async untilReady(url: string): Promise<boolean> {
    let told = performance.now();
    while (!this.stopping.signal.aborted) {
      const { status, reasons = [] } = await healthAt(url);
      this.#complete = status === 'ready';
      if (this.#complete) return true;
      if (performance.now() - told > TOLD_EVERY_MS) {
        told = performance.now();
        say(`Not ready yet: ${reasons.join('; ')}`);
      }
      await sleep(LOOKED_EVERY_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
    if (this.#gaveUp !== undefined) throw new Refused(`${this.#gaveUp} could not start; what it said stands above.`);
    return false;
  }

  /** The gateway first, so that nobody meets a service that has gone. */
  stop(): Promise<void> {
    this.stopping.abort();
    return (this.#stopped ??= this.#stop());
  }

  kill(): void {
    for (const one of [this.#gateway, ...this.#services]) one.kill();
  }

  async #stop(): Promise<void> {
    await this.#gateway.stop(STOP_MS);
    await Promise.all(this.#services.map((service) => service.stop(STOP_MS)));
    await this.#pids.remove();
  }

  #supervised(planned: Planned): SupervisedProcess {
    return new SupervisedProcess({
      label: planned.label,
      script: join(COMPILED, planned.script),
      environment: planned.environment,
      say,
      changed: (pid) => {
        this.#pids.set(planned, pid);
      },
      ended: (code) => {
        if (this.#complete || code === null) return true;
        this.#gaveUp ??= planned.label;
        this.stopping.abort();
        return false;
      },
    });
  }
}

const healthAt = async (url: string): Promise<Health> => {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) });
    return (await response.json()) as Health;
  } catch {
    return { reasons: ['the gateway does not answer'] };
  }
};

const platform = async (): Promise<void> => {
  const values = typedOptions();
  if (values.help) return say(USAGE);
  const wishes = {
    instances: naturalIn(values.instances ?? '1', '--instances', 20),
    dataDir: values.data === undefined ? resolve(process.env['DATA_DIR'] ?? 'data') : typed(values.data),
    port: naturalIn(values.port ?? process.env['PORT'] ?? '8080', '--port', 65_535),
    environment: process.env,
  };
  const found = await engines();
  await refuseDataOfOneProcess(wishes.dataDir);
  await mkdir(join(wishes.dataDir, 'logs'), { recursive: true, mode: 0o700 });
  await prepared(found);
  const plan = planOf(wishes, found, await freePorts(SERVICES.length * wishes.instances));
  const running = new RunningPlatform(plan, new PidsFile(values.pids === undefined ? undefined : typed(values.pids)));
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (running.stopping.signal.aborted) running.kill();
      else void running.stop();
    });
  running.start();
  const url = `http://127.0.0.1:${String(wishes.port)}`;
  try {
    if (await running.untilReady(url)) say(`Tributary is listening on ${url}`);
    else return;
  } catch (error) {
    await running.stop();
    throw error;
  }
};

try {
  await platform();
} catch (error) {
  process.stderr.write(
    `${error instanceof Refused ? error.message : error instanceof Error ? (error.stack ?? '') : String(error)}\n`,
  );
  process.exitCode = 1;
}
