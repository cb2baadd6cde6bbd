import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type Alarm, type Document, type PartState } from './fold.ts';
import { type Quarantined } from './upkeep.ts';

/** A part that waits, as an operator sees it. */
export type WaitingPart = Readonly<{ document: string; part: string; state: PartState }>;

/** Where documents wait, and for which event. */
export const waitingParts = (documents: readonly Document[]): readonly WaitingPart[] =>
  documents.flatMap(({ id, parts }) =>
    Object.entries(parts)
      .filter(([, { waiting }]) => waiting !== undefined)
      .map(([part, state]) => ({ document: id, part, state })),
  );

/** The event that a part waits for, which may be one of another stream than its own. */
const firstWaiting = ({ stream, waiting, revision }: PartState): Readonly<{ stream: StreamName; revision: Revision }> => ({
  stream: waiting?.[0]?.stream ?? stream,
  revision: waiting?.[0]?.revision ?? revision,
});

/** What waits for a fix in one projection: its stopped streams, and the parts of its flagged documents. */
export const quarantinedIn = (
  projection: string,
  alarms: readonly Alarm[],
  flagged: readonly Document[],
): readonly Quarantined[] => [
  ...alarms.map(({ stream, revision, reason }) => ({
    projection,
    document: null,
    part: null,
    stream,
    revision,
    error: reason,
  })),
  ...waitingParts(flagged).map(({ document, part, state }) => {
    return { projection, document, part, ...firstWaiting(state), error: state.error ?? '' };
  }),
];

/** The refusal to answer with a row of which a part waits. */
export const rowQuarantined = (projection: string, id: string, document: Document | undefined): DomainError => {
  const events = waitingParts(document ? [document] : []).map(({ state }) => firstWaiting(state));
  const named = events.map(({ stream, revision }) => `revision ${String(revision)} of ${stream}`).join(' and ');
  return new DomainError(
    'unavailable',
    'row-quarantined',
    `"${projection}" cannot answer for ${id}: ${named} could not be folded. An operator has to look at it.`,
  );
};
