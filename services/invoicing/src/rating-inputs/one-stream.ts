import { type StreamName } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';

/** What every row of a rating input says of the one stream behind it: its tree, and how many events the stream had when it last changed. */
export type OneStream = Readonly<{ rootId: TenantId; changes: number }>;

/** For the events whose `document` is none: their part is never asked to fold them. */
export const concernsNoDocument = (stream: StreamName): never => {
  throw new Error(`${stream}: an event that concerns no document was folded`);
};
