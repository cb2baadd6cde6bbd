import { randomUUID } from 'node:crypto';
import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises';
import { type Command } from '#libs/event-sourcing/command';
import { type Category, type CommandId, type Recorded } from '#libs/event-sourcing/event';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Consumer } from '#libs/messaging/consumer';
import { type Background, type Platform } from '#libs/platform/service';
import { type DataSourceId } from '#libs/published/ids';
import { type DataSourceRow, dataSources } from '../data-source/data-sources.projection.ts';
import { judge, sourceHealth } from './source-health.ts';
import { SourceHealthConfiguration } from './source-health-configuration.ts';
import { judgedSources } from './sources-of-a-tenant.ts';

/** A source is judged anew so often without anything happening to it: the age of its data alone may make it ill. */
const LOOK_AGAIN_MS = 5 * 60_000;
/** Many events about one source come together: they are waited for. */
const GATHER_MS = 100;
const TRY_AGAIN_MS = 5_000;
const AT_ONCE = 20;

type Ports = Pick<Platform, 'store' | 'readModels' | 'clock' | 'log' | 'configuration'>;

/**
 * Tells whenever the health of a data source changes. What is to be judged is remembered in this process only: after a start every
 * source is looked at, and from then on now and again.
 */
export class HealthWatch {
  readonly #ports: Ports;
  readonly #limits: SourceHealthConfiguration;
  readonly #waiting = new Set<DataSourceId>();
  #all = true;
  #working = false;
  #failed = false;
  #wake: () => void = () => undefined;

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#limits = ports.configuration(SourceHealthConfiguration);
  }

  /** Whatever may make a source better or worse. An import that failed may not say of which source it was: then it is the owner's. */
  consumer(): Consumer {
    return {
      name: 'ingestion.health-watch',
      categories: [
        'ingestion.dataSource',
        'ingestion.import',
        'ingestion.usageMonth',
        'tenants.linkedAccount',
        'tenants.autoAssignment',
      ] as Category[],
      onFailure: 'park',
      target: ({ stream }) => stream,
      handle: async (event) => {
        for (const id of await this.#concerned(event)) this.#waiting.add(id);
        if (this.#waiting.size > 0) this.#wake();
      },
    };
  }

  background(): Background {
    return {
      name: 'ingestion.health-watch',
      inEveryProcess: true,
      idle: () => !this.#all && !this.#working && this.#waiting.size === 0,
      wake: () => {
        this.#all = true;
        this.#wake();
      },
      run: async (signal) => {
        while (!signal.aborted) {
          if (!this.#all && this.#waiting.size === 0) await this.#woken(signal);
          await pause(this.#failed ? TRY_AGAIN_MS : GATHER_MS, undefined, { signal, ref: false }).catch(() => undefined);
          await this.#look(signal);
        }
      },
    };
  }

  async #look(signal: AbortSignal): Promise<void> {
    this.#working = true;
    this.#failed = false;
    try {
      if (this.#all) {
        this.#all = false;
        await this.#judgeAll(signal);
      }
      while (this.#waiting.size > 0 && !signal.aborted) {
        const ids = [...this.#waiting].slice(0, AT_ONCE);
        for (const id of ids) this.#waiting.delete(id);
        await this.#judge(await this.#ports.readModels.of(dataSources).all({ id: { in: ids } }));
      }
    } catch (error) {
      this.#failed = true;
      this.#all = true;
      this.#ports.log.warn({ err: error }, 'the health of data sources could not be judged; trying again');
    } finally {
      this.#working = false;
    }
  }

  async #judgeAll(signal: AbortSignal): Promise<void> {
    let cursor: string | null | undefined;
    while (cursor !== null && !signal.aborted) {
      const page = await this.#ports.readModels
        .of(dataSources)
        .find({ sort: [{ by: 'id', direction: 'ascending' }], limit: AT_ONCE, ...(cursor === undefined ? {} : { cursor }) });
      await this.#judge(page.items);
      cursor = page.nextCursor;
      await breathe();
    }
  }

  async #judge(sources: readonly DataSourceRow[]): Promise<void> {
    const { store, readModels, clock } = this.#ports;
    const now = clock.now();
    for (const { source, status, statusBelow } of await judgedSources(readModels, sources, this.#limits, now)) {
      const { id, tenantId } = source;
      const decision = judge(source, status, statusBelow, now);
      if (decision((await present(store, sourceHealth, id)).state).length === 0) continue;
      const command: Command = {
        id: randomUUID() as CommandId,
        keyed: false,
        bodyHash: '',
        principal: { id: 'health-watch' },
        tenant: tenantId,
        time: now,
      };
      await handle(store, sourceHealth, id, decision, { command });
    }
  }

  async #concerned({ data }: Recorded): Promise<readonly DataSourceId[]> {
    const fields = data as Readonly<{ dataSourceId?: DataSourceId; dataSourceIds?: readonly DataSourceId[]; tenantId?: string }>;
    if (fields.dataSourceId !== undefined) return [fields.dataSourceId];
    if (fields.dataSourceIds !== undefined && fields.dataSourceIds.length > 0) return fields.dataSourceIds;
    if (fields.tenantId === undefined) return [];
    const owned = await this.#ports.readModels.of(dataSources).all({ tenantId: fields.tenantId });
    return owned.map(({ id }) => id);
  }

  /** Until somebody wakes it, or time has gone by; then everything is looked at. */
  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(() => {
        this.#all = true;
        done();
      }, LOOK_AGAIN_MS);
      timer.unref();
      signal.addEventListener('abort', done);
      this.#wake = done;
      if (signal.aborted) done();
    });
  }
}
