import { type Recorded } from '#libs/event-sourcing/event';
import { type Consumer } from './consumer.ts';

/** Milliseconds before each further delivery of a failing event. */
export const DELAYS: readonly number[] = [50, 250, 1_000, 5_000];
export const HANDLER_TIMEOUT_MS = 60_000;

export const BEHIND = 'waits for an earlier message of its target';

/**
 * Delivers an event once. Resolves with what went wrong; undefined when it is handled. A handler that takes longer than `limit`
 * milliseconds has failed; one that does not listen to its signal may still be running beside the next try.
 */
export const attempt = async (
  { handle }: Consumer,
  event: Recorded,
  signal: AbortSignal,
  limit: number,
): Promise<string | undefined> => {
  const late = new AbortController();
  const tooLate = new Promise<never>((_, reject) => {
    late.signal.addEventListener('abort', () => {
      reject(new Error(`the handler took longer than ${String(limit)} ms`));
    });
  });
  const timer = setTimeout(() => {
    late.abort();
  }, limit);
  try {
    await Promise.race([handle(event, AbortSignal.any([signal, late.signal])), tooLate]);
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(timer);
  }
};

export const messageOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

/** A consumer that cannot tell its target still keeps the order of the stream. */
export const targetOf = ({ target }: Consumer, event: Recorded): string => {
  try {
    return target(event);
  } catch {
    return event.stream;
  }
};

export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener('abort', () => {
        resolve();
      });
  });
