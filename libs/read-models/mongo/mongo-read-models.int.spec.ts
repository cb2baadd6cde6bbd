import { randomBytes } from 'node:crypto';
import { afterAll, describe } from '@jest/globals';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Projection } from '../projection.ts';
import { readModelsContract } from '../read-models.contract.ts';
import { PartitionedLog } from '../testing/partitioned-log.ts';
import { upkeepContract, type UpkeepSubject } from '../upkeep.contract.ts';
import { dropService } from './testing/engine.ts';
import { startInstance } from './testing/instance.ts';

const services: string[] = [];

const open = async (first: readonly Projection[]) => {
  const service = `contract-${randomBytes(4).toString('hex')}`;
  services.push(service);
  const log = new PartitionedLog();
  const started = async (projections: readonly Projection[]) => {
    const { readModels, level, close } = startInstance(service, projections, log);
    await level();
    const append = async (stream: string, ...events: readonly DomainEvent[]): Promise<void> => {
      const last = log.append(stream, ...events).at(-1);
      if (!last) return;
      const written = { logId: log.logId, partition: log.partitionOf(last.stream), position: last.position };
      if (!(await readModels.reached([written], { timeout: 10_000 }))) throw new Error(`${stream} was not reached`);
    };
    const restarted = async (others: readonly Projection[]): Promise<UpkeepSubject> => {
      await close();
      return started(others);
    };
    return {
      readModels,
      append,
      documents: (of: Projection) => readModels.documents(of.name),
      bytes: async (name: string) => (await readModels.documents(name)).bytes(),
      restarted,
      close,
    };
  };
  return started(first);
};

afterAll(async () => {
  await dropService(...services);
});

// Each page is some calls to the server.
readModelsContract(open, { randomSorts: 40 });
describe('their upkeep', () => {
  upkeepContract(open);
});
