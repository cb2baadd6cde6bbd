import { type Position, type Revision, type StreamName } from '#libs/event-sourcing/event';

/** Events of the log passed and in it, and how the rest will go. `null`: not known yet. */
export type Progress = Readonly<{ done: number; total: number; eventsPerSecond: number | null; secondsLeft: number | null }>;

export type ProjectionStatus = Readonly<{
  projection: string;
  version: number;
  /** `building`: not serving yet. `behind`: answers 503 until it is level with the log again. */
  state: 'building' | 'behind' | 'serving';
  /** Null before the first one serves. */
  generation: number | null;
  position: Position;
  /** Log positions not folded yet; 0 while serving. */
  lag: number;
  /** Parts that wait for a fix, and streams that had to be stopped. */
  quarantined: number;
  /** Why it is behind, or what ended the last replay. */
  error: string | null;
  /** Of the generation being built. */
  progress: Progress | null;
}>;

/** `document` and `part` are null for a stream that had to be stopped. */
export type Quarantined = Readonly<{
  projection: string;
  document: string | null;
  part: string | null;
  stream: StreamName;
  revision: Revision;
  error: string;
}>;

export type Retried = Readonly<{ retried: number; remaining: number }>;

/** What an operator sees of the read models and does about them. */
export interface ReadModelUpkeep {
  status(): Promise<readonly ProjectionStatus[]>;
  /**
   * Builds the projection anew beside the serving generation and puts it in its place once it has caught up. The serving one
   * answers all the while. Aborting gives the new one up. @throws DomainError `not-found`, `replay-running`, `replay-incomplete`
   */
  replay(projection: string, signal?: AbortSignal): Promise<void>;
  /** Gives the generation being built up; the serving one goes on. @throws DomainError `not-found`, `replay-not-running` */
  cancelReplay(projection: string): Promise<void>;
  /** Parts and streams of the serving generations that wait for a fix. */
  quarantined(): Promise<readonly Quarantined[]>;
  /** Folds again what waits, of one projection or of all, as the log has it now; what still cannot be folded waits on. */
  retry(projection?: string): Promise<Retried>;
}
