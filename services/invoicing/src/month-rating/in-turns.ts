import { setImmediate as nextTurn } from 'node:timers/promises';

/** Requests wait at most about this long for a piece of the work. */
const TURN_MS = 5;

/** Runs work that yields between its steps, and lets everybody else have a turn meanwhile. @throws the signal's reason */
export const inTurns = async <Result>(steps: Generator<void, Result>, signal?: AbortSignal): Promise<Result> => {
  let turn = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() - turn < TURN_MS) continue;
    await nextTurn();
    signal?.throwIfAborted();
    turn = performance.now();
  }
};
