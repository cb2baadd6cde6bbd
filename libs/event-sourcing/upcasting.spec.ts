import { describe, expect, it } from '@jest/globals';
import { upcast } from './upcasting.ts';

describe('upcasting', () => {
  const upcasters = new Map([
    ['A', (data: unknown) => ({ type: 'B', data: [data] })],
    ['B', (data: unknown) => ({ type: 'C', data: { was: data } })],
    ['Ping', (data: unknown) => ({ type: 'Pong', data })],
    ['Pong', (data: unknown) => ({ type: 'Ping', data })],
  ]);

  it('leads a retired event through every shape it had to today’s', () => {
    expect(upcast(upcasters, { type: 'A', data: 1 })).toEqual({ type: 'C', data: { was: [1] } });
  });

  it('leaves today’s events alone', () => {
    const event = { type: 'C', data: {} };
    expect(upcast(upcasters, event)).toBe(event);
  });

  it('refuses to run in a circle', () => {
    expect(() => upcast(upcasters, { type: 'Ping', data: 1 })).toThrow('The upcasters of Ping lead in a circle.');
  });
});
