import { type Category, type Position, type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { type Leases } from '#libs/leases/leases';
import { type Bus } from '#libs/messaging/bus';
import { type ReadModels } from '#libs/read-models/read-model';
import { type ReadModelUpkeep } from '#libs/read-models/upkeep';
import { type Consistency } from './consistency.ts';
import { type BegunReplay } from './replay-thread.ts';
import { type Background } from './service.ts';

/** The adapters of a process, opened together because some of them stand on each other. */
export type Storage = Readonly<{
  store: EventStore;
  readModels: ReadModels;
  bus: Bus;
  upkeep: ReadModelUpkeep;
  /** Who does what only one process is to do. */
  leases: Leases;
  /** Only where other processes share the work. */
  shared?: Shared;
  /** Up to `limit` events of the whole log after `position` (exclusive), as they were written. */
  stored: (position: Position, limit: number) => Promise<readonly StoredEvent[]>;
  /**
   * Copies all that is kept here, as of one moment, into a new file, while everything goes on. Progress is told in pages.
   * @throws DomainError `rejected` `log-elsewhere` where the log is not a file of ours
   */
  copyTo: (file: string, options: CopyOptions) => Promise<Copied>;
  /** After everything that uses them has ended. */
  close: () => Promise<void>;
}>;

type Shared = Readonly<{
  /** What runs in every process beside the requests: the relay, the read models' own upkeep. */
  work: readonly Background[];
  consistency: Consistency;
  /** Carries a replay out that another thread of this process has begun. */
  carryOut: (replay: BegunReplay, signal: AbortSignal) => Promise<void>;
  /** Publishes everything from this position on again; resolves once that is bound to happen. */
  republish: (from: Position) => Promise<void>;
}>;

type CopyOptions = Readonly<{ signal: AbortSignal; progress: (done: number, total: number) => void }>;

/** A copy of the log; whoever made it closes it. */
type Copied = Readonly<{
  logId: string;
  position: Position;
  /** In store order. */
  events: (categories: readonly Category[]) => AsyncIterable<Recorded>;
  close: () => void;
}>;
