import { type Provider, type Type } from '@nestjs/common';
import { type Logger } from 'pino';
import { type Category, type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type Upcasters } from '#libs/event-sourcing/upcasting';
import { type Consumer } from '#libs/messaging/consumer';
import { type Projection } from '#libs/read-models/projection';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Clock } from '#libs/time/time';
import { type AccessTokens } from './access-tokens.ts';

/** What the shell hands to a service: its ports and nothing of how they are made. */
export type Platform = Readonly<{
  store: EventStore;
  readModels: ReadModels;
  clock: Clock;
  newId: () => string;
  log: Logger;
  /** Folder of everything that is kept: the log, the usage store, the keys. */
  dataDir: string;
  /** No other process works in that folder: whatever nobody in this one is about is left over. */
  alone: boolean;
  /** One validated object per concern; a concern that is not the platform's own stands in `ServiceDefinition.configuration`. */
  configuration: <Concern extends object>(concern: Type<Concern>) => Concern;
  accessTokens: AccessTokens;
}>;

/**
 * Work beside the requests (a scheduler, a queue's worker). It ends soon after `signal` aborts; shutdown waits for it. Of the processes
 * of a service one at a time does it, and it may be begun again.
 */
export type Background = Readonly<{
  name: string;
  /** Each process does it for itself. */
  inEveryProcess?: true;
  run: (signal: AbortSignal) => Promise<void>;
  /** Is there nothing left to do for what has happened so far? Tests wait for it; without it the work is always at rest. */
  idle?: () => boolean | Promise<boolean>;
  /** Look again: read models have changed without an event, as by a retry of what they could not fold. */
  wake?: () => void;
  /** What fails at present although the work goes on: health shows it to the operator. */
  troubles?: () => readonly string[];
}>;

/** Files below the data directory that events refer to; they are written once and never changed. Paths are relative, with `/`. */
export type KeptFiles = Readonly<{
  categories: readonly Category[];
  /** Of the log's events of these categories, in store order: all that answers need, or work not done yet. */
  in: (events: AsyncIterable<Recorded>) => Promise<ReadonlySet<string>>;
  /** Folders whose files go once their work is done, which may be while the log is being copied. */
  passing?: readonly string[];
}>;

/** A service as a value: what a process composes. Several services of one process may name the same projection value. */
export type ServiceDefinition = Readonly<{
  name: string;
  module: Type;
  /** Classes with `@Variable` fields, read from the environment before anything starts. */
  configuration?: readonly Type<object>[];
  providers?: (platform: Platform) => Provider[];
  projections: readonly Projection[];
  /** For retired event types of its streams, how they read today; wherever events are read, nobody sees an old one. */
  upcasters?: Upcasters;
  consumers: (platform: Platform) => readonly Consumer[];
  /** What a backup takes along with the log. */
  files?: KeptFiles;
  /** Streams whose events' data leaves the platform in no export, password hashes for example. */
  secrets?: readonly Category[];
  background?: (platform: Platform) => readonly Background[];
}>;
