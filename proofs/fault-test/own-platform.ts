import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../deploy/local/java-engine.ts';
import { SERVICES } from '../../deploy/local/platform-plan.ts';

const LAUNCHER = 'dist/deploy/local/platform.js';
const GATEWAY = 'dist/services/gateway/src/main.js';
const START_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 40_000;
const LOOK_MS = 50;
/** Operators log in as soon as they stand in the log, again and again until they are known, and look at their worlds to the very end. */
const LOGINS = { LOGIN_FAILURES: '1000', LOGINS_PER_MINUTE: '10000', ACCESS_TOKEN_MINUTES: '1440' };
const SERVING = /^(\S+) \| .*listening on (http:\/\/[^\s"\\]+)/;
const STANDING_BY = /^(\S+) \| .*standing by/;

export type Service = (typeof SERVICES)[number];
export { SERVICES };

type Environment = Readonly<Record<string, string | undefined>>;

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const killed = (pid: number): void => {
  if (isThere(pid)) process.kill(pid, 'SIGKILL');
};

/** The processes that this one has started, by Linux's own books; none elsewhere. */
const childrenOf = (pid: number): readonly number[] => {
  try {
    return readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
};

/** The platform as `npm run platform` starts it: the launcher, and below it the processes of every service and a gateway. */
export class OwnPlatform {
  readonly instances: number;
  readonly url: string;
  readonly #launcher: ChildProcess;
  readonly #pidsFile: string;
  readonly #environment: Environment;
  readonly #urls = new Map<string, string>();
  readonly #gateways = new Set<ChildProcess>();
  /** Who has said of its relay that it stands by, the latest last. */
  readonly #standingBy: string[] = [];
  #ready = false;
  #ended = false;

  private constructor(options: Options, port: number) {
    const { folder, dataDir, addresses, instances } = options;
    this.instances = instances;
    this.url = `http://127.0.0.1:${String(port)}`;
    this.#pidsFile = join(folder, 'pids.json');
    this.#environment = { ...process.env, ...addresses, LOG_LEVEL: 'info', LOG_REQUESTS: 'false', ...LOGINS };
    const wishes = { instances: String(instances), data: dataDir, port: String(port), pids: this.#pidsFile };
    this.#launcher = spawn(
      process.execPath,
      [LAUNCHER, ...Object.entries(wishes).flatMap(([name, value]) => [`--${name}`, value])],
      { env: { ...this.#environment, INIT_CWD: process.cwd() }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    process.once('exit', () => {
      this.#killAll();
    });
    const kept = createWriteStream(join(folder, 'platform.log'));
    for (const stream of [this.#launcher.stdout, this.#launcher.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          kept.write(`${new Date().toISOString()} ${line}\n`);
          this.#heard(line);
        });
    this.#launcher.once('exit', () => {
      this.#ended = true;
    });
  }

  /** Resolves when every service is ready. @throws Error when that takes too long */
  static async start(options: Options): Promise<OwnPlatform> {
    const platform = new OwnPlatform(options, await freePort());
    const until = performance.now() + START_TIMEOUT_MS;
    while (!platform.#ready || platform.#urls.size < SERVICES.length * options.instances) {
      if (platform.#ended || performance.now() > until)
        throw new Error(`The platform did not start; what it said is in ${join(options.folder, 'platform.log')}.`);
      await sleep(LOOK_MS);
    }
    return platform;
  }

  /** The process of one instance, once it is there. */
  async pidOf(service: Service | 'gateway', instance: number): Promise<number> {
    const count = service === 'gateway' ? 1 : this.instances;
    for (;;) {
      const pids = this.#pids()[service] ?? [];
      const pid = pids[instance - 1];
      // While one is missing the numbers do not tell which.
      if (pids.length === count && pid !== undefined && isThere(pid)) return pid;
      if (this.#ended) throw new Error('The platform has ended.');
      await sleep(LOOK_MS);
    }
  }

  addressOf(service: Service, instance: number): string {
    const url = this.#urls.get(`${service}.${String(instance)}`);
    if (url === undefined) throw new Error(`${service}.${String(instance)} has not said where it listens.`);
    return url;
  }

  /** Of two instances, the one that did not say last that the other publishes. */
  relaying(service: Service): number {
    const last = this.#standingBy.findLast((label) => label.startsWith(`${service}.`));
    if (last === undefined) throw new Error(`No instance of ${service} stands by.`);
    return last.endsWith('.1') ? 2 : 1;
  }

  /** How often an instance has said that another one publishes. */
  stoodBy(service: Service, instance: number): number {
    return this.#standingBy.filter((label) => label === `${service}.${String(instance)}`).length;
  }

  async isReady(): Promise<boolean> {
    const answers = SERVICES.flatMap((service) =>
      Array.from({ length: this.instances }, (_, index) => `${this.addressOf(service, index + 1)}/health/ready`),
    );
    const statuses = await Promise.all(
      [...answers, `${this.url}/health/ready`].map((url) =>
        fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
          ({ ok }) => ok,
          () => false,
        ),
      ),
    );
    return !statuses.includes(false);
  }

  /** Another gateway, whose requests go to these instances only. @returns its address */
  async gatewayTo(choose: (service: Service) => readonly number[]): Promise<string> {
    const port = await freePort();
    const upstreams = SERVICES.map(
      (service) =>
        `${service}=${choose(service)
          .map((instance) => this.addressOf(service, instance))
          .join('|')}`,
    );
    const gateway = spawn(process.execPath, [GATEWAY], {
      env: {
        ...this.#environment,
        LOG_LEVEL: 'warn',
        HOST: '127.0.0.1',
        PORT: String(port),
        GATEWAY_UPSTREAMS: upstreams.join(','),
      },
      stdio: 'ignore',
    });
    this.#gateways.add(gateway);
    const url = `http://127.0.0.1:${String(port)}`;
    const until = performance.now() + START_TIMEOUT_MS;
    while (
      !(await fetch(`${url}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (gateway.exitCode !== null || performance.now() > until) throw new Error('Another gateway did not start.');
      await sleep(LOOK_MS);
    }
    return url;
  }

  async stop(): Promise<void> {
    for (const gateway of this.#gateways) gateway.kill('SIGKILL');
    if (this.#ended) return;
    const gone = once(this.#launcher, 'exit');
    this.#launcher.kill('SIGTERM');
    const overdue = setTimeout(() => {
      this.#killAll();
    }, STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(overdue);
  }

  #heard(line: string): void {
    const [, served, url] = SERVING.exec(line) ?? [];
    if (served !== undefined && url !== undefined) this.#urls.set(served, url);
    const [, label] = STANDING_BY.exec(line) ?? [];
    if (label !== undefined) this.#standingBy.push(label);
    if (line === `Tributary is listening on ${this.url}`) this.#ready = true;
  }

  #pids(): Readonly<Record<string, readonly number[]>> {
    try {
      return JSON.parse(readFileSync(this.#pidsFile, 'utf8')) as Readonly<Record<string, readonly number[]>>;
    } catch {
      return {};
    }
  }

  /** The launcher first: it would start again what is killed. */
  #killAll(): void {
    for (const gateway of this.#gateways) gateway.kill('SIGKILL');
    if (this.#ended) return;
    const started = new Set([...childrenOf(this.#launcher.pid ?? 0), ...Object.values(this.#pids()).flat()]);
    this.#launcher.kill('SIGKILL');
    for (const pid of started) killed(pid);
  }
}

type Options = Readonly<{
  /** For its pids and what it says. */
  folder: string;
  dataDir: string;
  addresses: Readonly<Record<string, string>>;
  instances: number;
}>;
