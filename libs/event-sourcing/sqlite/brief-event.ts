import { type Metadata, type Position, type Recorded, type Revision, type StreamName } from '../event.ts';

/** What stands in the log beside an event's data. */
export type Beside = Readonly<{ eventId: string; metadata: Metadata }>;

/**
 * An event of which only the data has been read: who folds a million of them seldom asks for the rest, which is then read from the
 * log. Spreading it would lose that rest; as JSON it is like any other.
 */
export class BriefEvent implements Recorded {
  readonly #besideOf: (position: Position) => Beside;

  constructor(
    readonly type: string,
    readonly data: unknown,
    readonly stream: StreamName,
    readonly revision: Revision,
    readonly position: Position,
    besideOf: (position: Position) => Beside,
  ) {
    this.#besideOf = besideOf;
  }

  get eventId(): string {
    return this.#besideOf(this.position).eventId;
  }

  get metadata(): Metadata {
    return this.#besideOf(this.position).metadata;
  }

  /** In the order in which the store gives them. */
  toJSON(): Recorded {
    const { type, data, stream, revision, position } = this;
    return { type, data, stream, revision, position, ...this.#besideOf(position) };
  }
}
