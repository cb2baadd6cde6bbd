import { randomBytes } from 'node:crypto';
import { setTimeout as timeout } from 'node:timers/promises';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Category, type StreamName } from '#libs/event-sourcing/event';
import { type Leases } from '#libs/leases/leases';
import { type Written } from '#libs/messaging/consistency-token';
import { type Clock, systemClock } from '#libs/time/time';
import { type Delivered, type Feed, type Partition, type Published } from '#libs/messaging/feed';
import { type Projection, type Row } from '../projection.ts';
import { type ReadModel, type ReadModels } from '../read-model.ts';
import { type Progress, type ProjectionStatus, type Quarantined, type ReadModelUpkeep, type Retried } from '../upkeep.ts';
import { quarantinedIn, waitingParts } from '../waiting.ts';
import { asUnavailable, MongoConnection } from './connection.ts';
import { type Control, ControlRecord, generationName, keyOf, type ModelRecord } from './control.ts';
import { Generation } from './generation.ts';
import { Marks, type Place } from './marks.ts';
import { type MongoDocuments } from './mongo-documents.ts';
import { MongoLeases } from './mongo-leases.ts';
import { type Asking, MongoReadModel } from './mongo-read-model.ts';
import { isLevel, Rebuild, RowFault } from './rebuild.ts';
import { Waiters, type Wanted } from './waiting-for.ts';

export type Log = Readonly<{ warn: (fields: object, message: string) => void; info: (fields: object, message: string) => void }>;

/**
 * Carries a replay out beside this process's other work, by `carryOut` of other read models of the service. Ends when the signal
 * aborts; rejects with what ended it early.
 */
export type ReplayBeside = (replay: Readonly<{ projection: string; writer: string }>, signal: AbortSignal) => Promise<void>;

/** Milliseconds. */
export type Pace = Readonly<{
  /** Between two looks at what is to be done. */
  tend: number;
  /** A replay whose process has not been heard of for so long is taken over by another one. */
  stale: number;
  /** A generation that does not serve any more is kept so long for those who still read it. */
  retired: number;
}>;

const PACE: Pace = { tend: 500, stale: 10_000, retired: 60_000 };

const BEAT_MS = 1_000;
/** Between two looks whether a replay is level with the serving generation. */
const LEVEL_MS = 20;
/** A question asked while one generation hands over to the next waits so long at most. */
const HANDOVER_MS = 1_500;
const RETRY_MS = 500;
/** Whoever asked for stopped streams to go on waits so long at most. */
const TAKE_UP_MS = 60_000;
/** Indexing what is there already takes its time. */
const DEPLOYMENT_MS = 3_600_000;

type Model = Readonly<{ key: string; projection: Projection; categories: readonly Category[] }>;
type Replay = Readonly<{ abort: AbortController; ended: Promise<void> }>;

/**
 * The read models of one service in MongoDB, shared by its instances. Whatever an instance remembers may be older than what is stored:
 * documents are written on the condition that nobody else wrote them meanwhile, and what serves is looked up after each batch and
 * with each question.
 */
export class MongoReadModels implements ReadModels, ReadModelUpkeep, Feed {
  readonly categories: readonly Category[];
  readonly leases: Leases;
  readonly #service: string;
  readonly #connection: MongoConnection;
  readonly #writer = randomBytes(6).toString('hex');
  readonly #models: ReadonlyMap<string, Model>;
  readonly #control: ControlRecord;
  readonly #marks: Marks;
  readonly #log: Log;
  readonly #pace: Pace;
  readonly #clock: Clock;
  readonly #beside: ReplayBeside | undefined;
  readonly #generations = new Map<string, Generation>();
  /** Where the bus goes on in each partition that this process was given last. */
  readonly #at = new Map<Partition, number>();
  /** How often stopped streams had been taken up again when this process last looked. */
  readonly #resumed = new Map<string, number>();
  readonly #seen = new Map<string, Place>();
  readonly #waiters: Waiters;
  readonly #replays = new Map<string, Replay>();
  readonly #refills = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #missing = new Map<string, readonly string[]>();
  readonly #olderSince = new Map<string, number>();
  #published: Published | undefined;
  #ensuring: Promise<Control> | undefined;
  #tending: Promise<void> = Promise.resolve();
  #trouble: string | null = null;
  #store: string | undefined;
  #wasEmptied = false;

  /** Does not wait for the server. The same projection may be named several times; two of one name are a programming error. */
  constructor({
    url,
    service,
    projections,
    log,
    pace = PACE,
    clock = systemClock,
    beside,
  }: Readonly<{
    url: string;
    service: string;
    projections: readonly Projection[];
    log: Log;
    pace?: Pace;
    clock?: Clock;
    /** Without it replays are carried out by these read models themselves. */
    beside?: ReplayBeside;
  }>) {
    this.#service = service;
    this.#beside = beside;
    this.#models = modelsOf(projections);
    this.categories = [...new Set([...this.#models.values()].flatMap(({ categories }) => categories))];
    this.#connection = new MongoConnection(url);
    this.#control = new ControlRecord(this.#connection, service, clock);
    this.#clock = clock;
    this.#marks = new Marks(this.#connection, service);
    this.leases = new MongoLeases(this.#connection, service);
    this.#log = log;
    this.#pace = pace;
    this.#waiters = new Waiters(
      ({ key, partition }) => {
        const control = this.#control.current;
        const record = control?.models[key];
        return control && record ? this.#seen.get(`${generationName(control, key, record.serving)}/${partition}`) : undefined;
      },
      (partition) => this.#at.has(partition),
      (wanted) => this.#lookAt(wanted),
    );
  }

  /** Begins to look after the read models: what is new is built by what the bus brings, and interrupted replays go on. */
  start(published: Published): void {
    this.#published = published;
    this.#tending = this.#tend();
  }

  /** Milliseconds of the wall clock. */
  #now(): number {
    return Date.parse(this.#clock.now());
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('The read models are being closed.'));
    await Promise.allSettled([
      this.#tending,
      ...[...this.#replays.values()].map(({ ended }) => ended),
      ...this.#refills.values(),
    ]);
    await this.#connection.close();
  }

  of<R extends Row>(projection: Projection<R>): ReadModel<R> {
    const model = this.#models.get(projection.name);
    if (model?.projection.version !== projection.version)
      throw new TypeError(`The projection "${projection.name}" is not registered.`);
    const ask: Asking = (question, isEmpty) => this.#ask(model, question, isEmpty);
    return new MongoReadModel<R>(projection.name, ask);
  }

  /** Where the bus is to begin: the least that any serving generation still wants. */
  async places(partitions: readonly Partition[]): Promise<ReadonlyMap<Partition, bigint>> {
    try {
      const control = await this.#ensured();
      for (const generation of this.#generations.values()) generation.forget();
      const places = new Map<Partition, bigint>();
      this.#at.clear();
      for (const partition of partitions) {
        const following = this.#following(partition);
        const offsets = await Promise.all(
          following.map(async (model) => (await this.#serving(control, model).place(partition)).offset),
        );
        const place = offsets.length > 0 ? Math.min(...offsets) : 0;
        this.#at.set(partition, place);
        places.set(partition, BigInt(place));
      }
      return places;
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async take(
    partition: Partition,
    messages: readonly Delivered[],
    next: bigint,
    signal: AbortSignal,
  ): Promise<Readonly<{ goBackTo: bigint }> | undefined> {
    try {
      signal.throwIfAborted();
      const back = await this.#take(partition, messages, Number(next));
      this.#at.set(partition, back ?? Number(next));
      return back === undefined ? undefined : { goBackTo: BigInt(back) };
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async #take(partition: Partition, messages: readonly Delivered[], next: number): Promise<number | undefined> {
    const control = this.#control.current ?? (await this.#ensured());
    const first = Number(messages[0]?.offset ?? next);
    const from = Math.min(this.#at.get(partition) ?? first, first);
    const following = this.#following(partition);
    const taken = await Promise.all(
      following.map(async (model) => {
        const generation = this.#serving(control, model);
        // What it lacks before these messages comes first.
        if ((await generation.place(partition)).offset < from) return [];
        return [{ generation, marking: await generation.take(partition, messages, next) }];
      }),
    );
    await this.#marks.write(taken.flat().map(({ marking }) => marking));
    for (const { generation, marking } of taken.flat()) {
      generation.marked(marking);
      for (const [of, place] of marking.places) this.#seen.set(`${generation.name}/${of}`, place);
      for (const alarm of marking.stopped) this.#log.warn({ ...alarm, generation: generation.name }, 'stream stopped');
    }
    // Whoever made another generation serve meanwhile looks at the places after that: one of the two notices. Nobody is told before
    // this look that these messages are there: it may be the other generation, which lacks them still, that is asked next.
    const now = await this.#looked();
    this.#waiters.wake();
    let back: number | undefined;
    for (const model of following) {
      const generation = this.#serving(now, model);
      if (this.#hasResumed(now, model)) {
        generation.forget();
        generation.goBack(partition, Math.min(from, (await generation.place(partition)).offset));
      }
      const { offset } = await generation.place(partition);
      if (offset < next) back = Math.min(offset, back ?? offset);
      if (!now.models[model.key]?.ready) await this.#settle(model);
    }
    return back;
  }

  /** Have stopped streams been taken up again since this process last looked? */
  #hasResumed(control: Control, { key }: Model): boolean {
    const resumed = control.models[key]?.resumed ?? 0;
    const known = this.#resumed.get(`${control.store}/${key}`) ?? 0;
    this.#resumed.set(`${control.store}/${key}`, resumed);
    return resumed !== known;
  }

  /** Waits until every projection that follows a partition has handled what is written there. False: not within `timeout` ms. */
  reached(written: readonly Written[], options: Readonly<{ timeout: number }>): Promise<boolean> {
    const wanted = written.flatMap((one) => this.#following(one.partition).map(({ key }): Wanted => ({ key, ...one })));
    return wanted.length === 0 ? Promise.resolve(true) : this.#waiters.until(wanted, options.timeout);
  }

  async #lookAt(wanted: readonly Wanted[]): Promise<void> {
    const control = this.#control.current ?? (await this.#looked());
    const partitions = [...new Set(wanted.map(({ partition }) => partition))];
    const generations = [...new Set(wanted.map(({ key }) => key))].flatMap((key) => {
      const record = control.models[key];
      return record ? [generationName(control, key, record.serving)] : [];
    });
    const places = await this.#marks.places(generations, partitions);
    // Read after the places: a generation that serves even now had them when it did.
    await this.#looked();
    for (const [generation, reached] of places)
      for (const [partition, place] of reached) {
        const of = `${generation}/${partition}`;
        // What this process has stored meanwhile is newer.
        if (place.offset >= (this.#seen.get(of)?.offset ?? 0)) this.#seen.set(of, place);
      }
  }

  async status(): Promise<readonly ProjectionStatus[]> {
    let control: Control | undefined;
    try {
      control = await this.#looked();
    } catch (error) {
      this.#trouble = messageOf(asUnavailable(error));
    }
    return Promise.all([...this.#models.values()].map((model) => this.#statusOf(control, model)));
  }

  async #statusOf(control: Control | undefined, model: Model): Promise<ProjectionStatus> {
    const { key, projection } = model;
    const { name, version } = projection;
    const record = control?.models[key];
    const status = { projection: name, version, generation: record?.ready ? record.serving : null };
    const away = {
      ...status,
      state: 'behind',
      position: 0,
      lag: 0,
      quarantined: 0,
      error: this.#trouble,
      progress: null,
    } as const;
    if (!control || !record) return away;
    try {
      const { building } = record;
      const generation = this.#serving(control, model);
      const partitions = this.#partitions(model);
      const names = [generation.name, ...(building ? [generationName(control, key, building.generation)] : [])];
      const [places, stopped, flagged, ends] = await Promise.all([
        this.#marks.places(names, partitions),
        this.#marks.stopped(generation.name),
        generation.documents.flagged(),
        this.#published?.ends(partitions).catch(() => undefined),
      ]);
      const end = ends ? [...ends.values()].reduce((sum, one) => sum + Number(one), 0) : undefined;
      const done = doneIn(places.get(names[0] ?? ''));
      return {
        ...status,
        state: record.ready ? 'serving' : 'building',
        position: done,
        lag: Math.max(0, (end ?? done) - done),
        quarantined: stopped.length + waitingParts(flagged).length,
        error: record.failure ?? this.#trouble,
        progress: building
          ? progressOf(doneIn(places.get(names[1] ?? '')), end, (this.#now() - building.startedAt.getTime()) / 1_000)
          : record.ready
            ? null
            : { done, total: Math.max(done, end ?? done), eventsPerSecond: null, secondsLeft: null },
      };
    } catch (error) {
      return { ...away, error: messageOf(asUnavailable(error)) };
    }
  }

  /** What an operator should look at, although answers are right. */
  troubles(): readonly string[] {
    return [...this.#missing].map(
      ([collection, names]) =>
        `${collection} lacks the index(es) ${names.join(', ')}: run the deployment of the read models again`,
    );
  }

  async replay(name: string, signal?: AbortSignal): Promise<void> {
    const model = this.#model(name);
    await this.#answered(async () => {
      const control = await this.#looked();
      this.#refuseUnready(control, model);
      if (!(await this.#control.begin(control, model.key, this.#writer)))
        throw new DomainError('conflict', 'replay-running', `The projection "${name}" is being replayed already.`);
    });
    await this.#build(model, signal);
  }

  /**
   * Goes on with a replay that `writer` has begun and has asked these read models to carry out. They are good for nothing else
   * afterwards: an abort closes them, so that what they have stored is left for whoever goes on.
   */
  async carryOut({ projection, writer }: Readonly<{ projection: string; writer: string }>, signal: AbortSignal): Promise<void> {
    const model = this.#model(projection);
    signal.throwIfAborted();
    signal.addEventListener('abort', () => {
      this.#closing.abort(signal.reason);
    });
    await this.#answered(async () => {
      if (!(await this.#control.handOn(await this.#looked(), model.key, writer, this.#writer)))
        throw new DomainError('conflict', 'replay-not-running', `The projection "${projection}" is not being replayed any more.`);
    });
    await this.#build(model);
  }

  async cancelReplay(name: string): Promise<void> {
    const model = this.#model(name);
    await this.#answered(async () => {
      const control = await this.#looked();
      const building = control.models[model.key]?.building;
      const given =
        building && (await this.#control.giveUp(control, model.key, building.generation, 'The replay was cancelled.'));
      if (!given) throw new DomainError('conflict', 'replay-not-running', `The projection "${name}" is not being replayed.`);
    });
    const own = this.#replays.get(model.key);
    own?.abort.abort(new Error('The replay was cancelled.'));
    await own?.ended.catch(() => undefined);
  }

  quarantined(): Promise<readonly Quarantined[]> {
    return this.#answered(async () => {
      const control = await this.#looked();
      const all = await Promise.all(
        [...this.#models.values()].map(async (model) => {
          const generation = this.#serving(control, model);
          const [stopped, flagged] = await Promise.all([this.#marks.stopped(generation.name), generation.documents.flagged()]);
          return quarantinedIn(model.projection.name, stopped, flagged);
        }),
      );
      return all.flat();
    });
  }

  async retry(projection?: string): Promise<Retried> {
    const models = projection === undefined ? [...this.#models.values()] : [this.#model(projection)];
    return this.#answered(async () => {
      let retried = 0;
      let remaining = 0;
      for (const model of models) {
        const control = await this.#looked();
        this.#refuseUnready(control, model);
        const streams = await this.#takeUp(control, model);
        const documents = await this.#serving(control, model).retryQuarantined();
        retried += streams.retried + documents.retried;
        remaining += streams.remaining + documents.remaining;
      }
      return { retried, remaining };
    });
  }

  /** The documents that serve a projection. */
  async documents(name: string): Promise<MongoDocuments> {
    return this.#serving(await this.#looked(), this.#model(name)).documents;
  }

  // What serves

  readonly #ask = async <Answer>(
    model: Model,
    question: (documents: MongoDocuments) => Promise<Answer>,
    isEmpty: (answer: Answer) => boolean,
  ): Promise<Answer> => {
    const until = performance.now() + HANDOVER_MS;
    return this.#answered(async () => {
      for (;;) {
        const control = this.#control.current ?? (await this.#looked());
        const record = this.#refuseUnready(control, model);
        const { documents } = this.#serving(control, model);
        const [answer, shared] = await Promise.all([question(documents), this.#control.shared()]);
        // A store that was emptied answers as one that never held anything.
        const now = isEmpty(answer) ? await this.#control.read() : shared;
        if (!now) await this.#looked();
        const serving = now?.models[model.key];
        if (now?.store === control.store && serving?.serving === record.serving && !serving.building?.closing) return answer;
        if (performance.now() > until) throw behind(model, 'is changing over to a new generation');
        if (serving?.building?.closing) {
          await timeout(LEVEL_MS / 4);
          await this.#control.read();
        }
      }
    });
  };

  async #answered<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await work();
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  #refuseUnready(control: Control, model: Model): ModelRecord {
    const record = control.models[model.key];
    if (!record?.ready) throw behind(model, 'is being built');
    return record;
  }

  /** As of now; made anew where there is nothing (any more). */
  async #looked(): Promise<Control> {
    const control = await this.#control.read();
    const isWhole = control && [...this.#models.values()].every(({ key }) => control.models[key]);
    if (!isWhole) return this.#ensured();
    this.#notice(control);
    return control;
  }

  #ensured(): Promise<Control> {
    this.#ensuring ??= this.#ensure().finally(() => {
      this.#ensuring = undefined;
    });
    return this.#ensuring;
  }

  async #ensure(): Promise<Control> {
    const keys = [...this.#models.values()].map(({ key }) => key);
    const control = await this.#control.ensure(keys, async (made, key) => {
      const model = [...this.#models.values()].find((one) => one.key === key);
      // Empty yet, so that its indexes cost nothing; what holds documents is indexed by the deployment only.
      if (model) await this.#generation(made, model, 1).documents.create();
    });
    this.#notice(control);
    return control;
  }

  /** Another store than before: it was emptied meanwhile. */
  #notice({ store }: Control): void {
    if (this.#store !== undefined && this.#store !== store) {
      this.#log.warn({ service: this.#service }, 'the read-model store was emptied: everything is built from the beginning');
      this.#wasEmptied = true;
      this.#generations.clear();
      this.#seen.clear();
    }
    this.#store = store;
  }

  #serving(control: Control, model: Model): Generation {
    return this.#generation(control, model, control.models[model.key]?.serving ?? 1);
  }

  #generation(control: Control, model: Model, number: number): Generation {
    const name = generationName(control, model.key, number);
    let generation = this.#generations.get(name);
    if (!generation) {
      generation = this.#anotherOf(control, model, number);
      this.#generations.set(name, generation);
    }
    return generation;
  }

  /** One that shares no memory with the one that follows the bus. */
  #anotherOf(control: Control, { projection }: Model, number: number): Generation {
    const of = { service: this.#service, control, projection, writer: this.#writer };
    return new Generation(this.#connection, this.#marks, of, number);
  }

  #following(partition: Partition): readonly Model[] {
    return [...this.#models.values()].filter(({ categories }) => this.#bus().mayHold(partition, categories));
  }

  #partitions({ categories }: Model): readonly Partition[] {
    return this.#bus().partitionsOf(categories);
  }

  #bus(): Published {
    if (!this.#published) throw new TypeError('The read models have not been started.');
    return this.#published;
  }

  #model(name: string): Model {
    const model = this.#models.get(name);
    if (!model) throw new DomainError('not-found', 'unknown-projection', `There is no projection "${name}".`);
    return model;
  }

  // Upkeep

  async #tend(): Promise<void> {
    let indexesSeen = 0;
    while (!this.#closing.signal.aborted) {
      try {
        const control = await this.#looked();
        for (const model of this.#models.values()) {
          if (!control.models[model.key]?.ready) {
            await this.#settle(model);
            if (this.#wasEmptied) this.#refill(control, model);
          }
          await this.#adoptReplay(control, model);
          await this.#dropRetired(control, model);
        }
        if (performance.now() - indexesSeen > 60_000 || indexesSeen === 0) {
          await this.#lookForIndexes(control);
          indexesSeen = performance.now();
        }
        this.#trouble = null;
      } catch (error) {
        this.#trouble = messageOf(asUnavailable(error));
        this.#log.warn({ err: error }, 'looking after the read models failed');
      }
      await timeout(this.#pace.tend, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }

  /** A model that is new answers once it has reached what there was when it was new. */
  async #settle(model: Model): Promise<void> {
    const { key } = model;
    let control = await this.#looked();
    let record = control.models[key];
    if (!record || record.ready) return;
    const partitions = this.#partitions(model);
    if (!record.targets) {
      const ends = await this.#bus().ends(partitions);
      const targets = partitions.map((partition) => ({ partition, end: Number(ends.get(partition) ?? 0n) }));
      await this.#control.setTargets(control, key, targets);
      control = await this.#looked();
      record = control.models[key];
    }
    if (!record?.targets || record.ready) return;
    const { name } = this.#serving(control, model);
    const places = (await this.#marks.places([name], partitions)).get(name);
    if (!record.targets.every(({ partition, end }) => (places?.get(partition)?.offset ?? 0) >= end)) return;
    await this.#control.setReady(control, key, record.serving);
    await this.#looked();
  }

  async #lookForIndexes(control: Control): Promise<void> {
    for (const model of this.#models.values()) {
      const { documents } = this.#serving(control, model);
      const missing = await documents.missingIndexes();
      if (missing.length > 0) this.#missing.set(documents.collection, missing);
      else this.#missing.delete(documents.collection);
    }
  }

  /** Goes on with a replay whose process is gone. */
  async #adoptReplay(control: Control, model: Model): Promise<void> {
    const building = control.models[model.key]?.building;
    if (!building || this.#replays.has(model.key)) return;
    if (!(await this.#control.takeOver(control, model.key, this.#writer, this.#pace.stale))) return;
    this.#log.info({ projection: model.projection.name }, 'going on with an interrupted replay');
    this.#build(model).catch(() => undefined /* told by status() */);
  }

  async #dropRetired(control: Control, model: Model): Promise<void> {
    const record = control.models[model.key];
    if (!record) return;
    const before = this.#now() - this.#pace.retired;
    for (const { generation, at } of record.retired)
      if (at.getTime() < before) {
        await this.#drop(control, model, generation);
        await this.#control.forgetRetired(control, model.key, generation);
      }
    // Instances of the program before may still be running, for a while.
    const { name, version } = model.projection;
    for (const [key, older] of Object.entries(control.models)) {
      const [of, number] = key.split('@');
      if (!record.ready || of !== name || Number(number) >= version) continue;
      const since = this.#olderSince.get(key) ?? this.#now();
      this.#olderSince.set(key, since);
      if (since > before) continue;
      const past = { ...model, key, projection: { ...model.projection, version: Number(number) } };
      for (const { generation } of [...older.retired, { generation: older.serving }]) await this.#drop(control, past, generation);
      await this.#control.forget(control, key);
    }
  }

  async #drop(control: Control, model: Model, number: number): Promise<void> {
    const generation = this.#anotherOf(control, model, number);
    await generation.documents.drop();
    await this.#marks.drop(generation.name);
    this.#generations.delete(generation.name);
    for (const place of this.#seen.keys()) if (place.startsWith(`${generation.name}/`)) this.#seen.delete(place);
  }

  // Replays

  async #build(model: Model, signal?: AbortSignal): Promise<void> {
    const abort = new AbortController();
    const until = AbortSignal.any([abort.signal, this.#closing.signal, ...(signal ? [signal] : [])]);
    const ended = this.#beside
      ? this.#beside({ projection: model.projection.name, writer: this.#writer }, until).finally(() =>
          this.#control.read().catch(() => undefined),
        )
      : this.#buildUntil(model, until, abort);
    this.#replays.set(model.key, { abort, ended });
    try {
      await ended;
    } finally {
      this.#replays.delete(model.key);
    }
  }

  async #buildUntil(model: Model, signal: AbortSignal, abort: AbortController): Promise<void> {
    const { key } = model;
    const control = await this.#looked();
    const building = control.models[key]?.building;
    if (building?.owner !== this.#writer) throw new Error(`The replay of "${key}" is not this process's.`);
    const { generation: number } = building;
    const beating = this.#beat(control, model, number, signal, abort);
    try {
      if (!building.closing) {
        await this.#anotherOf(control, model, number).documents.create();
        for (let careful = false; ;)
          try {
            await this.#followUntilFlipped(control, model, number, careful, signal);
            break;
          } catch (error) {
            signal.throwIfAborted();
            if (error instanceof DomainError) throw error;
            careful ||= error instanceof RowFault;
            this.#log.warn({ err: error, projection: model.projection.name }, 'a replay goes on from where it was stored');
            if (!(error instanceof RowFault)) await timeout(RETRY_MS, undefined, { signal });
          }
      }
      await this.#handOver(control, model, number, signal);
    } catch (error) {
      // What a closing process leaves is gone on with.
      if (!this.#closing.signal.aborted)
        await this.#control.giveUp(control, key, number, messageOf(error), this.#writer).catch(() => undefined);
      throw signal.aborted ? signal.reason : asUnavailable(error);
    } finally {
      abort.abort(new Error('The replay has ended.'));
      await beating;
      await this.#control.read().catch(() => undefined);
    }
  }

  async #beat(control: Control, model: Model, number: number, signal: AbortSignal, abort: AbortController): Promise<void> {
    while (!signal.aborted) {
      await timeout(Math.min(BEAT_MS, this.#pace.stale / 3), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const kept = await this.#control.beat(control, model.key, this.#writer, number).catch(() => true);
      if (!kept) abort.abort(new Error('The replay was cancelled.'));
    }
  }

  /** Follows what is published from where the generation was stored, until it has caught up with the serving one, and flips. */
  async #followUntilFlipped(
    control: Control,
    model: Model,
    number: number,
    careful: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { key } = model;
    const generation = this.#anotherOf(control, model, number);
    const partitions = this.#partitions(model);
    const placesOf = async (name: string): Promise<ReadonlyMap<Partition, Place>> =>
      (await this.#marks.places([name], partitions)).get(name) ?? new Map();
    const rebuild = new Rebuild(generation, this.#marks, await placesOf(generation.name), careful);
    await this.#followWith(
      this.#groupOf(model, number),
      this.#rebuilding(model, rebuild),
      async () => {
        const serving = control.models[key]?.serving ?? 1;
        const servingName = generationName(control, key, serving);
        if (!isLevel(rebuild.places, await placesOf(servingName))) return false;
        await rebuild.flush();
        if (!isLevel(rebuild.stored, await placesOf(servingName))) return false;
        if (!(await this.#control.flip(control, key, this.#writer, number, serving)))
          throw new DomainError(
            'conflict',
            'replay-overtaken',
            `Another generation of "${model.projection.name}" serves by now.`,
          );
        return true;
      },
      signal,
    );
  }

  /** What was on its way into the generation before, when it stopped serving, is folded into this one as well. */
  async #handOver(control: Control, model: Model, number: number, signal: AbortSignal): Promise<void> {
    const { key } = model;
    const partitions = this.#partitions(model);
    const record = (await this.#looked()).models[key];
    const previous = record?.retired.at(-1)?.generation ?? number;
    const names = [number, previous].map((one) => generationName(control, key, one));
    const [own = '', before = ''] = names;
    const level = async (): Promise<boolean> => {
      const places = await this.#marks.places(names, partitions);
      return isLevel(places.get(own) ?? new Map(), places.get(before) ?? new Map());
    };
    if (!(await level())) {
      const generation = this.#anotherOf(control, model, number);
      const places = (await this.#marks.places([own], partitions)).get(own) ?? new Map<Partition, Place>();
      const rebuild = new Rebuild(generation, this.#marks, places, true);
      await this.#followWith(this.#groupOf(model, number), this.#rebuilding(model, rebuild), level, signal);
    }
    await this.#control.close(control, key, number);
  }

  #groupOf({ key }: Model, generation: number): string {
    return `${this.#service}.${key}.${String(generation)}`;
  }

  /** Reads what is published until `done` says so, which is asked again and again. @throws what the feed throws */
  async #followWith(group: string, feed: Feed, done: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    let fault: unknown;
    const take: Feed['take'] = async (...delivered) => {
      try {
        return await feed.take(...delivered);
      } catch (error) {
        fault ??= error;
        stop.abort(error);
        throw error;
      }
    };
    const until = AbortSignal.any([signal, stop.signal]);
    const following = this.#bus()
      .follow(group, { categories: feed.categories, places: (partitions) => feed.places(partitions), take }, until)
      .catch((error: unknown) => {
        if (!until.aborted) fault ??= error;
      });
    try {
      while (!(await done())) {
        await timeout(LEVEL_MS, undefined, { signal: until }).catch(() => undefined);
        signal.throwIfAborted();
        if (fault !== undefined) throw fault;
      }
    } finally {
      stop.abort(new Error('Nothing more is needed.'));
      await following;
    }
  }

  /** An alarm ends it: what is not whole must not serve. */
  #rebuilding({ categories, projection }: Model, rebuild: Rebuild): Feed {
    return {
      categories,
      places: (partitions) =>
        Promise.resolve(
          new Map(partitions.map((partition) => [partition, BigInt(rebuild.places.get(partition)?.offset ?? 0)] as const)),
        ),
      take: async (partition, messages, next) => {
        const alarm = await rebuild.take(partition, messages, Number(next));
        if (alarm)
          throw new DomainError(
            'rejected',
            'replay-incomplete',
            `What is published lacks what "${projection.name}" needs of ${alarm.stream} at revision ${String(alarm.revision)} (${alarm.reason}), so it cannot be built from it. Publish the log again from its beginning.`,
          );
        return undefined;
      },
    };
  }

  /**
   * Builds what a store lacks that was emptied while the bus went on: nothing may come in a partition for long, and the bus is asked
   * for its past by whoever is given the partition, only.
   */
  #refill(control: Control, model: Model): void {
    if (this.#refills.has(model.key)) return;
    const number = control.models[model.key]?.serving ?? 1;
    const generation = this.#anotherOf(control, model, number);
    const feed: Feed = {
      categories: model.categories,
      places: async (partitions) => {
        generation.forget();
        const places = await Promise.all(
          partitions.map(async (one) => [one, BigInt((await generation.place(one)).offset)] as const),
        );
        return new Map(places);
      },
      take: async (partition, messages, next) => {
        const marking = await generation.take(partition, messages, Number(next));
        await this.#marks.write([marking]);
        generation.marked(marking);
        return undefined;
      },
    };
    const done = async (): Promise<boolean> => {
      await this.#settle(model);
      const now = this.#control.current;
      return now?.store !== control.store || now.models[model.key]?.ready === true;
    };
    const refill = this.#followWith(
      `${this.#service}.${model.key}.${String(number)}.${this.#writer}`,
      feed,
      done,
      this.#closing.signal,
    )
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#log.warn({ err: error }, 'building an emptied read model was interrupted');
      })
      .finally(() => {
        // What this process remembers of its places is older than what was stored here.
        this.#generations.get(generation.name)?.forget();
        this.#refills.delete(model.key);
      });
    this.#refills.set(model.key, refill);
  }

  /** Follows stopped streams again, from the message that they stopped at to where the serving generation is. */
  async #takeUp(control: Control, model: Model): Promise<Retried> {
    const generation = this.#anotherOf(control, model, control.models[model.key]?.serving ?? 1);
    const stopped = [...(await generation.stopped()).values()];
    if (stopped.length === 0) return { retried: 0, remaining: 0 };
    const streams = new Set<StreamName>(stopped.map(({ stream }) => stream));
    generation.takeUp(streams);
    const partitions = [...new Set(stopped.map(({ partition }) => partition))];
    const at = new Map(
      partitions.map((one) => [
        one,
        Math.min(...stopped.filter(({ partition }) => partition === one).map(({ offset }) => offset)),
      ]),
    );
    const placesNow = async (): Promise<ReadonlyMap<Partition, Place>> =>
      (await this.#marks.places([generation.name], partitions)).get(generation.name) ?? new Map();
    const feed: Feed = {
      categories: model.categories,
      places: async (all) => {
        const ends = await this.#bus().ends(all);
        return new Map(all.map((one) => [one, BigInt(at.get(one) ?? ends.get(one) ?? 0)] as const));
      },
      take: async (partition, messages, next) => {
        if (!at.has(partition)) return undefined;
        const own = messages.filter(({ event }) => streams.has(event.stream));
        const marking = {
          generation: generation.name,
          ...(await generation.fold(partition, own)),
          places: new Map<Partition, Place>(),
        };
        await this.#marks.write([marking]);
        generation.marked(marking);
        at.set(partition, Math.max(at.get(partition) ?? 0, Number(next)));
        return undefined;
      },
    };
    const caughtUp = async (): Promise<boolean> => {
      const places = await placesNow();
      return partitions.every((one) => (at.get(one) ?? 0) >= (places.get(one)?.offset ?? 0));
    };
    let isTakenUp = false;
    const done = async (): Promise<boolean> => {
      if (!(await caughtUp())) return false;
      if (isTakenUp) return true;
      const still = await generation.stopped();
      await this.#marks.resume(
        generation.name,
        [...streams].filter((stream) => !still.has(stream)),
      );
      await this.#control.resumed(control, model.key);
      isTakenUp = true;
      // Once more for what came while they were still stopped for those who follow the bus.
      return caughtUp();
    };
    const group = `${this.#service}.${model.key}.${randomBytes(4).toString('hex')}`;
    await this.#followWith(group, feed, done, AbortSignal.any([this.#closing.signal, AbortSignal.timeout(TAKE_UP_MS)]));
    const remaining = [...(await generation.stopped()).keys()].filter((stream) => streams.has(stream)).length;
    return { retried: stopped.length, remaining };
  }
}

/**
 * Makes what a service's read models need before it first runs, and indexes that a later version wants: for deployments. Nothing that
 * is there is changed.
 */
export const prepareReadModels = async (url: string, service: string, projections: readonly Projection[]): Promise<void> => {
  const connection = new MongoConnection(url, { callMs: DEPLOYMENT_MS });
  try {
    await connection.connected();
    const record = new ControlRecord(connection, service);
    const marks = new Marks(connection, service);
    const models = modelsOf(projections);
    const generationOf = (control: Control, { projection }: Model, number: number): Generation =>
      new Generation(connection, marks, { service, control, projection, writer: 'deploy' }, number);
    const control = await record.ensure(
      [...models.values()].map(({ key }) => key),
      async (made, key) => {
        const model = [...models.values()].find((one) => one.key === key);
        if (model) await generationOf(made, model, 1).documents.create();
      },
    );
    for (const model of models.values())
      await generationOf(control, model, control.models[model.key]?.serving ?? 1).documents.create();
  } finally {
    await connection.close();
  }
};

/** Removes all that a service's read models are; they are built from the beginning when it runs again. */
export const eraseReadModels = async (url: string, service: string): Promise<void> => {
  const connection = new MongoConnection(url, { callMs: DEPLOYMENT_MS });
  try {
    await connection.connected();
    for (const { name } of await connection.raw.listCollections())
      if (name.startsWith(`${service}.`)) await connection.raw.dropCollection(name);
  } finally {
    await connection.close();
  }
};

const modelsOf = (projections: readonly Projection[]): ReadonlyMap<string, Model> => {
  const models = new Map<string, Model>();
  for (const projection of projections) {
    const other = models.get(projection.name);
    if (other && other.projection !== projection) throw new TypeError(`Two projections are called "${projection.name}".`);
    const categories = [...new Set(Object.values(projection.parts).map(({ category }) => category))];
    models.set(projection.name, { key: keyOf(projection), projection, categories });
  }
  return models;
};

const behind = ({ projection: { name } }: Model, why: string): DomainError =>
  new DomainError('unavailable', 'projection-behind', `The read model "${name}" ${why}: try again in a moment.`);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const doneIn = (places: ReadonlyMap<Partition, Place> | undefined): number =>
  [...(places?.values() ?? [])].reduce((sum, { offset }) => sum + offset, 0);

const progressOf = (done: number, end: number | undefined, seconds: number): Progress => {
  const total = Math.max(done, end ?? done);
  if (done === 0 || seconds <= 0) return { done, total, eventsPerSecond: null, secondsLeft: null };
  const eventsPerSecond = done / seconds;
  return { done, total, eventsPerSecond, secondsLeft: (total - done) / eventsPerSecond };
};
