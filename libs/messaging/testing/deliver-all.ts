import { type EventStore } from '#libs/event-sourcing/event-store';
import { type Recorded } from '#libs/event-sourcing/event';
import { type Consumer } from '../consumer.ts';

/** Hands a consumer everything that has happened so far, from the beginning, as often as it is called. */
export const deliverAll = async (store: EventStore, { categories, handle }: Consumer): Promise<void> => {
  const stop = new AbortController();
  const events: Recorded[] = [];
  for await (const event of store.subscribe(categories, 'start', stop.signal)) {
    if (event === 'caught-up') break;
    events.push(event);
  }
  stop.abort();
  for (const event of events) await handle(event, new AbortController().signal);
};
