import { type Category, type Recorded } from '#libs/event-sourcing/event';

/**
 * Follows the events of other streams and acts on them, at least once and in store order. After bounded retries a failing event is
 * parked and the consumer goes on, or the consumer stops; which of the two has no default.
 */
export type Consumer = Readonly<{
  name: string;
  categories: readonly Category[];
  onFailure: 'park' | 'stop';
  /** Ordering key: while an event of a target is parked, later ones of that target park behind it. */
  target: (event: Recorded) => string;
  /** `signal` aborts at shutdown and when the handler takes too long. */
  handle: (event: Recorded, signal: AbortSignal) => Promise<void>;
}>;
