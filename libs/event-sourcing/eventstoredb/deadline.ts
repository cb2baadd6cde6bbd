import { type StreamingRead } from '@eventstore/db-client';
import { unreachable } from './faults.ts';

/** How long one answer of the server, or the next part of one, is waited for. The client itself would wait for ever in places. */
const DEADLINE_MS = 10_000;

/** @throws DomainError `event-store-unavailable` when `answer` is not there in time; what was asked may have been done. */
export const within = async <T>(answer: Promise<T>, address: string, ms = DEADLINE_MS): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, refuse) => {
    timer = setTimeout(() => {
      refuse(unreachable(address, `no answer within ${String(ms / 1_000)} s`));
    }, ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** All that a read gives. The deadline is for each part of it. */
export const collected = async <T>(read: StreamingRead<T>, address: string, ms = DEADLINE_MS): Promise<readonly T[]> => {
  const all: T[] = [];
  const late = (): void => {
    read.destroy(unreachable(address, `no answer within ${String(ms / 1_000)} s`));
    read.cancel().catch(() => undefined);
  };
  let timer = setTimeout(late, ms);
  try {
    for await (const one of read) {
      all.push(one);
      clearTimeout(timer);
      timer = setTimeout(late, ms);
    }
  } finally {
    clearTimeout(timer);
  }
  return all;
};
