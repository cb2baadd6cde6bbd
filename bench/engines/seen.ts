import { percentile } from '../goal.ts';
import { type Steady } from './steady.ts';

/** In milliseconds. */
export type Times = Readonly<{ p50: number; p99: number }>;

export const timesOf = (samples: readonly number[]): Times => ({
  p50: percentile(samples, 0.5),
  p99: percentile(samples, 0.99),
});

export type Waits = Readonly<{ waited: Times; sent: Times; synced: Times }>;

/** One replay with nothing beside it; and appends, alone and beside another replay, so many of them. */
export type Replayed = Readonly<{ replay: Steady; alone: Times; beside: Times; commands: number }>;
