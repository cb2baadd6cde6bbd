import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll } from '@jest/globals';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Projection } from '../projection.ts';
import { readModelsContract } from '../read-models.contract.ts';
import { PartitionedLog } from '../testing/partitioned-log.ts';
import { dropService, readModelsUrl } from './testing/engine.ts';
import { MongoReadModels } from './mongo-read-models.ts';

const services: string[] = [];

const open = async (projections: readonly Projection[]) => {
  const service = `contract-${randomBytes(4).toString('hex')}`;
  services.push(service);
  const log = new PartitionedLog();
  const readModels = new MongoReadModels({
    url: readModelsUrl(),
    service,
    projections,
    log: {
      info: () => undefined,
      warn: (f: object, m: string) => {
        console.log(m, f);
      },
    },
  });
  readModels.start(log);
  const stop = new AbortController();
  const driven = log.drive(readModels, log.partitionsOf([]), stop.signal);
  const level = async (): Promise<void> => {
    const deadline = Date.now() + 10_000;
    while ((await readModels.status()).some(({ state }) => state !== 'serving'))
      if (Date.now() < deadline) await setTimeout(5);
      else throw new Error(`not level: ${JSON.stringify(await readModels.status())}`);
  };
  await level();
  const append = async (stream: string, ...events: readonly DomainEvent[]): Promise<void> => {
    const last = log.append(stream, ...events).at(-1);
    if (!last) return;
    const written = { logId: log.logId, partition: log.partitionOf(last.stream), position: last.position };
    if (!(await readModels.reached([written], { timeout: 10_000 }))) throw new Error(`${stream} was not reached`);
  };
  const close = async (): Promise<void> => {
    stop.abort();
    await driven;
    await readModels.close();
  };
  return { readModels, append, documents: (of: Projection) => readModels.documents(of.name), close };
};

afterAll(async () => {
  await dropService(...services);
});

// Each page is some calls to the server.
readModelsContract(open, { randomSorts: 40 });
