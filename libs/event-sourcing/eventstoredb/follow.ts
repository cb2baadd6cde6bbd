import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type EventStoreDBClient,
  type Position as Place,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import { type Category, type Position, type Recorded } from '../event.ts';
import { passedAt, placeOf } from './place.ts';

/** What following the log needs of its store. */
export type FollowedLog = Readonly<{
  client: EventStoreDBClient;
  address: string;
  head: () => Promise<Position>;
  recorded: (resolved: AllStreamResolvedEvent) => Recorded;
}>;

const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** In units of the server's search window (32 events): often enough to hear soon of how far a quiet subscription has come. */
const CHECKPOINT_EVERY = 10;

/**
 * Follows the log over any number of connections: the server ends a subscription when it goes down, or when its reader is slow. The
 * next one begins where this one stood, and what it repeats is passed by.
 */
export async function* follow(
  log: FollowedLog,
  categories: readonly Category[],
  from: Position | 'start',
  ended: AbortSignal,
  passed: (position: Position) => void,
): AsyncGenerator<Recorded | 'caught-up'> {
  if (categories.length === 0) return yield* nothing(ended);
  const progress = new Progress(from, passed);
  let pause = SHORTEST_PAUSE_MS;
  while (!ended.aborted) {
    const connection = new Connection(log, categories, progress);
    try {
      for await (const next of connection.events(ended)) {
        pause = SHORTEST_PAUSE_MS;
        yield next;
      }
    } finally {
      await connection.close();
    }
    if (ended.aborted) return;
    await sleep(pause, undefined, { signal: ended }).catch(() => undefined);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

async function* nothing(ended: AbortSignal): AsyncGenerator<'caught-up'> {
  if (ended.aborted) return;
  yield 'caught-up';
  if (!ended.aborted) await new Promise((resolve) => ended.addEventListener('abort', resolve, { once: true }));
}

/** How far a subscription has come, whatever connection it has. */
export class Progress {
  /** Where the next connection begins. */
  place: Place | typeof START;
  #last: Position;
  #landmark: Position | undefined;
  readonly #passed: (position: Position) => void;

  constructor(from: Position | 'start', passed: (position: Position) => void) {
    this.#last = from === 'start' ? 0 : from;
    this.place = from === 'start' || from === 0 ? START : placeOf(from);
    this.#passed = passed;
  }

  /** False for an event that was given before. */
  takes(position: Position): boolean {
    if (position <= this.#last) return false;
    this.#last = position;
    this.place = placeOf(position);
    return true;
  }

  /** A position at which some event stands: once we are beyond it, it may be gone on from. */
  sees(landmark: Position): void {
    if (landmark > this.#last) this.#landmark = landmark;
  }

  /** Whether everything up to there has been given, as far as positions alone can tell. */
  isAt(head: Position): boolean {
    return this.#last >= head || (this.place !== START && this.place.commit > BigInt(head));
  }

  /** The server has given all of our events up to here. */
  reaches(checkpoint: Place): void {
    // Of the place that we have reached already, or an older one: the server repeats its last one at times.
    if (this.place !== START && checkpoint.commit <= this.place.commit) return;
    this.place = checkpoint;
    const position = passedAt(checkpoint) ?? (this.#landmark && this.#landmark < checkpoint.commit ? this.#landmark : undefined);
    if (position === undefined || position <= this.#last) return;
    this.#last = position;
    this.#landmark = undefined;
    this.#passed(position);
  }
}

/** One subscription of the server's. */
class Connection {
  readonly #log: FollowedLog;
  readonly #progress: Progress;
  readonly #subscription: AllStreamSubscription;
  #checkpoint: Place | undefined;
  #isLive = false;
  /** Where the log ended when this connection began, for servers before 23.10, which do not say that one has caught up. */
  #end: Position | undefined;
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(log: FollowedLog, categories: readonly Category[], progress: Progress) {
    this.#log = log;
    this.#progress = progress;
    this.#subscription = log.client.subscribeToAll({
      fromPosition: progress.place,
      filter: streamNameFilter({
        prefixes: categories.map((category) => `${category}-`),
        checkpointInterval: CHECKPOINT_EVERY,
        checkpointReached: (_, checkpoint) => {
          this.#checkpoint = checkpoint;
          this.#wake();
        },
      }),
    });
    const over = (): void => {
      this.#isOver = true;
      this.#wake();
    };
    this.#subscription
      .on('readable', () => {
        this.#wake();
      })
      .on('caughtUp', () => {
        this.#isLive = true;
        this.#wake();
      })
      .on('fellBehind', () => {
        this.#isLive = false;
      })
      .on('end', over)
      .on('close', over)
      .on('error', over);
  }

  /**
   * Until the connection is over. Read piece by piece, so that what is not asked for yet waits at the server; when nothing is there
   * to be read, all that the server had said before has been taken.
   */
  async *events(ended: AbortSignal): AsyncGenerator<Recorded | 'caught-up'> {
    const wake = (): void => {
      this.#wake();
    };
    ended.addEventListener('abort', wake);
    this.#look();
    let told = false;
    try {
      while (!ended.aborted) {
        const resolved = this.#subscription.read() as AllStreamResolvedEvent | null;
        if (resolved) {
          const event = resolved.event && this.#log.recorded(resolved);
          if (!event || !this.#progress.takes(event.position)) continue;
          told = false;
          yield event;
          continue;
        }
        if (this.#checkpoint) this.#progress.reaches(this.#checkpoint);
        this.#checkpoint = undefined;
        if (this.#end !== undefined && this.#progress.isAt(this.#end)) this.#isLive = true;
        if (this.#isLive && !told) {
          told = true;
          this.#look();
          yield 'caught-up';
        } else if (this.#isOver) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      ended.removeEventListener('abort', wake);
    }
  }

  async close(): Promise<void> {
    this.#subscription.on('error', () => undefined);
    await this.#subscription.unsubscribe().catch(() => undefined);
  }

  /** Where the log ends now, to know it again once it is passed. */
  #look(): void {
    this.#log.head().then(
      (head) => {
        this.#progress.sees(head);
        this.#end ??= head;
        this.#wake();
      },
      () => undefined,
    );
  }
}
