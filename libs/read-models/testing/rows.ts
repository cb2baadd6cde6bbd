import {
  type CommandId,
  type DomainEvent,
  type Metadata,
  type Recorded,
  type Revision,
  type StreamName,
} from '#libs/event-sourcing/event';
import { type StreamFact } from '#libs/event-sourcing/stream-facts';
import { type Instant } from '#libs/time/time';
import { type Encoded, project } from '../fold.ts';
import { type Projection, type Row } from '../projection.ts';

/** Consecutive events of one stream. */
export type History = Readonly<{ stream: string; events: readonly DomainEvent[] }>;

export const history = <E extends DomainEvent>(stream: string, ...events: readonly (NoInfer<E> | StreamFact)[]): History => ({
  stream,
  events,
});

const METADATA: Metadata = {
  commandId: '00000000-0000-4000-8000-000000000000' as CommandId,
  bodyHash: 'a'.repeat(64),
  principal: { id: 'operator' },
  tenant: null,
  time: '2025-01-15T12:00:00.000Z' as Instant,
};

/** The events as a log would give them back, in the order told; a stream that occurs again goes on where it was. */
export const recorded = (histories: readonly History[]): readonly Recorded[] => {
  const heads = new Map<string, Revision>();
  let position = 0;
  return histories.flatMap(({ stream, events }) =>
    events.map((event): Recorded => {
      const revision = (heads.get(stream) ?? -1) + 1;
      heads.set(stream, revision);
      position += 1;
      const eventId = `${stream}/${String(revision)}`;
      return { ...event, stream: stream as StreamName, revision, position, eventId, metadata: METADATA };
    }),
  );
};

/**
 * The rows that queries would see after these histories, in the order of their ids. @throws Error for an event that the projection
 * cannot fold.
 */
export const rowsOf = <R extends Row>(projection: Projection<R>, histories: readonly History[]): readonly R[] => {
  const { documents, alarms } = project(projection, recorded(histories), { documents: new Map(), heads: new Map() });
  const [alarm] = alarms;
  if (alarm) throw new Error(`${alarm.stream} stopped at revision ${String(alarm.revision)}: ${alarm.reason}`);
  for (const document of documents) refuseQuarantined(document);
  return documents.toSorted((a, b) => (a.id < b.id ? -1 : 1)).flatMap(({ row }) => (row === null ? [] : [JSON.parse(row) as R]));
};

const refuseQuarantined = (document: Encoded): void => {
  if (!document.flagged) return;
  const errors = Object.entries(document.parts).flatMap(([name, { error }]) =>
    error === undefined ? [] : [`${name}: ${error}`],
  );
  throw new Error(`${document.id} is quarantined: ${errors.join('; ')}`);
};
