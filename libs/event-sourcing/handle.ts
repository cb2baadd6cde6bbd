import { type Command } from './command.ts';
import { type Decider, type Decision } from './decider.ts';
import { type DomainEvent, type Position, type Recorded, type Revision } from './event.ts';
import { type EventStore } from './event-store.ts';

/** `position` is null when the command (or its duplicate) appended nothing new and no position is known. */
export type Handled<State> = Readonly<{
  state: State;
  revision: Revision;
  position: Position | null;
  events: readonly Recorded[];
}>;

/** `If-Match`: the entity's own revision as the caller knows it, and where a fresh state keeps it (undefined: no such entity). */
export type Expected<State> = Readonly<{ revision: Revision; of: (state: State) => Revision | undefined }>;

/**
 * Runs a decision on the stream's present state and appends what it decides, at exactly the revision that was read. A lost race
 * runs it again on fresh state. A command that the stream already holds is answered as it was the first time: the state as of its
 * last event. A keyed command that decides nothing appends `CommandAccepted`.
 * @throws DomainError `stale` when `expected` does not hold; `rejected` `idempotency-key-reused` for the same key with another body.
 */
export declare function handle<State, E extends DomainEvent, Id extends string>(
  store: EventStore,
  decider: Decider<State, E, Id>,
  id: NoInfer<Id>,
  decision: Decision<State, E>,
  options: Readonly<{ command: Command; expected?: Expected<State> }>,
): Promise<Handled<State>>;
