import { type Command, metadataOf } from '../command.ts';
import { type DomainEvent, type StreamName } from '../event.ts';
import { type Appended, type EventStore } from '../event-store.ts';
import { aCommand } from './command.ts';

/** Appends what a test starts from to the end of its stream, with no decision behind it. */
export const happened = async (
  store: EventStore,
  stream: string,
  events: readonly DomainEvent[],
  told: Partial<Command> = {},
): Promise<Appended> => {
  const name = stream as StreamName;
  const { revision } = await store.read(name);
  return store.append(name, events, revision, metadataOf(aCommand(told)));
};
