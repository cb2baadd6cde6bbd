import { type Instant } from '#libs/time/time';
import { type Position, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type Consumer } from './consumer.ts';

/** Why a consumer does not get on: the event that failed, and how often; no event when the bus itself is at fault. */
export type Failure = Readonly<{
  event: Readonly<{ stream: StreamName; revision: Revision; position: Position }> | null;
  message: string;
  attempts: number;
}>;

export type ConsumerStatus = Readonly<{
  consumer: string;
  /** `retrying`: waiting to deliver the event of `failure` again. `stopped`: it gave up on it, and waits for a restart. */
  state: 'running' | 'retrying' | 'stopped' | 'ended';
  /** Everything up to here is handled or parked. */
  position: Position;
  /** Log positions not yet handled. */
  lag: number;
  parked: number;
  failure: Failure | null;
}>;

/** `bytes` is the message as it was delivered, JSON. `behind`: it only waits for an earlier one of its target. */
export type Parked = Readonly<{
  consumer: string;
  target: string;
  /** Names the message: positions of several logs collide. */
  eventId: string;
  position: Position;
  stream: StreamName;
  revision: Revision;
  reason: string;
  behind: boolean;
  parkedAt: Instant;
  bytes: string;
}>;

/** Between services. Adapters: `embedded/`, `kafka/`. Every adapter passes `bus.contract.ts`. */
export interface Bus {
  /** Before anything runs. @throws StorageError for a checkpoint that this log cannot have made; its message says what to do. */
  verify(consumers: readonly Consumer[]): Promise<void>;
  /** Runs the consumers until the signal aborts; resolves when their handlers have ended. A consumer's failure never rejects it. */
  run(consumers: readonly Consumer[], signal: AbortSignal): Promise<void>;
  status(): Promise<readonly ConsumerStatus[]>;
  /** In store order. */
  parked(consumer?: string): Promise<readonly Parked[]>;
  /**
   * Delivers parked messages in order, target by target, as the log has them now; a target whose message fails again stays parked
   * from there on.
   */
  retryParked(consumer: string, target?: string): Promise<Readonly<{ handled: number; remaining: number }>>;
  /** Gives one message up for good. @throws DomainError `not-found` */
  dropParked(consumer: string, eventId: string): Promise<void>;
  /** Rejects when a consumer has stopped, or at the timeout (milliseconds). */
  untilCaughtUp(position: Position, options: Readonly<{ timeout: number }>): Promise<void>;
  /** Until no consumer has anything left to do, what their own reactions appended included. */
  settled(options?: Readonly<{ timeout: number }>): Promise<void>;
}
