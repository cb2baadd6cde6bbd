/** So many at once: their writes share a commit, and what is done stays done when a handler's time is up. */
const AT_ONCE = 200;

/** Does it for all of them, some at a time. */
export const inParts = async <T>(
  all: Iterable<T>,
  signal: AbortSignal,
  work: (part: readonly T[]) => Promise<unknown>,
): Promise<void> => {
  const list = [...all];
  for (let from = 0; from < list.length; from += AT_ONCE) {
    signal.throwIfAborted();
    await work(list.slice(from, from + AT_ONCE));
  }
};
