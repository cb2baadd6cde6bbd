import { describe, expect, it } from '@jest/globals';
import { tokenOf, type Written, writtenIn } from './consistency-token.ts';
import { type Partition } from './feed.ts';

const written = (partition: string, position: number, logId = '0f8fad5b-d9cb-469f-a165-70867728950e'): Written => ({
  logId,
  partition: partition as Partition,
  position,
});

describe('a consistency token', () => {
  it('holds the highest position of each log and partition, in whichever order they were written', () => {
    const some = [
      written('tributary.tenants.v1/0', 9),
      written('tributary.contracts.v1/2', 7),
      written('tributary.tenants.v1/0', 12),
    ];
    expect(tokenOf(...some)).toBe(tokenOf(...some.toReversed()));
    expect(writtenIn(tokenOf(...some))).toEqual([written('tributary.contracts.v1/2', 7), written('tributary.tenants.v1/0', 12)]);
  });

  it('keeps positions of different logs apart', () => {
    const some = [written('tributary.tenants.v1/0', 9, 'a'), written('tributary.tenants.v1/0', 3, 'b')];
    expect(writtenIn(tokenOf(...some))).toEqual(some);
  });

  it('of nothing says nothing', () => {
    expect(tokenOf()).toBe('');
    expect(writtenIn('')).toEqual([]);
  });

  it.each(['x', 'log:topic:1', 'log:topic/1:', 'log:topic/1:1,', 'log:topic/x:1', 'log:topic/1:1 or more'])(
    'is not what somebody else wrote: %s',
    (text) => {
      expect(writtenIn(text)).toBeUndefined();
    },
  );
});
