import { type Category, type DomainEvent, type Revision, type StreamName, streamName } from './event.ts';

/** An aggregate: how its events make its state. Decisions are plain functions beside it, curried on the state. */
export type Decider<State, E extends DomainEvent, Id extends string = string> = Readonly<{
  category: Category;
  stream: (id: Id) => StreamName;
  initial: State;
  evolve: (state: State, event: E, revision: Revision) => State;
}>;

/** What a decision is, once its arguments are given. No event means "already so". */
export type Decision<State, E extends DomainEvent> = (state: State) => readonly E[];

export const decider = <State, E extends DomainEvent, Id extends string = string>(
  category: string,
  initial: State,
  evolve: (state: State, event: E, revision: Revision) => State,
): Decider<State, E, Id> => ({
  category: category as Category,
  stream: (id) => streamName(category as Category, id),
  initial,
  evolve,
});
