import { setTimeout } from 'node:timers/promises';
import { type Partition } from '#libs/messaging/feed';
import { type Projection } from '../../projection.ts';
import { type PartitionedLog } from '../../testing/partitioned-log.ts';
import { type Log, MongoReadModels, type Pace, type ReplayBeside } from '../mongo-read-models.ts';
import { readModelsUrl } from './engine.ts';

const SILENT: Log = { info: () => undefined, warn: () => undefined };

/** An instance of a service, with the partitions that a bus gave it. */
export type Instance = Readonly<{
  readModels: MongoReadModels;
  /** Resolves once its queries answer. */
  level: () => Promise<void>;
  close: () => Promise<void>;
}>;

type Options = Readonly<{ partitions?: readonly Partition[]; pace?: Pace; url?: string; log?: Log; beside?: ReplayBeside }>;

export const startInstance = (
  service: string,
  projections: readonly Projection[],
  published: PartitionedLog,
  { partitions = published.partitionsOf([]), pace, url = readModelsUrl(), log = SILENT, beside }: Options = {},
): Instance => {
  const readModels = new MongoReadModels({
    url,
    service,
    projections,
    log,
    ...(pace ? { pace } : {}),
    ...(beside ? { beside } : {}),
  });
  readModels.start(published);
  const stop = new AbortController();
  const driven = published.drive(readModels, partitions, stop.signal);
  return {
    readModels,
    level: async () => {
      for (const deadline = performance.now() + 15_000; ;) {
        const states = await readModels.status();
        if (states.every(({ state }) => state === 'serving')) return;
        if (performance.now() > deadline) throw new Error(`not level: ${JSON.stringify(states)}`);
        await setTimeout(5);
      }
    },
    close: async () => {
      stop.abort();
      await driven;
      await readModels.close();
    },
  };
};
