import { DomainError } from '#libs/event-sourcing/domain-error';
import { notedWrites } from '#libs/event-sourcing/writes';
import { type ReadModel, type ReadModels } from '#libs/read-models/read-model';
import { type Projection, type Row } from '#libs/read-models/projection';
import { type Consistency } from './consistency.ts';

/** Read models that are asked within a request answer once they have what this very request has written. */
export class ReadModelsWithOwnWrites implements ReadModels {
  readonly #models: ReadModels;
  readonly #consistency: Consistency;
  readonly #patienceMs: number;

  constructor(models: ReadModels, consistency: Consistency, patienceMs: number) {
    this.#models = models;
    this.#consistency = consistency;
    this.#patienceMs = patienceMs;
  }

  of<R extends Row>(projection: Projection<R>): ReadModel<R> {
    const model = this.#models.of(projection);
    const level = (): Promise<void> => this.#level();
    return {
      get: async (id) => {
        await level();
        return model.get(id);
      },
      find: async (query) => {
        await level();
        return model.find(query);
      },
      all: async (filter, sort) => {
        await level();
        return model.all(filter, sort);
      },
      aggregate: async (query) => {
        await level();
        return model.aggregate(query);
      },
    };
  }

  async #level(): Promise<void> {
    const writes = notedWrites();
    if (writes === undefined || writes.length === 0) return;
    if (await this.#consistency.reached(this.#consistency.written(writes), this.#patienceMs)) return;
    throw new DomainError(
      'unavailable',
      'not-consistent-yet',
      'What this request has written is stored, but cannot be read yet: ask for it again.',
    );
  }
}
