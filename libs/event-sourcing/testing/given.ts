import { expect } from '@jest/globals';
import { type Decider, type Decision } from '../decider.ts';
import { DomainError } from '../domain-error.ts';
import { type DomainEvent } from '../event.ts';

/** Given past events, when a decision, then its events or its refusal. No I/O. */
export const given = <State, E extends DomainEvent, Id extends string>(
  decider: Decider<State, E, Id>,
  ...past: readonly NoInfer<E>[]
) => {
  const state = past.reduce<State>((before, event, revision) => decider.evolve(before, event, revision), decider.initial);
  return {
    state,
    when: (decision: Decision<State, E>) => ({
      then: (...expected: readonly E[]): void => {
        expect(decision(state)).toEqual(expected);
      },
      thenNothing: (): void => {
        expect(decision(state)).toEqual([]);
      },
      thenRejected: (code: string, ...paths: readonly string[]): DomainError => {
        const refusal = refusalOf(() => decision(state));
        expect(refusal.code).toBe(code);
        if (paths.length > 0) expect(refusal.errors.map(({ path }) => path)).toEqual(paths);
        return refusal;
      },
    }),
  };
};

const refusalOf = (run: () => unknown): DomainError => {
  try {
    run();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('expected a refusal, but the decision was taken');
};
