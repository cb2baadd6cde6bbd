import { type Position as Place } from '@eventstore/db-client';
import { type Position } from '../event.ts';

/**
 * Where the server keeps an event in `$all`. An event that its own write has committed, which all are that we write, has the same
 * number twice, so the one number says it all.
 * @throws RangeError beyond what a number holds exactly: 9 PB of log.
 */
export const positionOf = ({ commit }: Pick<Place, 'commit'>): Position => {
  if (commit > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`Position ${String(commit)} is no position of an event.`);
  return Number(commit);
};

/** The place of the event at this position; whoever subscribes from there sees the next one first. */
export const placeOf = (position: Position): Place => ({ commit: BigInt(position), prepare: BigInt(position) });

/**
 * What a checkpoint of the server lets us say in one number: undefined for one that stands between two events, since the next event
 * may begin at exactly its number.
 */
export const passedAt = (checkpoint: Place): Position | undefined =>
  checkpoint.prepare >= checkpoint.commit ? positionOf(checkpoint) : undefined;
