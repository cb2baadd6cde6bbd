import { categoryOf } from '#libs/event-sourcing/event';
import { publicEventOf } from '#libs/wire/events';
import { type ServiceLog } from './log.ts';

/** A message as any reader of a topic finds it. */
export type Message = Readonly<{
  /** With its topic. */
  partition: string;
  offset: bigint;
  key: string;
  eventId: string;
  revision: number;
  position: number;
  logId: string;
  /** All of them, one a line. */
  headers: string;
  /** Base64. */
  value: string;
}>;

export type Published = Readonly<{ events: number; repeats: number; faults: readonly string[] }>;

const nameOf = ({ key, revision, partition, offset }: Message): string =>
  `revision ${String(revision)} of ${key} (${partition} at ${String(offset)})`;

/**
 * Compares what is on the topics with the logs. Each public event must be there once at least, whole streams in one partition, and for
 * whoever has not seen a stream yet in its order: a message may repeat an earlier one, word for word, and never be ahead of the next.
 */
export const publishedOf = (messages: readonly Message[], logs: readonly ServiceLog[]): Published => {
  const faults: string[] = [];
  const heads = new Map<string, Message>();
  const first = new Map<string, Message>();
  let repeats = 0;
  const ordered = messages.toSorted((a, b) =>
    a.partition === b.partition ? (a.offset < b.offset ? -1 : 1) : a.partition < b.partition ? -1 : 1,
  );
  for (const message of ordered) {
    const head = heads.get(message.key);
    if (head && head.partition !== message.partition) faults.push(`${nameOf(message)}: its stream is in ${head.partition}`);
    const known = first.get(`${message.key}/${String(message.revision)}`);
    if (known) {
      repeats++;
      if (known.value !== message.value || known.eventId !== message.eventId || known.position !== message.position)
        faults.push(`${nameOf(message)} is not what ${nameOf(known)} was`);
      continue;
    }
    if (message.revision !== (head?.revision ?? -1) + 1)
      faults.push(`${nameOf(message)} comes after ${head ? `revision ${String(head.revision)}` : 'nothing'}`);
    heads.set(message.key, message);
    first.set(`${message.key}/${String(message.revision)}`, message);
  }
  let events = 0;
  for (const { service, logId, events: logged } of logs)
    for (const { stream, type, revision, eventId, position } of logged) {
      if (!publicEventOf(categoryOf(stream), type)) continue;
      events++;
      const key = `${stream}/${String(revision)}`;
      const message = first.get(key);
      first.delete(key);
      if (!message) faults.push(`${service}: ${type}, revision ${String(revision)} of ${stream}, was never published`);
      else if (message.eventId !== eventId || message.position !== position || message.logId !== logId)
        faults.push(`${nameOf(message)} is not the event of the log of ${service}`);
    }
  for (const message of first.values()) faults.push(`${nameOf(message)} is in no log`);
  return { events, repeats, faults };
};
