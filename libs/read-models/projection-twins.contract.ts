import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Recorded, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type Document, type PartState, project } from './fold.ts';
import { type Projection, type Row } from './projection.ts';
import { type History, recorded } from './testing/rows.ts';

/**
 * What holds for every projection, by example of these histories: the same events twice, and the streams interleaved at random with
 * the order of each kept, in batches of any size, end in the same bytes.
 */
export const projectionTwins = <R extends Row>(projection: Projection<R>, histories: readonly History[]): void => {
  const events = recorded(histories);
  const streams = [...new Set(events.map(({ stream }) => stream))].map((one) => events.filter(({ stream }) => stream === one));
  const once = store(projection);
  once.take(events);

  describe(`the projection "${projection.name}"`, () => {
    it('folds every event of the histories', () => {
      expect(once.faults()).toEqual([]);
      expect(once.bytes()).not.toEqual([]);
    });

    it('ends in the same bytes when events come twice', () => {
      fc.assert(
        fc.property(sizes, fc.array(fc.nat(events.length), { maxLength: 5 }), (batches, repeats) => {
          const twin = store(projection);
          for (const batch of inBatches(events, batches)) twin.take(batch);
          // A redelivery begins anywhere, and the whole log comes once more from its start.
          for (const from of [...repeats, 0]) for (const batch of inBatches(events.slice(from), batches)) twin.redeliver(batch);
          expect(twin.bytes()).toEqual(once.bytes());
        }),
      );
    });

    it('ends in the same bytes however its streams interleave', () => {
      fc.assert(
        fc.property(sizes, fc.infiniteStream(fc.nat()), (batches, choices) => {
          const twin = store(projection);
          for (const batch of inBatches(interleaved(streams, choices), batches)) twin.take(batch);
          expect(twin.bytes()).toEqual(once.bytes());
        }),
      );
    });
  });
};

const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });

const inBatches = (events: readonly Recorded[], sizesOf: readonly number[]): readonly (readonly Recorded[])[] => {
  const batches: (readonly Recorded[])[] = [];
  for (let at = 0, turn = 0; at < events.length; turn++) {
    const size = sizesOf[turn % sizesOf.length] ?? 1;
    batches.push(events.slice(at, at + size));
    at += size;
  }
  return batches;
};

const interleaved = (streams: readonly (readonly Recorded[])[], choices: Iterator<number>): readonly Recorded[] => {
  const left = streams.map((stream) => [...stream]);
  const mixed: Recorded[] = [];
  for (;;) {
    const open = left.filter((stream) => stream.length > 0);
    if (open.length === 0) return mixed;
    const chosen = open[Number(choices.next().value) % open.length]?.shift();
    if (chosen) mixed.push(chosen);
  }
};

/** Documents as a read-model store keeps them: as text between two batches. */
const store = (projection: Projection) => {
  const documents = new Map<string, Readonly<{ parts: string; row: string | null; version: number }>>();
  const heads = new Map<StreamName, Revision>();
  const faults: string[] = [];
  const loaded = (): ReadonlyMap<string, Document> =>
    new Map(
      [...documents].map(([id, { parts, row, version }]) => [
        id,
        { id, parts: JSON.parse(parts) as Record<string, PartState>, row, version },
      ]),
    );
  const fold = (batch: readonly Recorded[], known: ReadonlyMap<StreamName, Revision>): void => {
    const projected = project(projection, batch, { documents: loaded(), heads: known });
    for (const { id, partsText, row, version, flagged, parts } of projected.documents) {
      documents.set(id, { parts: partsText, row, version: version + 1 });
      if (flagged) faults.push(...Object.values(parts).flatMap(({ error }) => error ?? []));
    }
    for (const [stream, revision] of projected.heads) heads.set(stream, revision);
    faults.push(...projected.alarms.map(({ stream, reason }) => `${stream}: ${reason}`));
  };
  return {
    take: (batch: readonly Recorded[]): void => {
      fold(batch, heads);
    },
    /** The heads were lost, as after a crash before they were written: the revisions in the parts have to do. */
    redeliver: (batch: readonly Recorded[]): void => {
      const before = batch.map(({ stream, revision }) => [stream, revision - 1] as const).toReversed();
      fold(batch, new Map(before));
    },
    bytes: (): readonly string[] =>
      [...documents].map(([id, { parts, row }]) => `${id}\t${parts}\t${row ?? ''}`).toSorted((a, b) => (a < b ? -1 : 1)),
    faults: (): readonly string[] => faults,
  };
};
