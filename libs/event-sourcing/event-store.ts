import {
  type Category,
  type DomainEvent,
  type Metadata,
  type Position,
  type Recorded,
  type Revision,
  type StreamName,
} from './event.ts';

/** Where the stream and the log stand after an append, and the events as any reader will see them. */
export type Appended = Readonly<{ revision: Revision; position: Position; events: readonly Recorded[] }>;

/** Consecutive events of one command. */
export type Batch = Readonly<{ events: readonly DomainEvent[]; metadata: Metadata }>;

/** `upTo` (inclusive) reads a stream as it was; `after` (exclusive) leaves out what is known already. */
export type ReadRange = Readonly<{ after?: Revision; upTo?: Revision }>;

/** Thrown by `append` when the stream is not at the expected revision; nothing was written. */
export class RevisionConflict extends Error {
  override readonly name = 'RevisionConflict';

  constructor(
    readonly stream: StreamName,
    readonly expected: Revision,
  ) {
    super(`${stream} is not at revision ${String(expected)}`);
  }
}

/**
 * The write side. Adapters: `sqlite/` (embedded, or shared by the processes of one host), `eventstoredb/`. Every adapter passes `event-store.contract.ts`.
 * Events are upcast as they are read, so nobody sees an old shape.
 */
export interface EventStore {
  /** Identity of the log; checkpoints of another log are refused. */
  readonly logId: string;
  /** `revision` is that of the last event within `upTo`, whether or not `after` left it out; `NO_STREAM` for a missing stream. */
  read<E extends DomainEvent>(
    stream: StreamName,
    range?: ReadRange,
  ): Promise<Readonly<{ revision: Revision; events: readonly Recorded<E>[] }>>;
  /**
   * Appends all events or none; at least one. Resolves only when they are durable (and, embedded, folded into the serving read
   * models). Event ids are derived from the command id, the stream and the event's index. @throws RevisionConflict
   */
  append(stream: StreamName, events: readonly DomainEvent[], expected: Revision, metadata: Metadata): Promise<Appended>;
  /** `append` for the events of several commands, in order: all of them or none. @throws RevisionConflict */
  appendBatches(stream: StreamName, batches: readonly Batch[], expected: Revision): Promise<Appended>;
  /**
   * Every event of the categories after `from` (exclusive) in store order; `'caught-up'` whenever the present end is reached.
   * `passed` hears of positions up to which all of these events have been taken, though the event there may be of another category:
   * whoever goes on from one of them does not search the log from its own last event on again.
   */
  subscribe(
    categories: readonly Category[],
    from: Position | 'start',
    signal: AbortSignal,
    passed?: (position: Position) => void,
  ): AsyncIterable<Recorded | 'caught-up'>;
  /** Position of the last event, 0 in an empty log. */
  head(): Promise<Position>;
}
