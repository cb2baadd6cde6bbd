import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Logger } from 'pino';
import { accessSettings } from '#libs/access-policy/access-settings.projection';
import { customRoles } from '#libs/access-policy/custom-roles.projection';
import { customerLinks } from '#libs/access-policy/customer-links.projection';
import { delegatedAccesses } from '#libs/access-policy/delegated-accesses.projection';
import { impersonations } from '#libs/access-policy/impersonations.projection';
import { memberships } from '#libs/access-policy/memberships.projection';
import { serviceAccounts } from '#libs/access-policy/service-accounts.projection';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { userAccess } from '#libs/access-policy/user-access.projection';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { type Leases } from '#libs/leases/leases';
import { type Projection } from '#libs/read-models/projection';
import { type ReadModels } from '#libs/read-models/read-model';
import { StorageError } from '#libs/sqlite/storage-error';
import { systemClock, type Clock } from '#libs/time/time';
import { AccessGuard } from './access-guard.ts';
import { AccessTokens } from './access-tokens.ts';
import { BackgroundWork } from './background-work.ts';
import { BackupController } from './backup.controller.ts';
import { Backups } from './backups.ts';
import {
  ConfigurationFault,
  HttpConfiguration,
  LoggingConfiguration,
  PLATFORM_CONCERNS,
  readConfiguration,
  SecurityConfiguration,
  StorageConfiguration,
  type Configuration,
} from './configuration.ts';
import { errorCode } from './error-code.ts';
import { eventsControllerOf } from './events.controller.ts';
import { healthOf, type Health } from './health.ts';
import { createHttpApplication } from './http.ts';
import { EXPORTED_LOG, type ExportedLog, LogController } from './log.controller.ts';
import { createLog } from './logging.ts';
import { Metrics } from './metrics.ts';
import { HEALTH, METRICS, OperationsController } from './operations.controller.ts';
import { Restore } from './restore.ts';
import { RestoreController, RESTORES, type Restores } from './restore.controller.ts';
import { ReadModelsWithOwnWrites } from './own-writes.ts';
import { RepublishController, REPUBLISHING } from './republish.controller.ts';
import { type BegunReplay, inThisThread, replayOfThisThread } from './replay-thread.ts';
import { type Background, type Platform, type ServiceDefinition } from './service.ts';
import { isShared, logFileIn, openStorage } from './open-storage.ts';
import { type Storage } from './storage.ts';
import { CLOCK, EVENT_STORE, PLATFORM, READ_MODELS } from './tokens.ts';
import { UPKEEP, UpkeepController, type Upkeep } from './upkeep.controller.ts';

export type StartOptions = Readonly<{
  environment?: Readonly<Record<string, string | undefined>>;
  clock?: Clock;
  newId?: () => string;
  log?: Logger;
}>;

/** A platform that answers requests. */
export type Running = Readonly<{
  /** `http://127.0.0.1:8080`. */
  url: string;
  app: NestFastifyApplication;
  platform: Platform;
  storage: Storage;
  /** Until reactions and background work have nothing left to do for what has happened so far. */
  settled: (timeoutMs?: number) => Promise<void>;
  /** Requests under way end, then reactions and background work, then the adapters close. Twice is fine. */
  stop: () => Promise<void>;
}>;

/** The shell itself needs them on every request, whichever services run. */
const SHELL_PROJECTIONS: readonly Projection[] = [
  tenantTree,
  memberships,
  customerLinks,
  accessSettings,
  customRoles,
  userAccess,
  delegatedAccesses,
  impersonations,
  serviceAccounts,
];

/**
 * Composes services into one process and starts it.
 * @throws ConfigurationFault with every fault; StorageError when the data cannot be opened
 */
export const start = async (services: readonly ServiceDefinition[], options: StartOptions = {}): Promise<Running> => {
  const configuration = configurationOf(services, options.environment ?? process.env);
  const log = options.log ?? createLog(configuration(LoggingConfiguration).level);
  const settings = configuration(StorageConfiguration);
  // Where processes share the data none of them may move them aside.
  if (!isShared(settings)) await restoreStaged(settings, log);
  const opened = await openPlatform(services, configuration, { ...options, log });
  try {
    return await serve(services, opened);
  } catch (error) {
    await opened.storage.close();
    throw error;
  }
};

const configurationOf = (
  services: readonly ServiceDefinition[],
  environment: Readonly<Record<string, string | undefined>>,
): Configuration =>
  readConfiguration([...PLATFORM_CONCERNS, ...services.flatMap(({ configuration = [] }) => configuration)], environment);

/** Undefined where the log does not lie in the data directory. */
export const restoreIn = ({ dataDir, eventStoreUrl }: StorageConfiguration): Restore | undefined => {
  const absolute = resolve(dataDir);
  const logFile = logFileIn({ dataDir: absolute, eventStoreUrl });
  return logFile === undefined ? undefined : new Restore(absolute, logFile);
};

const restoreStaged = async (settings: StorageConfiguration, log: Logger): Promise<void> => {
  const restored = await restoreIn(settings)?.apply();
  if (restored) log.warn(restored, 'the staged backup has taken the place of the data, which were moved aside');
};

export type OpenedPlatform = Readonly<{ platform: Platform; storage: Storage }>;

/** Data without a server: what a command-line tool of a service works on. Whoever opens it closes `storage`. */
export const openPlatform = async (
  services: readonly ServiceDefinition[],
  configuration: Configuration,
  { clock = systemClock, newId = randomUUID, log }: StartOptions & Readonly<{ log: Logger }>,
): Promise<OpenedPlatform> => {
  const settings = configuration(StorageConfiguration);
  const dataDir = resolve(settings.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const projections = distinctProjections(services);
  const storage = await openStorage({ ...settings, dataDir }, { services, projections, upcasters: upcastersOf(services), log });
  try {
    const accessTokens = await AccessTokens.open(dataDir, configuration(SecurityConfiguration).accessTokenMinutes);
    const { store } = storage;
    const readModels = readModelsOf(storage, configuration(HttpConfiguration).consistencySeconds * 1_000);
    const alone = storage.shared === undefined;
    return { platform: { store, readModels, clock, newId, log, dataDir, alone, configuration, accessTokens }, storage };
  } catch (error) {
    await storage.close();
    throw error;
  }
};

const readModelsOf = ({ readModels, shared }: Storage, patienceMs: number): ReadModels =>
  shared ? new ReadModelsWithOwnWrites(readModels, shared.consistency, patienceMs) : readModels;

/** Every projection once. @throws Error when two different ones bear the same name: they would write into each other's documents. */
export const distinctProjections = (services: readonly Pick<ServiceDefinition, 'projections'>[]): readonly Projection[] => {
  const byName = new Map<string, Projection>();
  for (const projection of [...SHELL_PROJECTIONS, ...services.flatMap(({ projections }) => projections)]) {
    const known = byName.get(projection.name);
    if (known && known !== projection) throw new Error(`Two different read models are called "${projection.name}".`);
    byName.set(projection.name, projection);
  }
  return [...byName.values()];
};

/** @throws Error when two services say how one type reads today. */
const upcastersOf = (services: readonly Pick<ServiceDefinition, 'name' | 'upcasters'>[]): Upcasters => {
  const owners = new Map<string, string>();
  for (const { name, upcasters = {} } of services)
    for (const type of Object.keys(upcasters)) {
      const other = owners.get(type);
      if (other !== undefined) throw new Error(`Both ${other} and ${name} say how the retired event type "${type}" reads today.`);
      owners.set(type, name);
    }
  return Object.assign({}, ...services.map(({ upcasters }) => upcasters)) as Upcasters;
};

const serve = async (services: readonly ServiceDefinition[], { platform, storage }: OpenedPlatform): Promise<Running> => {
  const { log, configuration } = platform;
  const { host, port, shutdownSeconds } = configuration(HttpConfiguration);
  const consumers = services.flatMap((service) => service.consumers(platform));
  await storage.bus.verify(consumers);
  const metrics = new Metrics(storage);
  const work = new BackgroundWork(log);
  const shutdown = new Shutdown(storage, work, shutdownSeconds * 1_000, log);
  const health = (): Promise<Health> =>
    healthOf(storage, { stopping: shutdown.begun, failedWork: work.failed, troubles: work.troubles });

  const settings = configuration(StorageConfiguration);
  const backupFolder = settings.backupFolder === '' ? join(platform.dataDir, 'backups') : resolve(settings.backupFolder);
  const backups = new Backups({
    dataDir: platform.dataDir,
    folder: backupFolder,
    copyTo: storage.copyTo,
    files: services.flatMap(({ files }) => files ?? []),
    newId: platform.newId,
    log,
  });
  await backups.recover();
  const secrets = new Set(services.flatMap((service) => service.secrets ?? []));

  const root = rootModule(services, platform, [
    { provide: METRICS, useValue: metrics },
    { provide: HEALTH, useValue: health },
    {
      provide: UPKEEP,
      useValue: {
        readModels: storage.upkeep,
        bus: storage.bus,
        log,
        wake: () => {
          work.wake();
        },
      } satisfies Upkeep,
    },
    { provide: Backups, useValue: backups },
    {
      provide: RESTORES,
      useValue: {
        restore: storage.shared ? undefined : restoreIn(settings),
        folder: backupFolder,
        log,
      } satisfies Restores,
    },
    ...(storage.shared ? [{ provide: REPUBLISHING, useValue: storage.shared.republish }] : []),
    { provide: EXPORTED_LOG, useValue: { ...storage, secrets } satisfies ExportedLog },
    { provide: Shutdown, useValue: shutdown },
  ]);
  const app = await createHttpApplication(root, configuration, log, metrics, storage.shared?.consistency);
  shutdown.closeAllConnections = () => {
    app.getHttpServer().closeAllConnections();
  };
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  work.start([
    ...(storage.shared ? [] : [{ name: 'reactions', run: (signal: AbortSignal) => storage.bus.run(consumers, signal) }]),
    { name: 'backups', run: (signal) => backups.run(signal) },
    ...(storage.shared?.work ?? []),
    ...services.flatMap(({ background }) => (background?.(platform) ?? []).map(onLease(storage.leases))),
  ]);
  // What another process brought about wakes nobody here.
  const looking = storage.shared && setInterval(() => work.wake(), LOOKING_MS);
  work.signal.addEventListener('abort', () => clearInterval(looking));
  try {
    if (storage.shared) await hostBus(app, (signal) => storage.bus.run(consumers, signal));
    await app.listen(port, host);
  } catch (error) {
    await app.close();
    throw error;
  }
  let stopped: Promise<void> | undefined;
  return {
    url: await listeningOn(app),
    app,
    platform,
    storage,
    settled: (timeoutMs = 10_000) => settled(storage, work, timeoutMs),
    stop: () => (stopped ??= app.close()),
  };
};

/** As a transport of Nest's, which is loaded where there is one only. */
const hostBus = async (app: NestFastifyApplication, run: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  const { BusStrategy } = await import('./bus-strategy.ts');
  app.connectMicroservice({ strategy: new BusStrategy(run) });
  await app.startAllMicroservices();
};

/** How often work looks for itself where other processes cause some. */
const LOOKING_MS = 250;

/** One process of a service does it. */
const onLease =
  (leases: Leases) =>
  (work: Background): Background =>
    work.inEveryProcess ? work : { ...work, run: (signal) => leases.whileHeld(work.name, signal, (held) => work.run(held)) };

const rootModule = (services: readonly ServiceDefinition[], platform: Platform, own: Provider[]): DynamicModule => {
  const ports: Provider[] = [
    { provide: PLATFORM, useValue: platform },
    { provide: EVENT_STORE, useValue: platform.store },
    { provide: READ_MODELS, useValue: platform.readModels },
    { provide: CLOCK, useValue: platform.clock },
  ];
  const guard: Provider = {
    provide: APP_GUARD,
    useFactory: (reflector: Reflector) => new AccessGuard(reflector, platform),
    inject: [Reflector],
  };
  return {
    module: PlatformModule,
    global: true,
    imports: services.map(({ module, providers }) => ({ module, providers: providers?.(platform) ?? [] })),
    controllers: [
      OperationsController,
      UpkeepController,
      BackupController,
      RestoreController,
      LogController,
      // Of all together only where there is one log for all.
      ...(platform.alone ? [eventsControllerOf()] : []),
      ...services.map(({ name }) => eventsControllerOf(name)),
      ...(platform.alone ? [] : [RepublishController]),
    ],
    providers: [...ports, ...own, guard],
    exports: ports,
  };
};

@Module({})
class PlatformModule {}

/**
 * The order of an end: no new requests, those under way may finish for a while, then reactions and background work, then the adapters.
 * Nest closes the server between the two hooks.
 */
class Shutdown implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #storage: Storage;
  readonly #work: BackgroundWork;
  readonly #patienceMs: number;
  readonly #log: Logger;
  #impatience: NodeJS.Timeout | undefined;
  begun = false;
  closeAllConnections: () => void = () => undefined;

  constructor(storage: Storage, work: BackgroundWork, patienceMs: number, log: Logger) {
    this.#storage = storage;
    this.#work = work;
    this.#patienceMs = patienceMs;
    this.#log = log;
  }

  beforeApplicationShutdown(): void {
    this.begun = true;
    this.#impatience = setTimeout(() => {
      this.#log.warn('requests did not end in time; their connections are closed');
      this.closeAllConnections();
    }, this.#patienceMs);
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.#impatience);
    const ended = await this.#work.end(this.#patienceMs);
    if (!ended) this.#log.warn('background work did not end in time; it goes on from its checkpoint at the next start');
    await this.#storage.close();
    this.#log.info('stopped');
  }
}

const listeningOn = async (app: NestFastifyApplication): Promise<string> => {
  const url = await app.getUrl();
  return url.replace('[::1]', 'localhost').replace('//0.0.0.0', '//localhost').replace('//[::]', '//localhost');
};

const settled = async ({ bus, store }: Storage, work: BackgroundWork, timeoutMs: number): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const before = await store.head();
    await bus.settled({ timeout: Math.max(1, deadline - performance.now()) });
    if ((await work.idle()) && (await store.head()) === before) return;
    if (performance.now() > deadline) throw new Error(`the platform did not come to rest within ${String(timeoutMs)} ms`);
    await new Promise((resume) => setImmediate(resume));
  }
};

/** For a `main.ts`: starts, says where, and ends with exit code 1 and a readable reason when it cannot. */
export const run = async (services: readonly ServiceDefinition[], options: StartOptions = {}): Promise<Running | undefined> => {
  try {
    const replay = replayOfThisThread();
    if (!replay) return await start(services, options);
    await inThisThread((signal) => carryOut(services, replay, signal));
    return undefined;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    process.exitCode = 1;
    return undefined;
  }
};

const carryOut = async (services: readonly ServiceDefinition[], replay: BegunReplay, signal: AbortSignal): Promise<void> => {
  const configuration = configurationOf(services, process.env);
  const log = createLog(configuration(LoggingConfiguration).level);
  const { storage } = await openPlatform(services, configuration, { log });
  try {
    await storage.shared?.carryOut(replay, signal);
  } finally {
    await storage.close();
  }
};

/** What the operator can do something about is said in a sentence, a fault of ours with its stack. */
export const reasonOf = (error: unknown): string => {
  if (error instanceof ConfigurationFault || error instanceof StorageError) return error.message;
  if (error instanceof Error && errorCode(error) === 'EADDRINUSE') {
    return `${error.message}. Another program listens there: stop it, or set PORT.`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
};
