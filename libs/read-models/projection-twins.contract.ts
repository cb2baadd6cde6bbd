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
  describe(`the projection "${projection.name}"`, () => {
    holdsForTwins(projection, () => recorded(histories));
  });
};

/** The same by example of events that are there when the tests run, as those of a played log; `runs` random cases of each test. */
export const holdsForTwins = <R extends Row>(projection: Projection<R>, log: () => readonly Recorded[], runs = 100): void => {
  const once = (events: readonly Recorded[]): ReturnType<typeof store> => {
    const twin = store(projection);
    twin.take(events);
    return twin;
  };

  it('folds every event of the histories', () => {
    const twin = once(log());
    expect(twin.faults()).toEqual([]);
    expect(twin.bytes()).not.toEqual([]);
  });

  it('ends in the same bytes when events come twice', () => {
    const events = log();
    const bytes = once(events).bytes();
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(events.length), { maxLength: 5 }), (batches, repeats) => {
        const twin = store(projection);
        for (const batch of inBatches(events, batches)) twin.take(batch);
        // A redelivery begins anywhere, and the whole log comes once more from its start.
        for (const from of [...repeats, 0]) for (const batch of inBatches(events.slice(from), batches)) twin.redeliver(batch);
        expect(twin.bytes()).toEqual(bytes);
      }),
      { numRuns: runs },
    );
  });

  it('ends in the same bytes however its streams interleave, and whatever comes again in between', () => {
    const events = log();
    const bytes = once(events).bytes();
    const streams = [...new Set(events.map(({ stream }) => stream))].map((one) => events.filter(({ stream }) => stream === one));
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat()), fc.infiniteStream(fc.nat(9)), (batches, choices, again) => {
        const twin = store(projection);
        const mixed = interleaved(streams, choices);
        let taken = 0;
        for (const batch of inBatches(mixed, batches)) {
          twin.take(batch);
          taken += batch.length;
          const back = Number(again.next().value);
          // One in ten deliveries loses its acknowledgement, and what came shortly before comes with it.
          if (back === 0) twin.redeliver(mixed.slice(Math.max(0, taken - 10), taken));
        }
        expect(twin.bytes()).toEqual(bytes);
      }),
      { numRuns: runs },
    );
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
  const open = streams.map((stream) => stream.values());
  const mixed: Recorded[] = [];
  while (open.length > 0) {
    const at = Number(choices.next().value) % open.length;
    const next = open[at]?.next();
    if (next === undefined || next.done === true) open.splice(at, 1);
    else mixed.push(next.value);
  }
  return mixed;
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
