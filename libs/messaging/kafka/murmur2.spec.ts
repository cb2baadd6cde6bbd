import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { murmur2 } from './murmur2.ts';

/** Hashes that differ have the same remainder once in as many. */
const MANY = 997;
const partitionMetadata = Array.from({ length: MANY }, (_, partitionId) => ({
  ...{ partitionId, partitionErrorCode: 0, leader: 0, replicas: [], isr: [] },
}));
const choose = Partitioners.DefaultPartitioner();

describe('the hash of a key', () => {
  it('puts every key where other clients of the broker put it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (key) => {
        const theirs = choose({ topic: 'any', partitionMetadata, message: { key, value: null } });
        expect((murmur2(key) & 0x7fffffff) % MANY).toBe(theirs);
      }),
    );
  });

  // The keys of the tests of Kafka's own client.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('is that of Kafka for %s', (key, hash) => {
    expect(murmur2(key)).toBe(hash);
  });
});
