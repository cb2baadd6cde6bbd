import { type StoredEvent } from '#libs/event-sourcing/stored-event';

export type Logged = Pick<StoredEvent, 'position' | 'stream' | 'revision' | 'type' | 'eventId'>;

/** One service's log, in its order. */
export type ServiceLog = Readonly<{ service: string; logId: string; events: readonly StoredEvent[] }>;

/**
 * What is wrong with a log: a hole or a repetition in a stream, positions that do not rise, or a command that was carried out twice in
 * one stream. Ids of events are made of command, stream and place, so a command that came in twice has said some id twice.
 */
export const faultsOfLog = (service: string, events: readonly Logged[]): readonly string[] => {
  const faults: string[] = [];
  const heads = new Map<string, number>();
  const ids = new Set<string>();
  let before = 0;
  for (const { position, stream, revision, type, eventId } of events) {
    const where = `${service}: ${type}, revision ${String(revision)} of ${stream}`;
    if (position <= before) faults.push(`${where} stands at ${String(position)}, after ${String(before)}`);
    const expected = (heads.get(stream) ?? -1) + 1;
    if (revision !== expected) faults.push(`${where} comes where ${String(expected)} should`);
    if (ids.has(eventId)) faults.push(`${where} is there twice: its command was carried out again`);
    before = position;
    heads.set(stream, revision);
    ids.add(eventId);
  }
  return faults;
};
