import { type Collection } from 'mongoose';
import { type Position, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type Partition } from '#libs/messaging/feed';
import { type Alarm } from '../fold.ts';
import { type MongoConnection } from './connection.ts';

/** Everything before `offset` is in the documents. `positions`: the highest one handled of each log; `log`: the one that spoke last. */
export type Place = Readonly<{ offset: number; positions: Readonly<Record<string, Position>>; log: string | null }>;

/** A stream that is not followed any longer, and the message that it stopped at. */
export type Stopped = Alarm & Readonly<{ partition: Partition; offset: number }>;

/** What came of messages beside the documents; written after them. */
export type Marking = Readonly<{
  generation: string;
  heads: ReadonlyMap<StreamName, Revision>;
  stopped: readonly Stopped[];
  /** Streams whose hole has been filled. */
  healed: readonly StreamName[];
  places: ReadonlyMap<Partition, Place>;
}>;

type StoredMark = {
  _id: string;
  revision?: number;
  offset?: number;
  positions?: Record<string, number>;
  log?: string | null;
  kind?: Alarm['kind'];
  reason?: string;
  partition?: Partition;
};

type Operation = Parameters<Collection<StoredMark>['bulkWrite']>[0][number];

export const NOWHERE: Place = { offset: 0, positions: {}, log: null };

const AT_ONCE = 1_000;
/** Written in a millisecond or two. */
const PIECE = 200;

/** How far generations are: heads of streams, places in partitions, streams that had to be stopped. */
export class Marks {
  readonly #collection: Collection<StoredMark>;

  constructor(connection: MongoConnection, service: string) {
    this.#collection = connection.raw.collection<StoredMark>(`${service}.marks`);
  }

  /** Heads and stopped streams first, then the places: after a crash in between, events come again and are skipped. */
  async write(markings: readonly Marking[]): Promise<void> {
    const places = markings.flatMap(({ generation, places: reached }) =>
      [...reached].map(([partition, { offset, positions, log }]) => {
        const highest = Object.entries(positions).map(([id, position]) => [`positions.${id}`, position]);
        const update = { $set: { offset, log }, ...(highest.length > 0 ? { $max: Object.fromEntries(highest) as object } : {}) };
        return { updateOne: { filter: { _id: placeId(generation, partition) }, update, upsert: true } };
      }),
    );
    // As few as they are mostly, they share one order with the places; a rebuild's many are written piece by piece before them.
    let piece: Operation[] = [];
    for (const operation of beforePlaces(markings)) {
      piece.push(operation);
      if (piece.length < PIECE) continue;
      await this.#collection.bulkWrite(piece, { ordered: false });
      piece = [];
    }
    if (piece.length + places.length > 0) await this.#collection.bulkWrite([...piece, ...places], { ordered: true });
  }

  /** Of the streams that have one. */
  async heads(generation: string, streams: readonly StreamName[]): Promise<ReadonlyMap<StreamName, Revision>> {
    const heads = new Map<StreamName, Revision>();
    for (let at = 0; at < streams.length; at += AT_ONCE) {
      const ids = new Map(streams.slice(at, at + AT_ONCE).map((stream) => [headId(generation, stream), stream]));
      const found = await this.#collection.find({ _id: { $in: [...ids.keys()] } }).toArray();
      for (const { _id, revision } of found) {
        const stream = ids.get(_id);
        if (stream !== undefined && revision !== undefined) heads.set(stream, revision);
      }
    }
    return heads;
  }

  /** By generation, of the partitions asked for, or of all that have been read. */
  async places(
    generations: readonly string[],
    partitions: readonly Partition[],
  ): Promise<ReadonlyMap<string, ReadonlyMap<Partition, Place>>> {
    const ids = new Map(
      generations.flatMap((generation) =>
        partitions.map((partition) => [placeId(generation, partition), { generation, partition }] as const),
      ),
    );
    const places = new Map(generations.map((generation) => [generation, new Map<Partition, Place>()]));
    const found = ids.size > 0 ? await this.#collection.find({ _id: { $in: [...ids.keys()] } }).toArray() : [];
    for (const { _id, offset = 0, positions = {}, log = null } of found) {
      const of = ids.get(_id);
      if (of) places.get(of.generation)?.set(of.partition, { offset, positions, log });
    }
    return places;
  }

  async stopped(generation: string): Promise<readonly Stopped[]> {
    const prefix = alarmId(generation, '');
    const found = await this.#collection
      .find({ _id: { $gte: prefix, $lt: `${prefix}\ud7ff` } })
      .sort({ _id: 1 })
      .toArray();
    return found.map(({ _id, revision = 0, kind = 'gap', reason = '', partition = '' as Partition, offset = 0 }) => {
      return { stream: _id.slice(prefix.length) as StreamName, revision, kind, reason, partition, offset };
    });
  }

  async resume(generation: string, streams: readonly StreamName[]): Promise<void> {
    await this.#collection.deleteMany({ _id: { $in: streams.map((stream) => alarmId(generation, stream)) } });
  }

  async drop(generation: string): Promise<void> {
    await this.#collection.deleteMany({ _id: { $gte: `${generation}/`, $lt: `${generation}0` /* what follows a slash */ } });
  }
}

function* beforePlaces(markings: readonly Marking[]): Generator<Operation> {
  for (const { generation, heads, stopped, healed } of markings) {
    for (const [stream, revision] of heads)
      yield { updateOne: { filter: { _id: headId(generation, stream) }, update: { $max: { revision } }, upsert: true } };
    for (const stream of healed) yield { deleteOne: { filter: { _id: alarmId(generation, stream) } } };
    for (const { stream, ...alarm } of stopped)
      yield { updateOne: { filter: { _id: alarmId(generation, stream) }, update: { $set: alarm }, upsert: true } };
  }
}

const headId = (generation: string, stream: string): string => `${generation}/head/${stream}`;
const alarmId = (generation: string, stream: string): string => `${generation}/alarm/${stream}`;
const placeId = (generation: string, partition: string): string => `${generation}/place/${partition}`;
