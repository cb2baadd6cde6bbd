import { createHash } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { type Command } from '#libs/event-sourcing/command';
import { type CommandId, type Recorded, type StreamName } from '#libs/event-sourcing/event';

const REACTIONS = 'b6f1f0c4-5a0d-5d0e-9a5e-3f2f8f6f8c11';

/**
 * The command of a consumer's reaction to an event in one target stream. Derived, so that a redelivered event finds its own
 * command in the target stream and appends nothing twice. It acts for whoever caused the event, at the event's time.
 */
export const reactionCommand = (consumerName: string, event: Recorded, targetStream: StreamName): Command => {
  const { principal, tenant, time, traceparent } = event.metadata;
  return {
    id: uuidv5(JSON.stringify([consumerName, event.eventId, targetStream]), REACTIONS) as CommandId,
    keyed: true,
    bodyHash: createHash('sha256').update(event.eventId).digest('hex'),
    principal,
    tenant,
    time,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
};
