import { type Clock, systemClock } from '#libs/time/time';
import { randomBytes } from 'node:crypto';
import { type Collection } from 'mongoose';
import { type Partition } from '#libs/messaging/feed';
import { type Projection } from '../projection.ts';
import { isDuplicate, type MongoConnection } from './connection.ts';

/** A generation that is built beside the serving one, by the process `owner`. */
type Building = Readonly<{
  generation: number;
  owner: string;
  startedAt: Date;
  /** It serves already; what was under way into its predecessor at that moment is being made up for. */
  closing: boolean;
}>;

/** One version of one projection. */
export type ModelRecord = Readonly<{
  serving: number;
  /** Has it once reached what there was when it was new? */
  ready: boolean;
  /** Where each partition ended when the generation was new; null while nobody could tell. */
  targets: readonly Readonly<{ partition: Partition; end: number }>[] | null;
  building: Building | null;
  /** When the owner of `building` was last heard of, by the server's clock. */
  beat: Date | null;
  /** The highest number given to a generation. */
  last: number;
  retired: readonly Readonly<{ generation: number; at: Date }>[];
  /** What ended the last replay. */
  failure: string | null;
  /** Counts how often stopped streams were taken up again. */
  resumed: number;
}>;

/**
 * What a service's read models are, in one document. A store that has none is new, or was emptied; `store` is then another one, and
 * names all that is stored, so that nothing is taken for what was there before.
 */
export type Control = Readonly<{ store: string; models: Readonly<Record<string, ModelRecord>> }>;

type StoredControl = { _id: string; store: string; models: Record<string, ModelRecord> };

export const keyOf = ({ name, version }: Projection): string => `${name}@${String(version)}`;

/** The prefix of a generation's marks. */
export const generationName = (control: Control, key: string, generation: number): string =>
  `${control.store}/${key}.${String(generation)}`;

export const collectionName = (service: string, control: Control, key: string, generation: number): string =>
  `${service}.${key}.${String(generation)}.${control.store}`;

const FIRST: Omit<ModelRecord, 'serving' | 'last'> = {
  ready: false,
  targets: null,
  building: null,
  beat: null,
  retired: [],
  failure: null,
  resumed: 0,
};

/** Reads and changes the control document; every change is a compare-and-set that one of many processes wins. */
export class ControlRecord {
  readonly #collection: Collection<StoredControl>;
  readonly #connection: MongoConnection;
  readonly #clock: Clock;
  readonly #id = 'control';
  #reading: Promise<Control | undefined> | undefined;
  #current: Control | undefined;
  #asked = 0;
  #answered = 0;

  constructor(connection: MongoConnection, service: string, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#collection = connection.raw.collection<StoredControl>(`${service}.control`);
    this.#connection = connection;
  }

  #now(): Date {
    return new Date(this.#clock.now());
  }

  /** As it was read last; undefined also where there was none. */
  get current(): Control | undefined {
    return this.#current;
  }

  /** As it is by now, or later than that; undefined where there is none. */
  async read(): Promise<Control | undefined> {
    await this.#connection.connected();
    const asked = ++this.#asked;
    const found = await this.#collection.findOne({ _id: this.#id });
    // An answer may be overtaken by that to a later question.
    if (asked > this.#answered) {
      this.#answered = asked;
      this.#current = found ? { store: found.store, models: found.models } : undefined;
    }
    return this.#current;
  }

  /** The same, read once for all who ask at the same time. */
  shared(): Promise<Control | undefined> {
    this.#reading ??= this.read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Makes the document, and the records of the models that are not in it yet. `made` is called for each new one, before. */
  async ensure(models: readonly string[], made: (control: Control, key: string) => Promise<void>): Promise<Control> {
    let control = await this.read();
    if (!control) {
      const store = randomBytes(4).toString('hex');
      await this.#collection.insertOne({ _id: this.#id, store, models: {} }).catch((error: unknown) => {
        if (!isDuplicate(error)) throw error;
      });
      control = (await this.read()) ?? { store, models: {} };
    }
    for (const key of models) {
      if (control.models[key]) continue;
      await made(control, key);
      const fresh: ModelRecord = { ...FIRST, serving: 1, last: 1 };
      await this.#collection.updateOne(
        { _id: this.#id, store: control.store, [`models.${key}`]: { $exists: false } },
        { $set: { [`models.${key}`]: fresh } },
      );
    }
    return (await this.read()) ?? control;
  }

  async setTargets(control: Control, key: string, targets: NonNullable<ModelRecord['targets']>): Promise<void> {
    await this.#change(control, key, { targets: null }, { $set: { targets } });
  }

  async setReady(control: Control, key: string, generation: number): Promise<void> {
    await this.#change(control, key, { serving: generation, ready: false }, { $set: { ready: true } });
  }

  /** False when somebody else builds already. */
  begin(control: Control, key: string, owner: string): Promise<boolean> {
    const record = control.models[key];
    if (!record) return Promise.resolve(false);
    const generation = record.last + 1;
    return this.#change(
      control,
      key,
      { building: null, last: record.last },
      {
        $set: { last: generation, failure: null, building: { generation, owner, startedAt: this.#now(), closing: false } },
        $currentDate: { beat: true },
      },
    );
  }

  /** Takes over what its owner has left alone. `staleMs` by the server's clock. */
  takeOver(control: Control, key: string, owner: string, staleMs: number): Promise<boolean> {
    const { generation } = control.models[key]?.building ?? {};
    return this.#change(
      control,
      key,
      { 'building.generation': generation },
      { $set: { 'building.owner': owner }, $currentDate: { beat: true } },
      { $expr: { $lt: [`$models.${key}.beat`, { $subtract: ['$$NOW', staleMs] }] } },
    );
  }

  /** From one writer to another one that the first has asked to go on. False when it is not the first one's. */
  handOn(control: Control, key: string, from: string, to: string): Promise<boolean> {
    return this.#change(
      control,
      key,
      { 'building.owner': from },
      { $set: { 'building.owner': to }, $currentDate: { beat: true } },
    );
  }

  /** False when it is no longer the owner's: cancelled, or taken over. */
  beat(control: Control, key: string, owner: string, generation: number): Promise<boolean> {
    return this.#change(
      control,
      key,
      { 'building.owner': owner, 'building.generation': generation },
      { $currentDate: { beat: true } },
    );
  }

  /** From now on `generation` serves in place of `previous`. */
  flip(control: Control, key: string, owner: string, generation: number, previous: number): Promise<boolean> {
    return this.#change(
      control,
      key,
      { serving: previous, 'building.owner': owner, 'building.generation': generation },
      {
        $set: { serving: generation, 'building.closing': true, ready: true },
        $push: { retired: { generation: previous, at: this.#now() } },
      },
    );
  }

  async close(control: Control, key: string, generation: number): Promise<void> {
    await this.#change(control, key, { 'building.generation': generation, serving: generation }, { $set: { building: null } });
  }

  /** False when it is not being built (any more). `owner`: only if it is this one's. */
  giveUp(control: Control, key: string, generation: number, failure: string | null, owner?: string): Promise<boolean> {
    return this.#change(
      control,
      key,
      {
        'building.generation': generation,
        'building.closing': false,
        ...(owner === undefined ? {} : { 'building.owner': owner }),
      },
      { $set: { building: null, failure }, $push: { retired: { generation, at: this.#now() } } },
    );
  }

  async resumed(control: Control, key: string): Promise<void> {
    await this.#change(control, key, {}, { $inc: { resumed: 1 } });
  }

  async forgetRetired(control: Control, key: string, generation: number): Promise<void> {
    await this.#change(control, key, {}, { $pull: { retired: { generation } } });
  }

  async forget(control: Control, key: string): Promise<void> {
    await this.#collection.updateOne({ _id: this.#id, store: control.store }, { $unset: { [`models.${key}`]: true } });
  }

  /** Fields are those of the model's record. */
  async #change(
    control: Control,
    key: string,
    expected: Readonly<Record<string, unknown>>,
    update: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
    also: Readonly<Record<string, unknown>> = {},
  ): Promise<boolean> {
    const within = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
      Object.fromEntries(Object.entries(fields).map(([field, value]) => [`models.${key}.${field}`, value]));
    const { matchedCount } = await this.#collection.updateOne(
      { _id: this.#id, store: control.store, ...within(expected), ...also },
      Object.fromEntries(Object.entries(update).map(([operator, fields]) => [operator, within(fields)])),
    );
    return matchedCount === 1;
  }
}
