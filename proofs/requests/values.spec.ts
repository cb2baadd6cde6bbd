import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { faultsBy, type OpenApi, type Schema } from './documented.ts';
import { Memory } from './memory.ts';
import { mutated, valuesOf } from './values.ts';

const document: OpenApi = {
  paths: {},
  components: {
    schemas: {
      Price: {
        type: 'object',
        properties: { amount: { type: 'string', format: 'decimal' }, currency: { type: 'string', enum: ['EUR', 'USD'] } },
        required: ['amount', 'currency'],
      },
    },
  },
};
const schema: Schema = {
  type: 'object',
  properties: {
    thingId: { type: 'string', format: 'uuid' },
    name: { type: 'string', minLength: 2, maxLength: 12 },
    month: { type: 'string', pattern: '^\\d{4}-(0[1-9]|1[0-2])$' },
    from: { type: 'string', format: 'date', nullable: true },
    count: { type: 'integer', minimum: 1, maximum: 5 },
    price: { $ref: '#/components/schemas/Price' },
    tags: { type: 'array', items: { type: 'string' }, minItems: 1, uniqueItems: true },
    how: { oneOf: [{ type: 'boolean' }, { $ref: '#/components/schemas/Price' }] },
  },
  required: ['thingId', 'name', 'price'],
};
const faults = faultsBy(document);
const sample = (values: fc.Arbitrary<unknown>) => fc.sample(values, { numRuns: 300, seed: 1 });

describe('values made of a schema', () => {
  it('are as it says, with and without what may be left out', () => {
    const made = sample(valuesOf(schema, '', document, new Memory([])));
    expect(made.map((value) => faults(schema, value)).filter((fault) => fault !== '')).toEqual([]);
    for (const field of ['month', 'from', 'count', 'tags', 'how'])
      expect([field, new Set(made.map((value) => field in (value as object)))]).toEqual([field, new Set([true, false])]);
  });

  it('are often ones that have been seen to exist', () => {
    const memory = new Memory([]);
    const route = { method: 'GET', path: '/things', operation: { operationId: 'things', responses: {} } };
    const thingId = '5f0c3a52-6a5c-4a57-9c6e-0d2f8a1b7c3d';
    memory.learn(route, {}, '/things', undefined, { items: [{ thingId }], nextCursor: null });
    const live = sample(valuesOf(schema, '', document, memory)).filter(
      (value) => (value as { thingId: string }).thingId === thingId,
    );
    expect(live.length).toBeGreaterThan(100);
  });

  it('are mostly outside it once mutated', () => {
    const wrong = sample(mutated(valuesOf(schema, '', document, new Memory([])))).filter((value) => faults(schema, value) !== '');
    expect(wrong.length).toBeGreaterThan(200);
  });
});
