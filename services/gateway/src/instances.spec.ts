import { describe, expect, it } from '@jest/globals';
import { Instances } from './instances.ts';

describe('the processes of a service', () => {
  const opened = () => {
    let now = 0;
    const instances = new Instances('invoicing', ['http://a', 'http://b', 'http://c'], 1_000, () => now);
    const turns = (count: number): readonly string[] => Array.from({ length: count }, () => instances.next()?.label ?? '');
    return { instances, turns, wait: (milliseconds: number) => (now += milliseconds) };
  };

  it('take turns', () => {
    expect(opened().turns(4)).toEqual(['invoicing.1', 'invoicing.2', 'invoicing.3', 'invoicing.1']);
  });

  it('are passed over for a while when they do not answer', () => {
    const { instances, turns, wait } = opened();
    const second = instances.all[1];
    if (!second) throw new Error('there are three');
    instances.passOver(second);
    expect(turns(4)).toEqual(['invoicing.1', 'invoicing.3', 'invoicing.1', 'invoicing.3']);
    wait(1_000);
    expect(turns(3)).toEqual(['invoicing.1', 'invoicing.2', 'invoicing.3']);
  });

  it('are asked all the same when no other is left', () => {
    const { instances } = opened();
    for (const instance of instances.all) instances.passOver(instance);
    expect(instances.next()?.label).toBe('invoicing.1');
    expect(instances.next(new Set(instances.all.slice(1)))?.label).toBe('invoicing.1');
    expect(instances.next(new Set(instances.all))).toBeUndefined();
  });
});
