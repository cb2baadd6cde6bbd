import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Kafka } from 'kafkajs';
import { type Logger } from 'pino';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Category, type Position, type StreamName } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { aborted, attempt, messageOf } from '../attempt.ts';
import { type Bus, type ConsumerStatus, type Parked } from '../bus.ts';
import { type Consumer } from '../consumer.ts';
import { type Feed, type Partition, type Published } from '../feed.ts';
import { type Questions } from './broker.ts';
import { type Codec } from './codec.ts';
import { Backoff, pause } from './delay.ts';
import { type Delivery, type Item, Lane } from './lane.ts';
import { ParkedMessages, receivedOf } from './parked-messages.ts';
import { type Commit, readAsMember, type Reader, type Slice } from './reading.ts';
import { type Relay } from './relay.ts';
import { type Layout, placeOf } from './topics.ts';

/** More than this many messages waiting for a reaction hold up the reading of all. */
const LONGEST_QUEUE = 5_000;
const MOST_AT_ONCE = 1_000;
/** Messages, decoded and folded in a millisecond or two: commands wait for as many pieces as their append has turns. */
const PIECE = 100;
/** Of a partition, fetched at once by whoever reads very much beside everything else. */
const BYTES_BESIDE = 128 * 1024;
const COMMIT_EVERY_MS = 200;
const COMMIT_AGAIN_MS = 1_000;
const SETTLE_TIMEOUT_MS = 10_000;
const LOOK_AGAIN_MS = 20;
const MOST_TROUBLES = 20;
/** Where the feed is, among the places of the reactions. It keeps its own; this one tells others how far it is. */
const FEED = '';

export type KafkaBusOptions = Readonly<{
  kafka: Kafka;
  questions: Questions;
  layout: Layout;
  /** Also the name of the consumer group. */
  service: string;
  parkedTopic: string;
  codec: Codec;
  feed: Feed | undefined;
  relay: Relay;
  store: EventStore;
  log: Logger;
}> &
  Omit<Delivery, 'parked' | 'moved'>;

/** How far each reaction, and under `FEED` the feed, is in a partition: what is kept beside the group's offset. */
type Places = Readonly<Record<string, string>>;

/**
 * All that the services publish, read by one consumer a process in the group of the service. Each partition's messages go to the feed
 * first and then to the reactions, each of which keeps a place of its own, so that one which is new or has stopped holds up no other.
 */
export class KafkaBus implements Bus, Published {
  readonly #options: KafkaBusOptions;
  readonly #parked: ParkedMessages;
  readonly #retrying = new Set<string>();
  readonly #unreadable = new Map<string, string>();
  readonly #progress = new Map<string, bigint>();
  readonly #feedNext = new Map<Partition, bigint>();
  readonly #committed = new Map<Partition, string>();
  readonly #watchers = new Set<() => void>();
  #consumers: readonly Consumer[] = [];
  #ending: AbortSignal = AbortSignal.abort();
  #lanes: readonly Lane[] = [];
  #ended = false;
  #joined = false;
  #commit: Commit | undefined;
  #commitDue: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();
  #trouble: string | undefined;
  #feedTrouble: string | undefined;

  constructor(options: KafkaBusOptions) {
    this.#options = options;
    this.#parked = new ParkedMessages(options.kafka, options.parkedTopic, options.codec);
  }

  /** The group's offsets are the broker's, which cannot be of another log; the relay verifies its own. */
  verify(): Promise<void> {
    return Promise.resolve();
  }

  async run(consumers: readonly Consumer[], signal: AbortSignal): Promise<void> {
    const names = consumers.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new TypeError(`Two consumers are called "${twice}".`);
    this.#consumers = consumers;
    this.#ending = signal;
    this.#ended = false;
    const { feed, kafka, layout, service } = this.#options;
    const topics = this.#topics();
    const backoff = new Backoff();
    for (let known = topics.length === 0; !known && !signal.aborted;)
      try {
        await layout.learn([...topics, this.#parked.topic]);
        known = true;
      } catch (error) {
        this.#report(messageOf(error));
        await backoff.wait(signal);
      }
    const reader: Reader = {
      topics,
      sharedTopics: [this.#parked.topic],
      assigned: (partitions, revoked, commit) => this.#assigned(partitions, revoked, commit),
      take: (slice, revoked) => this.#take(slice, revoked, feed),
      takeShared: (slice) => {
        this.#parked.take(slice);
      },
      left: (commit) => this.#left(commit),
      trouble: (message) => {
        this.#report(message);
      },
    };
    if (topics.length > 0) await readAsMember(kafka, service, reader, signal);
    else await aborted(signal);
    this.#ended = true;
    this.#moved();
  }

  /** What keeps the process from reading, in sentences for operators. */
  troubles(): readonly string[] {
    const found = [this.#trouble, this.#feedTrouble].filter((trouble) => trouble !== undefined);
    return [...found.map((trouble) => `${this.#options.service} cannot read: ${trouble}`), ...this.#unreadable.values()];
  }

  async status(): Promise<readonly ConsumerStatus[]> {
    const places = await this.#places();
    return this.#consumers.map((consumer) => {
      const { name } = consumer;
      const lanes = this.#lanes.filter((lane) => lane.consumer === consumer);
      const worst = lanes.find(({ state }) => state === 'stopped') ?? lanes.find(({ failure }) => failure !== null);
      const state = worst?.state ?? 'running';
      const of = this.#partitions(consumer.categories);
      let [position, lag] = [0, 0];
      for (const partition of of) {
        const next = this.#nextOf(name, partition, places.kept);
        position += Number(next);
        lag += Math.max(0, Number((places.ends.get(partition) ?? next) - next));
      }
      return {
        consumer: name,
        state: this.#ended && state !== 'stopped' ? 'ended' : state,
        position,
        lag,
        parked: this.#parked.count(name),
        failure: worst?.failure ?? null,
      };
    });
  }

  parked(consumer?: string): Promise<readonly Parked[]> {
    return Promise.resolve(this.#parked.all(consumer).map((waiting) => this.#parked.parked(waiting)));
  }

  async retryParked(name: string, target?: string): Promise<Readonly<{ handled: number; remaining: number }>> {
    const consumer = this.#consumers.find((one) => one.name === name);
    if (!consumer) throw new DomainError('not-found', 'unknown-consumer', `There is no consumer "${name}".`);
    if (this.#retrying.has(name))
      throw new DomainError('conflict', 'retry-running', `The parked messages of "${name}" are being retried already.`);
    this.#retrying.add(name);
    try {
      await this.#parked.upToDate();
      const waiting = this.#parked.all(name).map(({ entry }) => entry.target);
      let handled = 0;
      for (const one of new Set(target === undefined ? waiting : [target])) handled += await this.#retryTarget(consumer, one);
      const remaining = this.#parked.all(name).filter(({ entry }) => target === undefined || entry.target === target);
      return { handled, remaining: remaining.length };
    } finally {
      this.#retrying.delete(name);
    }
  }

  async dropParked(consumer: string, eventId: string): Promise<void> {
    if (!this.#parked.find(consumer, eventId)) await this.#parked.upToDate();
    const found = this.#parked.find(consumer, eventId);
    if (!found) throw new DomainError('not-found', 'not-parked', `"${consumer}" has not parked the event "${eventId}".`);
    await this.#parked.remove(found);
  }

  /** `position` is of this service's own log: until it is published, and everything published by then is handled by all instances. */
  async untilCaughtUp(position: Position, { timeout }: Readonly<{ timeout: number }>): Promise<void> {
    const until = performance.now() + timeout;
    const late = async (): Promise<never> => {
      const behind = (await this.status()).filter(({ lag }) => lag > 0);
      const names = behind.map(
        ({ consumer, position: at, failure, state }) => `${consumer} at ${String(at)} (${failure?.message ?? state})`,
      );
      throw new Error(
        `After ${String(timeout)} ms these have not reached position ${String(position)}: ${[...names, ...this.troubles()].join(', ') || 'the relay'}`,
      );
    };
    while ((await this.#options.relay.position()) < position && !(await this.#options.relay.caughtUp()))
      if (!(await this.#again(until))) return late();
    const ends = await this.ends(this.#partitions());
    while ((await this.left(ends)) > 0) if (!(await this.#again(until))) return late();
  }

  async settled({ timeout }: Readonly<{ timeout: number }> = { timeout: SETTLE_TIMEOUT_MS }): Promise<void> {
    const until = performance.now() + timeout;
    for (;;) {
      const head = await this.#options.store.head();
      await this.untilCaughtUp(head, { timeout: Math.max(1, until - performance.now()) });
      if ((await this.#options.store.head()) === head && (await this.left()) === 0) return;
    }
  }

  /** How many messages (the broker's own marks included) the service's group has not yet handled, all instances together. */
  async left(ends?: ReadonlyMap<Partition, bigint>): Promise<number> {
    // What this process is to read it does not know yet.
    if (!this.#joined && this.#topics().length > 0) return 1;
    const places = await this.#places();
    let left = 0n;
    const count = (name: string, categories: readonly Category[]): void => {
      for (const partition of this.#partitions(categories)) {
        const next = this.#nextOf(name, partition, places.kept);
        const end = (ends ?? places.ends).get(partition) ?? next;
        if (end > next) left += end - next;
      }
    };
    for (const { name, categories } of this.#consumers) count(name, categories);
    if (this.#options.feed) count(FEED, this.#options.feed.categories);
    return Number(left);
  }

  mayHold(partition: Partition, categories: readonly Category[]): boolean {
    return this.#options.layout.topicsOf(categories).includes(placeOf(partition).topic);
  }

  partitionsOf(categories: readonly Category[]): readonly Partition[] {
    return this.#options.layout.topicsOf(categories).flatMap((topic) => this.#options.layout.partitions(topic));
  }

  partitionOf(stream: StreamName): Partition {
    return this.#options.layout.partitionOf(stream);
  }

  async ends(partitions: readonly Partition[]): Promise<ReadonlyMap<Partition, bigint>> {
    const ends = new Map<Partition, bigint>();
    const places = partitions.map((partition) => ({ named: partition, ...placeOf(partition) }));
    for (const topic of new Set(places.map((place) => place.topic))) {
      const offsets = await this.#options.questions.ask((admin) => admin.fetchTopicOffsets(topic));
      for (const { named, partition } of places.filter((place) => place.topic === topic)) {
        const found = offsets.find((one) => one.partition === partition);
        if (found) ends.set(named, BigInt(found.high));
      }
    }
    return ends;
  }

  async follow(group: string, feed: Feed, signal: AbortSignal): Promise<void> {
    const { kafka, layout } = this.#options;
    const topics = layout.topicsOf(feed.categories);
    const backoff = new Backoff();
    for (let known = false; !known && !signal.aborted;)
      try {
        await layout.learn(topics);
        known = true;
      } catch {
        await backoff.wait(signal);
      }
    const next = new Map<Partition, bigint>();
    const reader: Reader = {
      topics,
      sharedTopics: [],
      assigned: async (partitions) => {
        for (const [partition, place] of await feed.places(partitions)) next.set(partition, place);
        return new Map(partitions.map((partition) => [partition, next.get(partition) ?? 0n]));
      },
      take: (slice, revoked) => this.#feedInPieces(feed, next, slice, revoked),
      takeShared: () => undefined,
      left: () => Promise.resolve(),
      trouble: (message) => {
        if (message !== undefined) this.#options.log.warn({ group, reason: message }, 'reading waits');
      },
    };
    await readAsMember(kafka, group, reader, signal, BYTES_BESIDE);
  }

  async close(): Promise<void> {
    clearTimeout(this.#commitDue);
    await this.#parked.close();
  }

  async #assigned(
    partitions: readonly Partition[],
    revoked: AbortSignal,
    commit: Commit,
  ): Promise<ReadonlyMap<Partition, bigint>> {
    const { feed, layout } = this.#options;
    await Promise.all(this.#lanes.map(({ ended }) => ended));
    this.#feedNext.clear();
    // Whoever had these partitions before may have parked messages of them.
    await this.#parked.upToDate();
    const kept = await this.#keptPlaces(partitions);
    const feedTopics = layout.topicsOf(feed?.categories ?? []);
    const fed = partitions.filter((partition) => feedTopics.includes(placeOf(partition).topic));
    const places = feed && fed.length > 0 ? await feed.places(fed) : new Map<Partition, bigint>();
    for (const partition of fed) this.#feedNext.set(partition, places.get(partition) ?? 0n);
    if (revoked.aborted) return new Map();
    const delivery: Delivery = {
      ...this.#options,
      parked: this.#parked,
      moved: () => {
        this.#moved();
      },
    };
    this.#commit = commit;
    this.#joined = true;
    this.#committed.clear();
    this.#lanes = this.#consumers.flatMap((consumer) =>
      partitions
        .filter((partition) => layout.topicsOf(consumer.categories).includes(placeOf(partition).topic))
        .map((partition) => new Lane(consumer, partition, this.#nextOf(consumer.name, partition, kept), delivery, revoked)),
    );
    this.#commitSoon();
    return new Map(
      partitions.map((partition) => {
        const of = this.#lanes.filter((lane) => lane.partition === partition).map(({ next }) => next);
        const place = this.#feedNext.get(partition);
        return [partition, lowest(place === undefined ? of : [...of, place])];
      }),
    );
  }

  async #take(slice: Slice, revoked: AbortSignal, feed: Feed | undefined): Promise<bigint | undefined> {
    const { partition, messages, next: end } = slice;
    const items: Item[] = [];
    for (let at = 0; at < messages.length; at += PIECE) {
      if (at > 0) await nextTurn();
      items.push(...messages.slice(at, at + PIECE).map((message) => this.#read(partition, message)));
    }
    if (feed && this.#feedNext.has(partition)) {
      const back = await this.#feedWith(feed, this.#feedNext, { partition, items, end }, revoked);
      if (back !== undefined || revoked.aborted) return back;
    }
    const lanes = this.#lanes.filter((lane) => lane.partition === partition);
    for (const lane of lanes) lane.offer(items, end);
    while (lanes.some(({ left }) => left > LONGEST_QUEUE) && !revoked.aborted) await this.#nextMove(revoked);
    this.#moved();
    return undefined;
  }

  /** Gives the feed what it has not had, trying until it takes it; resolves with where it wants to go back to. */
  async #feedWith(
    feed: Feed,
    places: Map<Partition, bigint>,
    { partition, items, end }: Readonly<{ partition: Partition; items: readonly Item[]; end: bigint }>,
    revoked: AbortSignal,
  ): Promise<bigint | undefined> {
    const place = places.get(partition) ?? 0n;
    if (end <= place) return undefined;
    // Of other categories of the topic, too: whoever waits for one of them is told by the place that its position is passed.
    const delivered = items.flatMap((item) =>
      'event' in item && item.offset >= place ? [{ event: item.event, logId: item.logId, offset: item.offset }] : [],
    );
    const backoff = new Backoff();
    for (let from = 0; !revoked.aborted;) {
      const some = delivered.slice(from, from + MOST_AT_ONCE);
      const following = delivered[from + MOST_AT_ONCE];
      const next = following?.offset ?? end;
      try {
        const back = await feed.take(partition, some, next, revoked);
        this.#feedTrouble = undefined;
        places.set(partition, back?.goBackTo ?? next);
        if (back) return back.goBackTo;
        if (!following) return undefined;
        from += MOST_AT_ONCE;
      } catch (error) {
        if (revoked.aborted) return undefined;
        this.#feedTrouble = `the read models do not take ${partition}: ${messageOf(error)}`;
        await backoff.wait(revoked);
      }
    }
    return undefined;
  }

  /** For whoever reads very much beside everything else that the process does: decoding all of a fetch in one go would hold that up. */
  async #feedInPieces(
    feed: Feed,
    places: Map<Partition, bigint>,
    { partition, messages, next }: Slice,
    revoked: AbortSignal,
  ): Promise<bigint | undefined> {
    for (let at = 0; at === 0 || at < messages.length; at += PIECE) {
      if (at > 0) await nextTurn();
      const items = messages.slice(at, at + PIECE).map((message) => this.#read(partition, message));
      const following = messages[at + PIECE];
      const end = following ? BigInt(following.offset) : next;
      const back = await this.#feedWith(feed, places, { partition, items, end }, revoked);
      if (back !== undefined || revoked.aborted) return back;
    }
    return undefined;
  }

  #read(partition: Partition, message: Slice['messages'][number]): Item {
    const offset = BigInt(message.offset);
    const stream = (message.key?.toString() ?? '') as StreamName;
    try {
      return { offset, stream, message, ...this.#options.codec.decode(receivedOf(message)) };
    } catch (error) {
      const unreadable = `${partition} at ${message.offset} (${stream}) cannot be read: ${messageOf(error)}`;
      if (this.#unreadable.size < MOST_TROUBLES) this.#unreadable.set(`${partition}@${message.offset}`, unreadable);
      this.#options.log.error({ partition, offset: message.offset, err: error }, 'a message cannot be read');
      return { offset, stream, message, unreadable };
    }
  }

  async #left(commit: Commit): Promise<void> {
    // At once, while the group still takes this member for the owner.
    const committing = this.#save(commit);
    this.#commit = undefined;
    this.#joined = false;
    await Promise.all(this.#lanes.map(({ ended }) => ended));
    await Promise.all([committing, this.#committing]);
    if (this.#ending.aborted) await this.#save(commit);
  }

  /** In order, up to the first that fails again. What parks behind meanwhile is taken too. */
  async #retryTarget(consumer: Consumer, target: string): Promise<number> {
    for (let handled = 0; ; handled++) {
      if (!this.#parked.next(consumer.name, target)) await this.#parked.upToDate();
      const next = this.#parked.next(consumer.name, target);
      if (!next || this.#ending.aborted) return handled;
      let message: string | undefined;
      try {
        message = await attempt(consumer, this.#parked.presently(next), this.#ending, this.#options.handlerTimeout);
      } catch (error) {
        message = messageOf(error);
      }
      if (message === undefined) await this.#parked.remove(next);
      else {
        await this.#parked.again(next, message);
        return handled;
      }
    }
  }

  #topics(): readonly string[] {
    const { feed, layout } = this.#options;
    return layout.topicsOf([...(feed?.categories ?? []), ...this.#consumers.flatMap(({ categories }) => categories)]);
  }

  /** Of the topics of these categories, or of all that are read; none until they are known. */
  #partitions(categories?: readonly Category[]): readonly Partition[] {
    const { layout } = this.#options;
    try {
      const topics = categories === undefined ? this.#topics() : layout.topicsOf(categories);
      return topics.flatMap((topic) => layout.partitions(topic));
    } catch {
      return [];
    }
  }

  /** Where a reaction is: as this process knows, or as whoever has the partition has last said. */
  #nextOf(name: string, partition: Partition, kept: ReadonlyMap<Partition, Places>): bigint {
    const said = BigInt(kept.get(partition)?.[name] ?? '0');
    // A feed may begin anew.
    if (name === FEED) return this.#feedNext.get(partition) ?? said;
    const own = this.#progress.get(`${name} ${partition}`);
    return own === undefined || own < said ? said : own;
  }

  async #keptPlaces(partitions: readonly Partition[]): Promise<ReadonlyMap<Partition, Places>> {
    const topics = [...new Set(partitions.map((partition) => placeOf(partition).topic))];
    if (topics.length === 0) return new Map();
    const groupId = this.#options.service;
    const found = await this.#options.questions.ask((admin) => admin.fetchOffsets({ groupId, topics }));
    return new Map(
      found.flatMap(({ topic, partitions: numbers }) =>
        numbers.map(({ partition, metadata }) => [`${topic}/${String(partition)}` as Partition, placesIn(metadata)] as const),
      ),
    );
  }

  /** The last that was known, while the broker is away. */
  #lastPlaces: Readonly<{ kept: ReadonlyMap<Partition, Places>; ends: ReadonlyMap<Partition, bigint> }> = {
    kept: new Map(),
    ends: new Map(),
  };

  async #places(): Promise<Readonly<{ kept: ReadonlyMap<Partition, Places>; ends: ReadonlyMap<Partition, bigint> }>> {
    const partitions = this.#partitions();
    try {
      // The ends first: what is handled by then can only be more.
      const ends = await this.ends(partitions);
      this.#lastPlaces = { ends, kept: await this.#keptPlaces(partitions) };
    } catch (error) {
      this.#options.log.debug({ err: error }, 'the broker does not say how far the group is');
    }
    return this.#lastPlaces;
  }

  #moved(): void {
    for (const { consumer, partition, next } of this.#lanes) this.#progress.set(`${consumer.name} ${partition}`, next);
    for (const look of [...this.#watchers]) look();
    this.#commitSoon();
  }

  #nextMove(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#watchers.delete(end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      this.#watchers.add(end);
      signal.addEventListener('abort', end);
    });
  }

  /** False: it is too late. @throws Error when a consumer has given up */
  async #again(until: number): Promise<boolean> {
    const stopped = this.#lanes.find(({ state }) => state === 'stopped');
    if (stopped) throw new Error(`${stopped.consumer.name} has stopped: ${stopped.failure?.message ?? ''}`);
    if (this.#ended && this.#consumers.length > 0) throw new Error('The reactions have ended: no longer run.');
    if (performance.now() > until) return false;
    await pause(LOOK_AGAIN_MS, AbortSignal.timeout(LOOK_AGAIN_MS * 2));
    return true;
  }

  #report(message: string | undefined): void {
    if (message !== undefined && message !== this.#trouble)
      this.#options.log.warn({ reason: message }, 'reading what services publish waits');
    this.#trouble = message;
  }

  /** One at a time: an older commit must not arrive after a newer one. */
  #commitSoon(after = COMMIT_EVERY_MS): void {
    this.#commitDue ??= setTimeout(() => {
      this.#commitDue = undefined;
      const commit = this.#commit;
      if (commit) this.#committing = this.#committing.then(() => this.#save(commit));
    }, after);
  }

  /** A commit that fails is made up for by the next, or by what is delivered again. */
  async #save(commit: Commit): Promise<void> {
    const partitions = new Set([...this.#lanes.map(({ partition }) => partition), ...this.#feedNext.keys()]);
    const places = [...partitions].map((partition) => {
      const of = this.#lanes.filter((lane) => lane.partition === partition);
      const named = of.map(({ consumer, next }): [string, string] => [consumer.name, String(next)]);
      const fed = this.#feedNext.get(partition);
      const metadata = JSON.stringify(Object.fromEntries(fed === undefined ? named : [...named, [FEED, String(fed)]]));
      return { partition, next: lowest([...of.map(({ next }) => next), ...(fed === undefined ? [] : [fed])]), metadata };
    });
    const changed = places.filter(({ partition, metadata }) => this.#committed.get(partition) !== metadata);
    if (changed.length === 0) return;
    for (const { partition, metadata } of changed) this.#committed.set(partition, metadata);
    try {
      await commit(changed);
    } catch (error) {
      for (const { partition } of changed) this.#committed.delete(partition);
      this.#options.log.debug({ err: error }, 'the places are committed later');
      if (this.#commit === commit) this.#commitSoon(COMMIT_AGAIN_MS);
    }
  }
}

const lowest = (offsets: readonly bigint[]): bigint =>
  offsets.reduce<bigint | undefined>((low, one) => (low === undefined || one < low ? one : low), undefined) ?? 0n;

/** Nobody but this adapter commits to the group; what it cannot read is as good as nothing. */
const placesIn = (metadata: string | null): Places => {
  if (metadata === null || metadata === '') return {};
  try {
    return JSON.parse(metadata) as Places;
  } catch {
    return {};
  }
};
