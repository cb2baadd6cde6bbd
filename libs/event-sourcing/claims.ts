import { createHash } from 'node:crypto';
import { type Clock, type Instant, systemClock } from '#libs/time/time';
import { type Command, metadataOf } from './command.ts';
import { type Decider, type Decision } from './decider.ts';
import { DomainError, type Refusal } from './domain-error.ts';
import {
  type Category,
  type CommandId,
  type DomainEvent,
  type Metadata,
  type Recorded,
  type Revision,
  type StreamName,
  streamName,
} from './event.ts';
import { type EventStore, RevisionConflict } from './event-store.ts';
import { decide, type Expected, handle, type Handled, KEY_REUSED, present } from './handle.ts';
import { isClaimGivenUp, isStreamFact, type StreamFact } from './stream-facts.ts';

/**
 * What must be unique: a `value` of a `kind` within a `scope` (a customer code within its parent). Spelling does not tell two values
 * apart: see `normalised`.
 */
export type Unique = Readonly<{ service: string; kind: string; scope: string; value: string }>;

/** Stream `<service>.claim-<sha256 of kind, scope, normalised value>`: one owner of one value at a time. */
type ClaimEvent =
  | DomainEvent<
      'Claimed',
      {
        /** The stream of the thing that owns the value. */
        by: StreamName;
        commandId: CommandId;
        /** By the wall clock: from here a claim that leads to nothing grows stale. */
        at: Instant;
      }
    >
  | DomainEvent<
      'Released',
      {
        by: StreamName;
        /** The command whose claim ends; a later claim of the same owner stays. */
        commandId: CommandId;
      }
    >;

/** The refusal of a loser: `conflict` unless told, with a code of the business. */
type Taken = Readonly<{ refusal?: Refusal; code: string; message: string; path?: string }>;

export type Claim = Unique & Readonly<{ taken: Taken }>;

/** Without blanks around it, in one Unicode form, without regard to case (`STRASSE` is `straße`). */
export const normalised = (value: string): string => value.normalize('NFC').trim().toUpperCase().toLowerCase().normalize('NFC');

/** Values that differ in nothing that counts; null is no value. */
export const sameValue = (a: string | null, b: string | null): boolean =>
  a === null || b === null ? a === b : normalised(a) === normalised(b);

/**
 * That an Idempotency-Key means one thing only, for a route that does not name the thing: `handle` finds a key again in the thing's
 * own stream, but another body would lead to another one.
 */
export const claimOfKey = (service: string, kind: string, { id, keyed }: Command): readonly Claim[] =>
  keyed ? [{ service, kind, scope: '', value: id, taken: KEY_REUSED }] : [];

export const claimStream = ({ service, kind, scope, value }: Unique): StreamName =>
  streamName(
    `${service}.claim` as Category,
    createHash('sha256')
      .update(JSON.stringify([kind, scope, normalised(value)]))
      .digest('hex'),
  );

/**
 * `handle` for a thing whose values must be unique. Looks first whether the decision stands (so that a refused one claims nothing),
 * then claims, then appends. A command that the stream holds already, or that changes nothing, claims nothing. When the process
 * ends in between, the claims grow stale.
 * @throws DomainError with the code of the first claim that another one holds, `conflict` unless the claim says otherwise.
 */
export const handleClaiming = async <State, E extends DomainEvent, Id extends string = string>(
  store: EventStore,
  decider: Decider<State, E, Id>,
  id: NoInfer<Id>,
  decision: Decision<State, E>,
  options: Readonly<{ command: Command; expected?: Expected<State>; claims: readonly Claim[]; wallClock?: Clock }>,
): Promise<Handled<State>> => {
  const { command, expected, claims, wallClock } = options;
  if (claims.length === 0) return handle(store, decider, id, decision, options);
  const { state, holds } = await present(store, decider, id);
  if (!holds(command.id) && decide(state, decision, expected).length > 0)
    for (const wanted of claims) await claim(store, wanted, decider.stream(id), command, wallClock);
  return handle(store, decider, id, decision, options);
};

/** How long a claim may stand without its command in the owner's stream before another may take it over. */
const STALE_AFTER_MS = 60_000;

/** Who has the value, by which commands and since when: one that repeats its claim holds it until each has been released. */
type Holder = Readonly<{ by: StreamName; claims: ReadonlyMap<CommandId, Instant> }>;

/**
 * Claims a value for the thing whose stream is `owner`, before the command that needs it appends there. Claiming again what this
 * command holds does nothing; a value the owner has by another command is claimed anew, so that ending the earlier claim does not
 * free it.
 * @throws DomainError `conflict` `taken.code` when another owner holds it and its claim is not stale.
 */
export const claim = async (
  store: EventStore,
  wanted: Claim,
  owner: StreamName,
  command: Command,
  wallClock: Clock = systemClock,
): Promise<void> => {
  const stream = claimStream(wanted);
  await untilWon(async () => {
    const { holder, revision } = await readClaim(store, stream);
    if (holder?.by === owner && holder.claims.has(command.id)) return;
    const at = wallClock.now();
    if (holder && holder.by !== owner && !(await givesUp(store, stream, holder, at, metadataOf(command))))
      throw takenBy(wanted.taken);
    const claimed: ClaimEvent = { type: 'Claimed', data: { by: owner, commandId: command.id, at } };
    await store.append(stream, [claimed], revision, metadataOf(command));
  });
};

/**
 * Ends the claim that `claimedBy` made for `owner`; anything else that holds the value stays. For the reaction to a change of the
 * value, and to the removal of its owner.
 */
export const release = async (
  store: EventStore,
  unique: Unique,
  owner: StreamName,
  claimedBy: CommandId,
  command: Command,
): Promise<void> => {
  const stream = claimStream(unique);
  await untilWon(async () => {
    const { holder, revision } = await readClaim(store, stream);
    if (holder?.by !== owner || !holder.claims.has(claimedBy)) return;
    const released: ClaimEvent = { type: 'Released', data: { by: owner, commandId: claimedBy } };
    await store.append(stream, [released], revision, metadataOf(command));
  });
};

/**
 * Ends the claim of the value that the owner of `event`'s stream gave up by it, if any: once, however often. For the reaction to its
 * events. @param valueIn what an event of the stream says that the value is from then on; null: there is none
 */
export const releaseFormer = async <E extends DomainEvent>(
  store: EventStore,
  event: Recorded<E>,
  valueIn: (event: Recorded<E>) => string | null,
  claimOf: (value: string) => Unique,
  command: (claim: StreamName) => Command,
): Promise<void> => {
  const { events } = await store.read<E | StreamFact>(event.stream, { upTo: event.revision - 1 });
  const past = events.filter((one): one is Recorded<E> => !isStreamFact(one));
  const former = past.at(-1);
  const value = former ? valueIn(former) : null;
  if (!former || value === null || sameValue(value, valueIn(event))) return;
  // The command that brought the value claimed it; those after it that kept the value claimed nothing.
  const since = past.findLastIndex((one) => !sameValue(valueIn(one), value)) + 1;
  const unique = claimOf(value);
  const { commandId } = (past[since] ?? former).metadata;
  await release(store, unique, event.stream, commandId, command(claimStream(unique)));
};

/** The stream of the thing that has the value, or is about to: only its own events tell which. */
export const holderOf = async (store: EventStore, unique: Unique): Promise<StreamName | undefined> =>
  (await readClaim(store, claimStream(unique))).holder?.by;

const readClaim = async (
  store: EventStore,
  stream: StreamName,
): Promise<Readonly<{ holder: Holder | undefined; revision: Revision }>> => {
  const { events, revision } = await store.read<ClaimEvent>(stream);
  return { holder: events.reduce<Holder | undefined>(holderAfter, undefined), revision };
};

const holderAfter = (holder: Holder | undefined, { type, data }: ClaimEvent): Holder | undefined => {
  const claims = new Map(holder?.by === data.by ? holder.claims : []);
  switch (type) {
    case 'Claimed':
      return { by: data.by, claims: claims.set(data.commandId, data.at) };
    case 'Released':
      if (!claims.delete(data.commandId)) return holder;
      return claims.size > 0 ? { by: data.by, claims } : undefined;
  }
};

/**
 * Whether the holder's claims are stale: old, and none of their commands in the holder's stream. Then none of them gets there any
 * more: `ClaimGivenUp` is appended for each, at the very revision at which they were missing.
 */
const givesUp = async (
  store: EventStore,
  stream: StreamName,
  { by, claims }: Holder,
  now: Instant,
  metadata: Metadata,
): Promise<boolean> => {
  for (const at of claims.values()) if (Date.parse(now) - Date.parse(at) < STALE_AFTER_MS) return false;
  const { events, revision } = await store.read<StreamFact>(by);
  if (events.some((event) => !isClaimGivenUp(event) && claims.has(event.metadata.commandId))) return false;
  const already = new Set(events.filter(isClaimGivenUp).map(({ data }) => data.commandId));
  const givenUp = [...claims.keys()]
    .filter((commandId) => !already.has(commandId))
    .map((commandId): StreamFact => ({ type: 'ClaimGivenUp', data: { claim: stream, commandId } }));
  if (givenUp.length > 0) await store.append(by, givenUp, revision, metadata);
  return true;
};

const takenBy = ({ refusal = 'conflict', code, message, path }: Taken): DomainError =>
  new DomainError(refusal, code, message, path === undefined ? [] : [{ path, message }]);

/** Repeats on fresh reads until no other writer was faster. */
const untilWon = async (attempt: () => Promise<void>): Promise<void> => {
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error;
    }
  }
};
