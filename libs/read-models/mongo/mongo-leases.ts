import { randomBytes } from 'node:crypto';
import { setTimeout as timeout } from 'node:timers/promises';
import { type Collection } from 'mongoose';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Leases } from '#libs/leases/leases';
import { isDuplicate, type MongoConnection } from './connection.ts';

type StoredLease = { _id: string; holder: string | null; at: Date };

/** A lease ends so long after its holder was last heard of, by the server's clock. */
const LASTS_MS = 10_000;
const BEAT_MS = 2_000;
const ASK_MS = 1_000;

/** Leases among the instances of a service. */
export class MongoLeases implements Leases {
  readonly #collection: Collection<StoredLease>;
  readonly #connection: MongoConnection;
  readonly #lastsMs: number;
  readonly #beatMs: number;
  readonly #askMs: number;

  constructor(connection: MongoConnection, service: string, { lasts = LASTS_MS, beat = BEAT_MS, ask = ASK_MS } = {}) {
    this.#collection = connection.raw.collection<StoredLease>(`${service}.leases`);
    this.#connection = connection;
    this.#lastsMs = lasts;
    this.#beatMs = beat;
    this.#askMs = ask;
  }

  async whileHeld(name: string, signal: AbortSignal, work: (held: AbortSignal) => Promise<void>): Promise<void> {
    const holder = randomBytes(8).toString('hex');
    while (!signal.aborted) {
      // A server that is away gives no lease.
      if (await this.#taken(name, holder).catch(() => false))
        await this.#hold(name, holder, signal, work).catch((error: unknown) => {
          // Work that came upon read models which are away or being built begins anew with the next lease.
          if (!(error instanceof DomainError && error.refusal === 'unavailable')) throw error;
        });
      await timeout(this.#askMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #hold(name: string, holder: string, signal: AbortSignal, work: (held: AbortSignal) => Promise<void>): Promise<void> {
    const lost = new AbortController();
    const ended = new AbortController();
    const beating = this.#beat(name, holder, lost, ended.signal);
    try {
      await work(AbortSignal.any([signal, lost.signal]));
    } finally {
      ended.abort();
      await beating;
      // Whoever waits need not wait until it ends by itself.
      await this.#collection.updateOne({ _id: name, holder }, { $set: { holder: null } }).catch(() => undefined);
    }
  }

  /** Lost once it may have ended, whether or not the server can be asked. */
  async #beat(name: string, holder: string, lost: AbortController, ended: AbortSignal): Promise<void> {
    let renewed = performance.now();
    while (!ended.aborted && !lost.signal.aborted) {
      await timeout(this.#beatMs, undefined, { signal: ended }).catch(() => undefined);
      if (ended.aborted) return;
      const asked = performance.now();
      const kept = await Promise.race([this.#renewed(name, holder), timeout(this.#beatMs, undefined, { ref: false })]).catch(
        () => undefined,
      );
      if (kept === true) renewed = asked;
      if (kept === false || performance.now() - renewed > this.#lastsMs - this.#beatMs)
        lost.abort(new Error(`The lease "${name}" was lost.`));
    }
  }

  async #renewed(name: string, holder: string): Promise<boolean> {
    const { matchedCount } = await this.#collection.updateOne({ _id: name, holder }, { $currentDate: { at: true } });
    return matchedCount === 1;
  }

  async #taken(name: string, holder: string): Promise<boolean> {
    await this.#connection.connected();
    const isFree = { $or: [{ holder: null }, { $expr: { $lt: ['$at', { $subtract: ['$$NOW', this.#lastsMs] }] } }] };
    const update = { $set: { holder }, $currentDate: { at: true } } as const;
    const { matchedCount } = await this.#collection.updateOne({ _id: name, ...isFree }, update);
    if (matchedCount === 1) return true;
    try {
      await this.#collection.insertOne({ _id: name, holder: null, at: new Date(0) });
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      return false;
    }
    return this.#taken(name, holder);
  }
}
