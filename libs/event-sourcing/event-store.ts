import {
  type Category,
  type DomainEvent,
  type Metadata,
  type Position,
  type Recorded,
  type Revision,
  type StreamName,
} from './event.ts';

export type Appended = Readonly<{ revision: Revision; position: Position }>;

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
 * The write side. Adapters: `sqlite/` (embedded). Every adapter passes `event-store.contract.ts`.
 * Events are upcast as they are read, so nobody sees an old shape.
 */
export interface EventStore {
  /** Identity of the log; checkpoints of another log are refused. */
  readonly logId: string;
  /** A missing stream has revision `NO_STREAM` and no events. `upTo` (inclusive) reads a stream as it was. */
  read<E extends DomainEvent>(
    stream: StreamName,
    upTo?: Revision,
  ): Promise<Readonly<{ revision: Revision; events: readonly Recorded<E>[] }>>;
  /**
   * Appends all events or none. Resolves only when they are durable (and, embedded, folded into the serving read models).
   * The event id is derived from the command id and the event's index. @throws RevisionConflict
   */
  append(stream: StreamName, events: readonly DomainEvent[], expected: Revision, metadata: Metadata): Promise<Appended>;
  /** Every event of the categories after `from` (exclusive) in store order; `'caught-up'` whenever the present end is reached. */
  subscribe(
    categories: readonly Category[],
    from: Position | 'start',
    signal: AbortSignal,
  ): AsyncIterable<Recorded | 'caught-up'>;
  /** Position of the last event, 0 in an empty log. */
  head(): Promise<Position>;
}
