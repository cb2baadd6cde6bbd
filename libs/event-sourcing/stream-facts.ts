import { type CommandId, type DomainEvent, type StreamName } from './event.ts';

/**
 * Facts that any stream may hold beside its aggregate's own. `handle` keeps them from `evolve`; readers of the log that do not know
 * them pass them by.
 */
export type StreamFact =
  /** A keyed command found nothing to do: a late retry of it must not act on a newer state. */
  | DomainEvent<'CommandAccepted', Record<string, never>>
  /** A claim of this command was taken over by somebody else before the command appended anything: it may no longer do so. */
  | DomainEvent<'ClaimGivenUp', { claim: StreamName; commandId: CommandId }>;

export type ClaimGivenUp = Extract<StreamFact, { type: 'ClaimGivenUp' }>;

export const isClaimGivenUp = (event: DomainEvent): event is ClaimGivenUp => event.type === 'ClaimGivenUp';

export const isStreamFact = (event: DomainEvent): event is StreamFact =>
  event.type === 'CommandAccepted' || isClaimGivenUp(event);
