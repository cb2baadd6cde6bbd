import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger } from 'pino';
import { type Instance, type Instances } from './instances.ts';
import { type ApiDocs } from './joined-api-docs.ts';
import { RoutingTable } from './routing-table.ts';

export type Readiness = Readonly<{ ready: boolean; reasons: readonly string[]; warnings: readonly string[] }>;

type Times = Readonly<{
  /** Between looks at a service that is known, whose routes change with its next version. */
  everyMs: number;
  /** Between looks at one that is not. */
  retryMs: number;
  /** How long an answer may take. */
  patienceMs: number;
}>;

const TIMES: Times = { everyMs: 30_000, retryMs: 250, patienceMs: 5_000 };

/** The services behind the gateway: what they serve is asked of themselves, so the order in which they start does not matter. */
export class ServiceDirectory {
  readonly services: ReadonlyMap<string, Instances>;
  readonly #log: Logger;
  readonly #times: Times;
  readonly #documents = new Map<string, ApiDocs>();
  #table = new RoutingTable(new Map());

  constructor(services: readonly Instances[], log: Logger, times: Partial<Times> = {}) {
    this.services = new Map(services.map((instances) => [instances.service, instances]));
    this.#log = log;
    this.#times = { ...TIMES, ...times };
  }

  /** Of the services known so far, in the order of the configuration. */
  get documents(): ReadonlyMap<string, ApiDocs> {
    const known = [...this.services.keys()].flatMap((service): (readonly [string, ApiDocs])[] => {
      const document = this.#documents.get(service);
      return document ? [[service, document]] : [];
    });
    return new Map(known);
  }

  /** Services that have not said yet what they serve. */
  get unknown(): readonly string[] {
    return [...this.services.keys()].filter((service) => !this.#documents.has(service));
  }

  /** The processes of the service that serves this path. */
  serving(path: string): Instances | undefined {
    const owner = this.#table.ownerOf(path);
    return owner === undefined ? undefined : this.services.get(owner);
  }

  /** Looks at every service, again and again, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.services.values()].map((instances) => this.#follow(instances, signal)));
  }

  async #follow(instances: Instances, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const known = await this.#learn(instances, signal);
      await sleep(known ? this.#times.everyMs : this.#times.retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** From any of its processes. */
  async #learn(instances: Instances, signal: AbortSignal): Promise<boolean> {
    const { service } = instances;
    for (const instance of instances.all) {
      const document = await this.#apiDocsOf(instance, signal);
      if (!document) continue;
      const isNew = !this.#documents.has(service);
      this.#documents.set(service, document);
      this.#table = new RoutingTable(this.documents);
      if (isNew) this.#log.info({ service }, `${service} has said what it serves`);
      const { disputed } = this.#table;
      if (disputed.length > 0) this.#log.warn({ disputed }, 'two services serve the same paths; the first one has them');
      return true;
    }
    return false;
  }

  async #apiDocsOf({ url }: Instance, signal: AbortSignal): Promise<ApiDocs | undefined> {
    try {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(this.#times.patienceMs)]);
      const response = await fetch(`${url}/api/docs-json`, { signal: patience });
      const document: unknown = response.ok ? await response.json() : undefined;
      return isApiDocs(document) ? document : undefined;
    } catch {
      // It has not started yet, or is restarting: the next look finds it.
      return undefined;
    }
  }

  /** Of each service, in the order of the configuration. */
  async readiness(): Promise<ReadonlyMap<string, Readiness>> {
    const entries = [...this.services.values()].map(async (instances): Promise<readonly [string, Readiness]> => {
      const found = await Promise.all(instances.all.map((instance) => this.#readinessOf(instance)));
      const ready = found.some((of) => of.ready) && this.#documents.has(instances.service);
      const reasons = found.flatMap((of) => of.reasons);
      const warnings = found.flatMap((of) => of.warnings);
      return [
        instances.service,
        ready
          ? { ready, reasons: [], warnings: [...new Set([...reasons, ...warnings])] }
          : {
              ready,
              reasons: [`no process of ${instances.service} is ready`, ...new Set(reasons)],
              warnings: [...new Set(warnings)],
            },
      ];
    });
    return new Map(await Promise.all(entries));
  }

  async #readinessOf({ label, url }: Instance): Promise<Readiness> {
    try {
      const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(this.#times.patienceMs) });
      const health = (await response.json()) as Readonly<{ reasons?: readonly string[]; warnings?: readonly string[] }>;
      const told = (texts: readonly string[] = []): readonly string[] => texts.map((text) => `${label}: ${text}`);
      return { ready: response.ok, reasons: told(health.reasons), warnings: told(health.warnings) };
    } catch {
      return { ready: false, reasons: [`${label} does not answer`], warnings: [] };
    }
  }
}

const isApiDocs = (document: unknown): document is ApiDocs =>
  typeof document === 'object' &&
  document !== null &&
  'paths' in document &&
  typeof document.paths === 'object' &&
  document.paths !== null;
