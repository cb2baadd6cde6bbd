/** More than any input needs; what walks a body by recursion (checks, hashes) then stays far from the end of the stack. */
export const MOST_LEVELS = 64;

/** Whether objects and lists stand in each other deeper than that. Level by level: the depth costs no stack. */
export const isTooDeep = (body: unknown): boolean => {
  let level = [body].filter(isBranch);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MOST_LEVELS) return true;
    level = level.flatMap((branch) => Object.values(branch).filter(isBranch));
  }
  return false;
};

const isBranch = (value: unknown): value is object => typeof value === 'object' && value !== null;
