import { readdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { v5 as uuidv5 } from 'uuid';
import { type Command } from '#libs/event-sourcing/command';
import { type CommandId } from '#libs/event-sourcing/event';
import { handle, present } from '#libs/event-sourcing/handle';
import { IngestionConfiguration } from '#libs/platform/configuration';
import { errorCode } from '#libs/platform/error-code';
import { type Platform } from '#libs/platform/service';
import { usageEngine } from '#libs/platform/usage-engine';
import { type DataSourceId, type ImportId } from '#libs/published/ids';
import { type ImportedFile, type ImportProblem, type RequestedImport, type Slice } from '#libs/published/ingestion';
import { isMonth } from '#libs/time/time';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { UsageFiles, usageFolderOf } from '#libs/usage-store/usage-files';
import { dataSources } from '../data-source/data-sources.projection.ts';
import { type DeliveredFile, DeliveryRefused, type Progress, readDelivery, type Receiver } from '../reading/read-delivery.ts';
import { usageMonth, usageMonthId } from '../usage-month/usage-month.ts';
import { asked, fail, finish, type Import, importing } from './import.ts';
import { type ImportRow, imports } from './imports.projection.ts';
import { ImportWorker } from './import-worker.ts';
import { allowedFiles, deliveriesFolderOf } from './intake.ts';

/** How far a running import is. */
export type Progressed = Progress & Readonly<{ rowsPerSecond: number }>;

type Running = Readonly<{ startedAt: number; progress: Progress }>;

/** Runs imports one after the other. How far one is stands in memory only: after a restart it begins anew. */
export class ImportService {
  readonly worker: ImportWorker<ImportRow>;
  readonly deliveries: string;
  readonly #platform: Platform;
  readonly #usage: UsageFiles;
  readonly #progress = new Map<ImportId, Running>();
  #swept = false;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#usage = new UsageFiles(usageFolderOf(platform.dataDir));
    this.deliveries = deliveriesFolderOf(platform.dataDir);
    this.worker = new ImportWorker({
      next: async () => (await this.#waiting(1))[0],
      run: (row, signal) => this.#import(row, signal),
      failed: (error) => {
        platform.log.error({ err: error }, 'an import could not be run');
      },
    });
  }

  /** Undefined unless it is running. */
  progressOf(id: ImportId): Progressed | undefined {
    const running = this.#progress.get(id);
    if (!running) return undefined;
    const seconds = (performance.now() - running.startedAt) / 1000;
    return { ...running.progress, rowsPerSecond: Math.round(running.progress.rows / Math.max(seconds, 0.001)) };
  }

  /** Its reading ends, and what was delivered goes. */
  async cancelled(id: ImportId): Promise<void> {
    this.worker.cancel(id);
    if (!this.worker.isRunning(id)) await this.#forget(id);
  }

  /** Nothing waits, and what attempts before this start left behind is gone. */
  async idle(): Promise<boolean> {
    return this.#swept && (await this.worker.idle());
  }

  troubles(): readonly string[] {
    return this.worker.isFailing ? ['an import could not be run and is tried again'] : [];
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#sweep();
    this.#swept = true;
    await this.worker.run(signal);
  }

  async #waiting(limit: number): Promise<readonly ImportRow[]> {
    const waiting = this.#platform.readModels.of(imports);
    const order = [{ by: 'order', direction: 'ascending' }] as const;
    return (await waiting.find({ filter: { status: 'requested' }, sort: order, limit })).items;
  }

  async #import({ id }: ImportRow, signal: AbortSignal): Promise<void> {
    const { requested, status } = asked((await present(this.#platform.store, importing, id)).state);
    if (status !== 'requested') return;
    const { duckDb, release } = await usageEngine(this.#platform);
    this.#progress.set(id, { startedAt: performance.now(), progress: { bytes: 0, totalBytes: 0, rows: 0 } });
    try {
      await this.#read(requested, duckDb, signal);
    } finally {
      this.#progress.delete(id);
      await release();
    }
    // A shutdown leaves it as it was requested, to be read again.
    if (!signal.aborted || (await this.#stateOf(id))?.status !== 'requested') await this.#forget(id);
  }

  /** Removes what was uploaded for an import that has ended; a repeated upload that is arriving just now has a folder of its own. */
  async #forget(id: ImportId): Promise<void> {
    const uploads = (await this.#stateOf(id))?.requested.files.filter(({ from }) => from === 'upload') ?? [];
    for (const folder of new Set(uploads.map((file) => path.dirname(file.path))))
      await rm(path.join(this.deliveries, folder), { recursive: true, force: true });
    await rmdir(path.join(this.deliveries, id)).catch(() => undefined);
  }

  async #read(requested: RequestedImport, duckDb: DuckDb, signal: AbortSignal): Promise<void> {
    const { clock, newId, log } = this.#platform;
    const id = requested.importId;
    const receivers = await this.#receivers(requested);
    try {
      const { format, slices, unknownColumns, roundings, rows } = await readDelivery(
        {
          importId: id,
          format: requested.format,
          files: await this.#filesOf(requested),
          expected: requested.expected,
          receivers,
        },
        {
          duckDb,
          usage: this.#usage,
          attempt: newId(),
          unchanged: (...slice) => this.#unchanged(...slice),
          report: (progress) => this.#report(id, progress),
          signal,
        },
      );
      const outcome = { format, slices, unknownColumns, roundings, rows, finishedAt: clock.now() };
      const { state } = await handle(this.#platform.store, importing, id, finish(outcome), {
        command: this.#command(requested, 'finish'),
      });
      if (state?.status !== 'finished') await this.#removeWritten(id, slices);
    } catch (error) {
      // Shutdown leaves the import as it was requested; a cancelled one has ended already.
      if (signal.aborted) return;
      const { problems, problemCount, managementAccounts } = refusalOf(error);
      if (!(error instanceof DeliveryRefused)) log.error({ err: error, importId: id }, 'an import failed');
      const dataSourceIds = concerned(receivers, [
        ...managementAccounts,
        ...requested.expected.map((total) => total.managementAccountId),
      ]);
      const outcome = { problems, problemCount, dataSourceIds, failedAt: clock.now() };
      await handle(this.#platform.store, importing, id, fail(outcome), { command: this.#command(requested, 'fail') });
    }
  }

  #report(id: ImportId, progress: Progress): void {
    const running = this.#progress.get(id);
    if (running) this.#progress.set(id, { ...running, progress });
  }

  async #receivers({ tenantId }: RequestedImport): Promise<readonly Receiver[]> {
    const rows = await this.#platform.readModels.of(dataSources).all({ tenantId });
    return rows.map(({ id, managementAccountId, ownPublishers }) => ({ dataSourceId: id, managementAccountId, ownPublishers }));
  }

  /** Files of allowed folders are judged again: since they were asked for a link may have taken their place. */
  async #filesOf({ files }: RequestedImport): Promise<readonly DeliveredFile[]> {
    const { importFolders } = this.#platform.configuration(IngestionConfiguration);
    const present = async (file: ImportedFile): Promise<DeliveredFile> => {
      if (file.from === 'upload') return { name: file.name, path: path.join(this.deliveries, file.path) };
      const [allowed] = await allowedFiles([file.path], importFolders).catch(() => []);
      if (!allowed)
        throw new DeliveryRefused([problem(`${file.name} is no longer a file in a folder that imports may read.`)], 1);
      return { name: file.name, path: allowed.path };
    };
    return Promise.all(files.map(present));
  }

  async #unchanged(dataSourceId: DataSourceId, month: string, contentHash: string): Promise<Slice | undefined> {
    if (!isMonth(month)) return undefined;
    const { state } = await present(this.#platform.store, usageMonth, usageMonthId(dataSourceId, month));
    if (state?.slice.contentHash !== contentHash) return undefined;
    const there = await Promise.all(state.slice.files.map((file) => this.#usage.has(file.path)));
    return there.every(Boolean) ? state.slice : undefined;
  }

  #command({ importId, tenantId }: RequestedImport, step: string): Command {
    return {
      id: uuidv5(step, importId) as CommandId,
      keyed: false,
      bodyHash: '',
      principal: { id: 'ingestion.imports' },
      tenant: tenantId,
      time: this.#platform.clock.now(),
    };
  }

  async #removeWritten(id: ImportId, slices: readonly Slice[]): Promise<void> {
    for (const { path: file } of slices.flatMap(({ files }) => files)) if (importOf(file) === id) await this.#usage.remove(file);
  }

  /**
   * Removes what attempts before this start left behind: usage files of imports that do not name them, staged files, uploads of
   * imports that have ended. A file that any finished import names stays, superseded or not; so does what no import is known of, and
   * what another process may be writing.
   */
  async #sweep(): Promise<void> {
    const { alone } = this.#platform;
    if (alone) await rm(path.join(this.#usage.folder, 'staging'), { recursive: true, force: true });
    for (const file of await filesBelow(this.#usage.folder)) {
      const id = importOf(file);
      const state = id && (await this.#stateOf(id));
      if (!state) continue;
      const row = await this.#platform.readModels.of(imports).get(state.requested.importId);
      // Elsewhere an attempt of it may go on, and rows come later than the events that name their files.
      if (!alone && (row?.status === 'requested' || row?.status !== state.status)) continue;
      const named = row?.slices.some(({ files }) => files.some((kept) => kept.path === file));
      if (row && !named) await this.#usage.remove(file);
    }
    for (const id of await readdir(this.deliveries).catch(none)) {
      const state = await this.#stateOf(id as ImportId);
      if (state && state.status !== 'requested') await rm(path.join(this.deliveries, id), { recursive: true, force: true });
    }
  }

  async #stateOf(id: ImportId): Promise<Import> {
    return (await present(this.#platform.store, importing, id)).state;
  }
}

const none = (error: unknown): string[] => {
  if (errorCode(error) === 'ENOENT') return [];
  throw error;
};

const filesBelow = async (folder: string): Promise<readonly string[]> => {
  const names = await readdir(folder, { recursive: true }).catch(none);
  return names.filter((name) => name.endsWith('.parquet')).map((name) => name.split(path.sep).join('/'));
};

const USAGE_FILE = /^[^/]+\/[^/]+\/([0-9a-f-]{36})\.[^/]+\.parquet$/;
/** The import that wrote a usage file. */
export const importOf = (file: string): ImportId | undefined => USAGE_FILE.exec(file)?.[1] as ImportId | undefined;

const concerned = (receivers: readonly Receiver[], accounts: readonly string[]): readonly DataSourceId[] =>
  receivers
    .filter(({ managementAccountId }) => accounts.includes(managementAccountId))
    .map(({ dataSourceId }) => dataSourceId)
    .toSorted();

const problem = (message: string): ImportProblem => ({ file: null, row: null, column: null, value: null, message });

const FULL = /ENOSPC|No space left on device|disk.*full/i;

const refusalOf = (error: unknown): Pick<DeliveryRefused, 'problems' | 'problemCount' | 'managementAccounts'> => {
  if (error instanceof DeliveryRefused) return error;
  const full = errorCode(error) === 'ENOSPC' || FULL.test(String(error));
  const message = full
    ? 'The disk of the platform is full: nothing was imported. Deliver again once there is room.'
    : 'The platform could not read the delivery; the cause has been logged. Nothing was imported.';
  return { problems: [problem(message)], problemCount: 1, managementAccounts: [] };
};
