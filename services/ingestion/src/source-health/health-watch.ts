import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises';
import { unrequested } from '#libs/event-sourcing/command';
import { type Category, type Recorded } from '#libs/event-sourcing/event';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Consumer } from '#libs/messaging/consumer';
import { type Background, type Platform } from '#libs/platform/service';
import { type DataSourceId } from '#libs/published/ids';
import { type Page } from '#libs/read-models/read-model';
import { type DataSourceRow, dataSources } from '../data-source/data-sources.projection.ts';
import { judge, sourceHealth } from './source-health.ts';
import { SourceHealthConfiguration } from './source-health-configuration.ts';
import { judgedSources } from './sources-of-a-tenant.ts';

/** A source is judged anew so often without anything happening to it: the age of its data alone may make it ill. */
const ROUND_MS = 5 * 60_000;
/** Many events about one source come together: they are waited for. */
const GATHER_MS = 100;
const TRY_AGAIN_MS = 5_000;
const AT_ONCE = 20;

type Ports = Pick<Platform, 'store' | 'readModels' | 'clock' | 'log' | 'configuration' | 'alone'>;

/**
 * Tells whenever the health of a data source changes. What is to be judged for an event is remembered by the process that heard of it
 * only, and judged there; the rounds over every source, from a start on now and again, are for one process of all.
 */
export class HealthWatch {
  readonly #ports: Ports;
  readonly #limits: SourceHealthConfiguration;
  readonly #waiting = new Set<DataSourceId>();
  #judging = false;
  #onRound = false;
  #roundAsked = false;
  #heard: () => void = () => undefined;
  #goRound: () => void = () => undefined;

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
        if (this.#waiting.size > 0) this.#heard();
      },
    };
  }

  background(): readonly Background[] {
    return [
      {
        name: 'ingestion.health-watch',
        inEveryProcess: true,
        idle: () => !this.#judging && this.#waiting.size === 0,
        run: async (signal) => {
          // What another process had heard of, and not judged when it ended, is judged by the one that takes its place.
          if (!this.#ports.alone) await this.#goRounds(signal, 1);
          let delay = GATHER_MS;
          while (!signal.aborted) {
            if (this.#waiting.size === 0) await this.#woken(signal, (wake) => (this.#heard = wake));
            await pause(delay, undefined, { signal, ref: false }).catch(() => undefined);
            delay = (await this.#judgeWaiting(signal)) ? GATHER_MS : TRY_AGAIN_MS;
          }
        },
      },
      {
        name: 'ingestion.health-rounds',
        idle: () => !this.#onRound && !this.#roundAsked,
        // Where there are other processes everything is woken several times a second.
        ...(this.#ports.alone ? { wake: () => this.#askForRound() } : {}),
        run: (signal) => this.#goRounds(signal, Infinity),
      },
    ];
  }

  async #goRounds(signal: AbortSignal, rounds: number): Promise<void> {
    for (let gone = 0; gone < rounds && !signal.aborted;) {
      this.#roundAsked = false;
      const isDone = await this.#judgeAll(signal);
      if (isDone) gone++;
      if (gone < rounds && !this.#roundAsked)
        await this.#woken(signal, (wake) => (this.#goRound = wake), isDone ? ROUND_MS : TRY_AGAIN_MS);
    }
  }

  #askForRound(): void {
    this.#roundAsked = true;
    this.#goRound();
  }

  /** Whether all could be judged; those that could not wait again. */
  async #judgeWaiting(signal: AbortSignal): Promise<boolean> {
    this.#judging = true;
    const again: DataSourceId[] = [];
    try {
      while (this.#waiting.size > 0 && !signal.aborted) {
        const ids = [...this.#waiting].slice(0, AT_ONCE);
        for (const id of ids) this.#waiting.delete(id);
        again.push(...(await this.#judgeThose(ids)));
      }
    } finally {
      for (const id of again) this.#waiting.add(id);
      this.#judging = false;
    }
    return again.length === 0;
  }

  /** Whether all could be looked at; those that could not be judged wait. */
  async #judgeAll(signal: AbortSignal): Promise<boolean> {
    this.#onRound = true;
    try {
      for (let cursor: string | null | undefined; cursor !== null && !signal.aborted;) {
        const page: Page<DataSourceRow> = await this.#ports.readModels
          .of(dataSources)
          .find({ sort: [{ by: 'id', direction: 'ascending' }], limit: AT_ONCE, ...(cursor === undefined ? {} : { cursor }) });
        for (const id of await this.#judgeEach(page.items)) this.#waiting.add(id);
        cursor = page.nextCursor;
        await breathe();
      }
      return true;
    } catch (error) {
      this.#ports.log.warn({ err: error }, 'the health of data sources could not be judged; trying again');
      return false;
    } finally {
      this.#onRound = false;
      if (this.#waiting.size > 0) this.#heard();
    }
  }

  /** Which of them could not be judged. */
  async #judgeThose(ids: readonly DataSourceId[]): Promise<readonly DataSourceId[]> {
    try {
      const { items } = await this.#ports.readModels.of(dataSources).find({ filter: { id: { in: ids } }, limit: AT_ONCE });
      return await this.#judgeEach(items);
    } catch (error) {
      this.#ports.log.warn({ err: error }, 'the health of data sources could not be judged; trying again');
      return ids;
    }
  }

  /** Which of them could not be judged: one of whose data something cannot be read holds up no other. */
  async #judgeEach(sources: readonly DataSourceRow[]): Promise<readonly DataSourceId[]> {
    try {
      await this.#judge(sources);
      return [];
    } catch (error) {
      const [source, ...others] = sources;
      if (source && others.length === 0) {
        this.#ports.log.warn(
          { err: error, dataSourceId: source.id },
          'the health of a data source could not be judged; trying again',
        );
        return [source.id];
      }
    }
    const failed: DataSourceId[] = [];
    for (const source of sources) failed.push(...(await this.#judgeEach([source])));
    return failed;
  }

  async #judge(sources: readonly DataSourceRow[]): Promise<void> {
    const { store, readModels, clock } = this.#ports;
    const now = clock.now();
    for (const { source, status, statusBelow } of await judgedSources(readModels, sources, this.#limits, now)) {
      const { id, tenantId } = source;
      const decision = judge(source, status, statusBelow, now);
      if (decision((await present(store, sourceHealth, id)).state).length === 0) continue;
      await handle(store, sourceHealth, id, decision, { command: unrequested('health-watch', now, tenantId) });
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

  /** Until it is woken, or so much time has gone by. */
  #woken(signal: AbortSignal, take: (wake: () => void) => void, milliseconds?: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        take(() => undefined);
        resolve();
      };
      const timer = milliseconds === undefined ? undefined : setTimeout(done, milliseconds);
      timer?.unref();
      signal.addEventListener('abort', done);
      take(done);
      if (signal.aborted) done();
    });
  }
}
