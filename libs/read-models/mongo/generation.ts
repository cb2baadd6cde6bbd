import { type Category, categoryOf, NO_STREAM, type Recorded, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type Delivered, type Partition } from '#libs/messaging/feed';
import { categoriesOf, type Document, type Encoded, fold, foldWaiting, type Plan, planOf, route, type Touch } from '../fold.ts';
import { type Projection } from '../projection.ts';
import { type Retried } from '../upkeep.ts';
import { type MongoConnection } from './connection.ts';
import { collectionName, type Control, generationName, keyOf } from './control.ts';
import { type Marking, type Marks, NOWHERE, type Place, type Stopped } from './marks.ts';
import { MongoDocuments } from './mongo-documents.ts';

/** So much is remembered; whoever else wrote it meanwhile is found out by the version, or by the store. */
const HEADS = 50_000;
const DOCUMENTS = 2_000;

/** One copy of a projection's documents, as this process works with it. */
export class Generation {
  readonly name: string;
  readonly documents: MongoDocuments;
  readonly plan: Plan;
  readonly categories: readonly Category[];
  readonly #marks: Marks;
  readonly #known: ReadonlySet<Category>;
  readonly #heads = new Map<StreamName, Revision>();
  readonly #remembered = new Map<string, Document>();
  readonly #places = new Map<Partition, Place>();
  readonly #takenUp = new Set<StreamName>();
  #stopped: Map<StreamName, Stopped> | undefined;

  constructor(
    connection: MongoConnection,
    marks: Marks,
    {
      service,
      control,
      projection,
      writer,
    }: Readonly<{ service: string; control: Control; projection: Projection; writer: string }>,
    readonly number: number,
  ) {
    const key = keyOf(projection);
    this.name = generationName(control, key, number);
    this.documents = new MongoDocuments(connection, collectionName(service, control, key, number), projection, writer);
    this.plan = planOf(projection);
    this.categories = categoriesOf(this.plan);
    this.#known = new Set(this.categories);
    this.#marks = marks;
  }

  concerns(stream: StreamName): boolean {
    return this.#known.has(categoryOf(stream));
  }

  /** As this process knows it. */
  async place(partition: Partition): Promise<Place> {
    const known = this.#places.get(partition);
    if (known) return known;
    const place = (await this.#marks.places([this.name], [partition])).get(this.name)?.get(partition) ?? NOWHERE;
    this.#places.set(partition, place);
    return place;
  }

  /** The streams that are not followed, as this process knows them. */
  async stopped(): Promise<ReadonlyMap<StreamName, Stopped>> {
    return (this.#stopped ??= new Map(
      (await this.#marks.stopped(this.name)).flatMap((alarm) => (this.#takenUp.has(alarm.stream) ? [] : [[alarm.stream, alarm]])),
    ));
  }

  /** The next messages of this partition are wanted from here again. */
  goBack(partition: Partition, offset: number): void {
    const place = this.#places.get(partition);
    if (place && place.offset > offset) this.#places.set(partition, { ...place, offset });
  }

  /** Follows these streams although they were stopped. */
  takeUp(streams: Iterable<StreamName>): void {
    for (const stream of streams) this.#takenUp.add(stream);
    this.#stopped = undefined;
  }

  /** Somebody else may have gone on, or will. */
  forget(): void {
    this.#heads.clear();
    this.#places.clear();
    this.#stopped = undefined;
  }

  /**
   * Folds the messages that are new to it into the documents. What is to be marked comes back; once that is stored, `marked` is to be
   * told. The messages follow the place without a hole.
   */
  async take(partition: Partition, messages: readonly Delivered[], next: number): Promise<Marking> {
    const place = await this.place(partition);
    const fresh = messages.filter(({ offset }) => Number(offset) >= place.offset);
    const concerned = fresh.filter(({ event }) => this.concerns(event.stream));
    const folded = concerned.length > 0 ? await this.fold(partition, concerned) : NOTHING;
    return { generation: this.name, ...folded, places: new Map([[partition, placeAfter(place, fresh, next)]]) };
  }

  /** Folds messages, whatever its places say; heads and revisions tell what is new. */
  async fold(partition: Partition, messages: readonly Delivered[]): Promise<Omit<Marking, 'generation' | 'places'>> {
    const { touches, heads, stopped, healed } = await this.route(partition, messages);
    await this.#write(touches);
    return { heads, stopped, healed };
  }

  /** What was handed out as a marking is stored. */
  marked({ heads, stopped, healed, places }: Marking): void {
    for (const [stream, revision] of heads) remember(this.#heads, stream, revision, HEADS);
    for (const stream of healed) this.#stopped?.delete(stream);
    for (const alarm of stopped) {
      this.#takenUp.delete(alarm.stream);
      this.#stopped?.set(alarm.stream, alarm);
    }
    for (const [partition, place] of places) this.#places.set(partition, place);
  }

  /**
   * Which documents the messages touch. A hole that shows is looked for in the store, too: another process may have gone on. A stream
   * that was stopped by a hole goes on with the event that fills it. `known`: heads that are not in the store yet.
   */
  async route(
    partition: Partition,
    messages: readonly Delivered[],
    known: (stream: StreamName) => Revision | undefined = () => undefined,
  ): Promise<Omit<Marking, 'generation' | 'places'> & Readonly<{ touches: readonly Touch[] }>> {
    const streams = [...new Set(messages.map(({ event }) => event.stream))];
    let stopped = await this.stopped();
    if (stopped.size > 0 && streams.some((stream) => stopped.has(stream))) {
      // Before anything is passed over: it may have been taken up again.
      this.#stopped = undefined;
      stopped = await this.stopped();
    }
    await this.#look(streams.filter((stream) => known(stream) === undefined && !this.#heads.has(stream)));
    const headOf = (stream: StreamName): Revision => known(stream) ?? this.#heads.get(stream) ?? NO_STREAM;
    let events: readonly Recorded[] = messages.map(({ event }) => event);
    const waiting = streams.filter((stream) => stopped.get(stream)?.kind === 'gap');
    if (waiting.length > 0) await this.#look(waiting);
    const healed = waiting.filter((one) => events.some(({ stream, revision }) => stream === one && revision === headOf(one) + 1));
    if (healed.length > 0) events = inTheirOrder(events, healed);
    const isStopped = (stream: StreamName): boolean => stopped.size > 0 && stopped.has(stream) && !healed.includes(stream);
    let routed = route(this.plan, events, headOf, isStopped);
    const holes = routed.alarms.filter(({ kind }) => kind === 'gap').map(({ stream }) => stream);
    if (holes.length > 0) {
      await this.#look(holes);
      routed = route(this.plan, inTheirOrder(events, holes), headOf, isStopped);
    }
    const { touches, heads, alarms } = routed;
    const alarmed = alarms.map((alarm) => {
      const at = messages.find(({ event }) => event.stream === alarm.stream && event.revision === alarm.revision);
      return { ...alarm, partition, offset: Number(at?.offset ?? 0) };
    });
    return { touches, heads, stopped: alarmed, healed };
  }

  async #look(streams: readonly StreamName[]): Promise<void> {
    if (streams.length === 0) return;
    const found = await this.#marks.heads(this.name, streams);
    for (const stream of streams) remember(this.#heads, stream, found.get(stream) ?? NO_STREAM, HEADS);
  }

  /** Whoever loses against another writer loads and folds again. */
  async #write(touches: readonly Touch[]): Promise<void> {
    for (let left = touches; left.length > 0;) {
      const ids = [...new Set(left.flatMap(({ documents }) => documents))];
      const unknown = ids.filter((id) => !this.#remembered.has(id));
      const loaded = new Map(unknown.length > 0 ? await this.documents.load(unknown) : []);
      for (const id of ids) {
        const known = this.#remembered.get(id);
        if (known) loaded.set(id, known);
      }
      const lost = new Set(await this.#save(fold(this.plan, loaded, left)));
      if (lost.size === 0) return;
      left = left.flatMap((touch) => {
        const documents = touch.documents.filter((id) => lost.has(id));
        return documents.length > 0 ? [{ ...touch, documents }] : [];
      });
    }
  }

  async #save(documents: readonly Encoded[]): Promise<readonly string[]> {
    if (documents.length === 0) return [];
    // Not known again before it is known how it ended.
    for (const { id } of documents) this.#remembered.delete(id);
    const lost = await this.documents.save(documents);
    const gone = new Set(lost);
    for (const { id, parts, row, version } of documents)
      if (!gone.has(id)) remember(this.#remembered, id, { id, parts, row, version: version + 1 }, DOCUMENTS);
    return lost;
  }

  /** Folds again what waits in its parts. */
  async retryQuarantined(): Promise<Retried> {
    const flagged = await this.documents.flagged();
    let remaining = 0;
    for (let left = flagged; left.length > 0;) {
      const folded = left.map((document) => foldWaiting(this.plan, document));
      const lost = await this.#save(folded);
      remaining += folded.filter(({ id, flagged: waits }) => waits && !lost.includes(id)).length;
      left = [...(await this.documents.load(lost)).values()];
    }
    return { retried: flagged.length, remaining };
  }
}

const NOTHING: Omit<Marking, 'generation' | 'places'> = { heads: new Map(), stopped: [], healed: [] };

/** The events of these streams by their revisions, in the places where events of the stream were. */
const inTheirOrder = (events: readonly Recorded[], streams: readonly StreamName[]): readonly Recorded[] => {
  const sorted = new Map(
    streams.map((one) => [
      one,
      events
        .filter(({ stream }) => stream === one)
        .toSorted((a, b) => a.revision - b.revision)
        .values(),
    ]),
  );
  return events.map((event) => sorted.get(event.stream)?.next().value ?? event);
};

/** The place once these messages, the last ones before `next`, are handled. */
export const placeAfter = (place: Place, messages: readonly Delivered[], next: number): Place => {
  const positions = { ...place.positions };
  for (const { event, logId } of messages) positions[logId] = Math.max(positions[logId] ?? 0, event.position);
  return { offset: Math.max(next, place.offset), positions, log: messages.at(-1)?.logId ?? place.log };
};

const remember = <Key, Value>(kept: Map<Key, Value>, key: Key, value: Value, most: number): void => {
  if (kept.size >= most) kept.clear();
  kept.set(key, value);
};
