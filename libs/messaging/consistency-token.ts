import { type Position } from '#libs/event-sourcing/event';
import { type Partition } from './feed.ts';

/** What a caller has written or seen written: the highest position of each partition and log. */
export type Written = Readonly<{ logId: string; partition: Partition; position: Position }>;

/** A set of `Written` as callers carry it: `<log id>:<partition>:<position>`, comma-separated. Opaque to them. */
export type ConsistencyToken = string;

const ENTRY = /^([\w-]{1,64}):([\w.-]{1,200}\/\d{1,6}):(\d{1,16})$/;

/** Undefined for a text that no `tokenOf` gave. */
export const writtenIn = (token: ConsistencyToken): readonly Written[] | undefined => {
  if (token.trim() === '') return [];
  const written: Written[] = [];
  for (const entry of token.split(',')) {
    const [, logId, partition, position] = ENTRY.exec(entry.trim()) ?? [];
    if (logId === undefined || partition === undefined) return undefined;
    written.push({ logId, partition: partition as Partition, position: Number(position) });
  }
  return written;
};

/** The highest position of each log and partition, in a fixed order. Empty for nothing. */
export const tokenOf = (...written: readonly Written[]): ConsistencyToken => {
  const highest = new Map<string, Position>();
  for (const { logId, partition, position } of written) {
    const key = `${logId}:${partition}`;
    highest.set(key, Math.max(position, highest.get(key) ?? 0));
  }
  return [...highest]
    .map(([key, position]) => `${key}:${String(position)}`)
    .toSorted()
    .join(',');
};
