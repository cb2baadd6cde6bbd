import { type DomainEvent } from '#libs/event-sourcing/event';
import { happened } from '#libs/event-sourcing/testing/happened';
import { readModelsContract } from '../read-models.contract.ts';
import { openInMemory } from '../testing/in-memory.ts';

readModelsContract(async (projections) => {
  const { store, readModels, close } = await openInMemory(...projections);
  const append = async (stream: string, ...events: readonly DomainEvent[]): Promise<void> => {
    await happened(store, stream, events);
  };
  return { readModels, append, documents: (of) => readModels.documents(of.name), close };
});
