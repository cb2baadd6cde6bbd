import { setImmediate as nextTurn } from 'node:timers/promises';
import { NO_STREAM, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { type Delivered, type Partition } from '#libs/messaging/feed';
import { encode, type Encoded, foldInto, held, type Held } from '../fold.ts';
import { type Generation, placeAfter } from './generation.ts';
import { type Marks, NOWHERE, type Place, type Stopped } from './marks.ts';

/** So many documents may be held in memory before they are written. */
const HELD = 100_000;
/** A crash costs at most about this much of the work. */
const FLUSH_MS = 20_000;
/** Encoded and written in a millisecond or two. */
const AT_ONCE = 100;

/** A row cannot be computed: which event is to blame is found out by folding batch by batch. */
export class RowFault extends Error {}

/**
 * Builds a generation that nobody else writes: events are folded in memory, and each document is written once per flush, then the
 * heads, then the places. Pieces of work come one after the other, whoever asks for them.
 */
export class Rebuild {
  readonly #generation: Generation;
  readonly #marks: Marks;
  readonly #held = new Map<string, Held>();
  #changed: Held[] = [];
  readonly #heads = new Map<StreamName, Revision>();
  #moved = new Map<StreamName, Revision>();
  #places: Map<Partition, Place>;
  #stored: ReadonlyMap<Partition, Place>;
  #flushed = performance.now();
  #working: Promise<unknown> = Promise.resolve();
  /** Nothing is stored that is not held: a document not held does not exist. */
  #holdsAll: boolean;
  /** No head is stored that is not in memory. */
  readonly #isFresh: boolean;
  readonly #careful: boolean;

  /** `careful`: each batch is stored at once, beside others who may write the same. */
  constructor(generation: Generation, marks: Marks, stored: ReadonlyMap<Partition, Place>, careful: boolean) {
    this.#careful = careful;
    this.#generation = generation;
    this.#marks = marks;
    this.#stored = stored;
    this.#places = new Map(stored);
    this.#isFresh = this.#holdsAll = stored.size === 0;
  }

  /** Where it is in memory. */
  get places(): ReadonlyMap<Partition, Place> {
    return this.#places;
  }

  /** A crash goes on from here. */
  get stored(): ReadonlyMap<Partition, Place> {
    return this.#stored;
  }

  /** @throws RowFault; what was not stored is lost then. */
  take(partition: Partition, messages: readonly Delivered[], next: number): Promise<Stopped | undefined> {
    return this.#after(async () => {
      if (this.#careful) return this.#store(partition, messages, next);
      const place = this.#places.get(partition) ?? NOWHERE;
      const fresh = messages.filter(({ offset }) => Number(offset) >= place.offset);
      const alarm = await this.#fold(
        partition,
        fresh.filter(({ event }) => this.#generation.concerns(event.stream)),
      );
      if (alarm) return alarm;
      this.#places.set(partition, placeAfter(place, fresh, next));
      if (this.#held.size > HELD || performance.now() - this.#flushed > FLUSH_MS) await this.#flush();
      return undefined;
    });
  }

  flush(): Promise<void> {
    return this.#after(async () => {
      if (!this.#careful) await this.#flush();
    });
  }

  async #store(partition: Partition, messages: readonly Delivered[], next: number): Promise<Stopped | undefined> {
    const marking = await this.#generation.take(partition, messages, next);
    if (marking.stopped[0]) return marking.stopped[0];
    await this.#marks.write([marking]);
    this.#generation.marked(marking);
    for (const [of, place] of marking.places) this.#places.set(of, place);
    this.#stored = this.#places;
    return undefined;
  }

  #after<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#working.then(work);
    this.#working = done.catch(() => undefined);
    return done;
  }

  async #fold(partition: Partition, messages: readonly Delivered[]): Promise<Stopped | undefined> {
    const { plan, documents } = this.#generation;
    const { touches, heads, stopped } = await this.#generation.route(
      partition,
      messages,
      (stream) => this.#heads.get(stream) ?? (this.#isFresh ? NO_STREAM : undefined),
    );
    if (stopped[0]) return stopped[0];
    if (!this.#holdsAll) {
      const missing = new Set(touches.flatMap((touch) => touch.documents.filter((id) => !this.#held.has(id))));
      for (const [id, document] of await documents.load([...missing])) this.#held.set(id, held(document));
    }
    for (const document of foldInto(plan, this.#held, touches)) this.#changed.push(document);
    for (const [stream, revision] of heads) {
      this.#heads.set(stream, revision);
      this.#moved.set(stream, revision);
    }
    return undefined;
  }

  async #flush(): Promise<void> {
    const { documents, name } = this.#generation;
    const changed = this.#changed;
    const places = new Map(this.#places);
    this.#changed = [];
    for (let at = 0; at < changed.length; at += AT_ONCE) {
      const encoded = changed.slice(at, at + AT_ONCE).map((document) => this.#encoded(document));
      const lost = await documents.save(encoded);
      if (lost.length > 0) throw new Error(`${name}: ${lost.join(', ')} changed while being built`);
      for (const { id, parts, row, version } of encoded) this.#held.set(id, held({ id, parts, row, version: version + 1 }));
      await nextTurn();
    }
    await this.#marks.write([{ generation: name, heads: this.#moved, stopped: [], healed: [], places }]);
    this.#moved = new Map();
    this.#stored = places;
    if (this.#held.size > HELD / 2) {
      this.#held.clear();
      this.#holdsAll = false;
    }
    this.#flushed = performance.now();
  }

  #encoded(document: Held): Encoded {
    try {
      return encode(this.#generation.plan, document);
    } catch (error) {
      throw new RowFault(`the row of ${document.id} cannot be computed`, { cause: error });
    }
  }
}

export const isLevel = (places: ReadonlyMap<Partition, Place>, target: ReadonlyMap<Partition, Place>): boolean =>
  [...target].every(([partition, { offset }]) => (places.get(partition)?.offset ?? 0) >= offset);
