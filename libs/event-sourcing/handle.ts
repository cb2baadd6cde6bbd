import { type Command, metadataOf } from './command.ts';
import { type Decider, type Decision } from './decider.ts';
import { DomainError } from './domain-error.ts';
import {
  type CommandId,
  type DomainEvent,
  NO_STREAM,
  type Position,
  type Recorded,
  type Revision,
  type StreamName,
} from './event.ts';
import { type Batch, type EventStore, RevisionConflict } from './event-store.ts';
import { isClaimGivenUp, isStreamFact, type StreamFact } from './stream-facts.ts';
import { notedWrites } from './writes.ts';

/** `position` is null when the command found nothing to do and left nothing. */
export type Handled<State> = Readonly<{
  state: State;
  revision: Revision;
  position: Position | null;
  /** What this command appended, the first time it came. */
  events: readonly Recorded[];
}>;

/**
 * `If-Match`: the entity's own revision as the caller knows it (undefined: whichever it is), and where a fresh state keeps it
 * (undefined: no such entity).
 */
export type Expected<State> = Readonly<{ revision: Revision | undefined; of: (state: State) => Revision | undefined }>;

/**
 * Runs a decision on the stream's present state and appends what it decides, at exactly the revision that was read. A lost race
 * runs it again on fresh state. A command that the stream already holds is answered as it was the first time: the state as of its
 * last event. A keyed command that decides nothing appends `CommandAccepted`.
 *
 * Commands on one stream that wait at the same time are decided one after the other, each on the state that the one before leaves,
 * and appended together; none is answered, refused or "already so" before that append has been committed.
 * @throws DomainError `stale` when `expected` does not hold; `rejected` `idempotency-key-reused` for the same key with another
 * body; `conflict` `claim-given-up` when another command took over what this one had claimed.
 */
export const handle = <State, E extends DomainEvent, Id extends string = string>(
  store: EventStore,
  decider: Decider<State, E, Id>,
  id: NoInfer<Id>,
  decision: Decision<State, E>,
  { command, expected }: Readonly<{ command: Command; expected?: Expected<State> }>,
): Promise<Handled<State>> => {
  const stream = decider.stream(id);
  const handled = new Promise<Handled<State>>((answer, refuse) => {
    laneOf(store, decider, stream).push({ command, decision, expected, answer, refuse });
  });
  const writes = notedWrites();
  if (!writes) return handled;
  return handled.then((answer) => {
    if (answer.position !== null) writes.push({ stream, position: answer.position });
    return answer;
  });
};

/** The present state of a stream, every committed event included, for a shell that must look before it acts. */
export const present = async <State, E extends DomainEvent, Id extends string = string>(
  store: EventStore,
  decider: Decider<State, E, Id>,
  id: NoInfer<Id>,
): Promise<Readonly<{ state: State; revision: Revision; holds: (command: CommandId) => boolean }>> => {
  const { state, revision, commands } = await laneOf(store, decider, decider.stream(id)).catchUp();
  return { state, revision, holds: (command) => commands.has(command) };
};

type Waiting<State, E extends DomainEvent> = Readonly<{
  command: Command;
  decision: Decision<State, E>;
  expected: Expected<State> | undefined;
  answer: (handled: Handled<State>) => void;
  refuse: (error: unknown) => void;
}>;

/** A stream as far as it is known. `commands`: where the last event of each stands. */
type Known<State> = { state: State; revision: Revision; commands: Map<CommandId, Revision>; givenUp: Set<CommandId> };

/** What a round makes of one command, told to its caller once the round is committed. */
type Verdict<State> =
  | Readonly<{ kind: 'appends'; batch: Batch; state: State; revision: Revision }>
  | Readonly<{ kind: 'already so'; state: State; revision: Revision }>
  | Readonly<{ kind: 'repeated'; last: Revision }>
  | Readonly<{ kind: 'refused'; error: unknown }>;

/** An append should stay short: it shares its turn with those of other streams. */
const COMMANDS_A_ROUND = 500;
/** A lost race means that another writer got on; so many in a row can only be a fault of the store. */
const ATTEMPTS = 1_000;

/**
 * The queue of one stream within this process (n commands at once would else lose n²/2 races), with what was read of the stream:
 * committed facts only, and before each round it reads on from there.
 */
class Lane<State, E extends DomainEvent> {
  readonly #store: EventStore;
  readonly #decider: Decider<State, E, never>;
  readonly #stream: StreamName;
  #known: Known<State>;
  #queue: Waiting<State, E>[] = [];
  #running = false;

  constructor(store: EventStore, decider: Decider<State, E, never>, stream: StreamName) {
    this.#store = store;
    this.#decider = decider;
    this.#stream = stream;
    this.#known = nothing(decider);
  }

  get idle(): boolean {
    return !this.#running;
  }

  /** What it costs to keep, in commands remembered. */
  get weight(): number {
    return OF_A_LANE + this.#known.commands.size;
  }

  push(waiting: Waiting<State, E>): void {
    this.#queue.push(waiting);
    if (!this.#running) void this.#run();
  }

  /** Reads what is new since the last time. */
  async catchUp(): Promise<Readonly<Known<State>>> {
    const known = this.#known;
    const after = known.revision;
    const { revision, events } = await this.#store.read<E | StreamFact>(this.#stream, { after });
    // Forgotten meanwhile, by a round that failed: what was read begins too late for what is known now.
    if (known !== this.#known) return this.catchUp();
    if (revision < after) {
      // Another log stands in its place (a backup restored): nothing of what was known holds.
      this.#known = nothing(this.#decider);
      return this.catchUp();
    }
    return learn(this.#decider, known, events);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      try {
        await this.catchUp();
      } catch (error) {
        refuseAll(this.#queue.splice(0), error);
        continue;
      }
      await this.#round(this.#queue.splice(0, COMMANDS_A_ROUND));
    }
    this.#running = false;
  }

  async #round(round: readonly Waiting<State, E>[]): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        if (attempt > 0) await this.catchUp();
        const verdicts = this.#decide(round);
        const batches = verdicts.flatMap((verdict) => (verdict.kind === 'appends' ? [verdict.batch] : []));
        const appended = batches.length > 0 ? await this.#append(batches) : [];
        this.#settle(round, verdicts, appended);
        return;
      } catch (error) {
        if (error instanceof RevisionConflict) continue;
        this.#known = nothing(this.#decider);
        if (round.length === 1) refuseAll(round, error);
        // One command's events may be what the store cannot take: the others must not pay for it.
        else for (const one of round) await this.#alone(one);
        return;
      }
    }
    refuseAll(round, new DomainError('unavailable', 'stream-busy', 'Too many others write here at the same time: try again.'));
  }

  async #alone(one: Waiting<State, E>): Promise<void> {
    try {
      await this.catchUp();
    } catch (error) {
      one.refuse(error);
      return;
    }
    await this.#round([one]);
  }

  async #append(batches: readonly Batch[]): Promise<readonly Recorded<E | StreamFact>[]> {
    const { events } = await this.#store.appendBatches(this.#stream, batches, this.#known.revision);
    const recorded = events as readonly Recorded<E | StreamFact>[];
    learn(this.#decider, this.#known, recorded);
    return recorded;
  }

  /** Each command on the state that those before it leave. Pure: what is known does not change. */
  #decide(round: readonly Waiting<State, E>[]): readonly Verdict<State>[] {
    const { commands, givenUp } = this.#known;
    let { state, revision } = this.#known;
    const decided = new Map<CommandId, Revision>();
    return round.map(({ command, decision, expected }): Verdict<State> => {
      const last = decided.get(command.id) ?? commands.get(command.id);
      if (last !== undefined) return { kind: 'repeated', last };
      if (givenUp.has(command.id)) return GIVEN_UP;
      try {
        const own = decide(state, decision, expected);
        if (own.length === 0 && !command.keyed) return { kind: 'already so', state, revision };
        const events: readonly (E | StreamFact)[] = own.length > 0 ? own : [{ type: 'CommandAccepted', data: {} }];
        const before = revision;
        state = own.reduce((reached, event, index) => this.#decider.evolve(reached, event, before + 1 + index), state);
        revision += events.length;
        decided.set(command.id, revision);
        return { kind: 'appends', batch: { events, metadata: metadataOf(command) }, state, revision };
      } catch (error) {
        return { kind: 'refused', error };
      }
    });
  }

  #settle(
    round: readonly Waiting<State, E>[],
    verdicts: readonly Verdict<State>[],
    appended: readonly Recorded<E | StreamFact>[],
  ): void {
    let next = 0;
    for (const [index, { answer, refuse, command }] of round.entries()) {
      const verdict = verdicts[index];
      switch (verdict?.kind) {
        case 'appends': {
          const events = appended.slice(next, (next += verdict.batch.events.length));
          answer({ state: verdict.state, revision: verdict.revision, position: events.at(-1)?.position ?? null, events });
          break;
        }
        case 'already so':
          answer({ state: verdict.state, revision: verdict.revision, position: null, events: [] });
          break;
        case 'repeated':
          this.#asTheFirstTime(command, verdict.last).then(answer, refuse);
          break;
        case 'refused':
          refuse(verdict.error);
          break;
        case undefined:
      }
    }
  }

  async #asTheFirstTime({ id, bodyHash }: Command, last: Revision): Promise<Handled<State>> {
    const { events } = await this.#store.read<E | StreamFact>(this.#stream, { upTo: last });
    const own = events.filter(({ metadata }) => metadata.commandId === id);
    if (own.some(({ metadata }) => metadata.bodyHash !== bodyHash))
      throw new DomainError(KEY_REUSED.refusal, KEY_REUSED.code, KEY_REUSED.message);
    const { state, revision } = learn(this.#decider, nothing(this.#decider), events);
    return { state, revision, position: own.at(-1)?.position ?? null, events: own };
  }
}

const nothing = <State, E extends DomainEvent>({ initial }: Decider<State, E, never>): Known<State> => ({
  state: initial,
  revision: NO_STREAM,
  commands: new Map(),
  givenUp: new Set(),
});

/**
 * Folds events into what is known, in place; those known already are passed by. An event that cannot be folded throws and stays
 * unknown: nothing may ever be decided as if it had not happened.
 */
const learn = <State, E extends DomainEvent>(
  { evolve }: Decider<State, E, never>,
  known: Known<State>,
  events: readonly Recorded<E | StreamFact>[],
): Known<State> => {
  for (const event of events) {
    const { revision, metadata } = event;
    if (revision <= known.revision) continue;
    if (!isStreamFact(event)) known.state = evolve(known.state, event as E, revision);
    known.revision = revision;
    // Given up by whoever took the claim over: their command is not one of this stream.
    if (isClaimGivenUp(event)) known.givenUp.add(event.data.commandId);
    else known.commands.set(metadata.commandId, revision);
  }
  return known;
};

/** What the decision says of the state, once `expected` has been found to hold. */
export const decide = <State, E extends DomainEvent>(
  state: State,
  decision: Decision<State, E>,
  expected: Expected<State> | undefined,
): readonly E[] => {
  if (expected?.revision === undefined) return decision(state);
  const revision = expected.of(state);
  const stale = revision !== expected.revision;
  if (stale && revision !== undefined) throw staleOf(expected.revision, revision);
  const events = decision(state);
  // A decision that looks for the entity says better what is missing than 412 does.
  if (stale) throw staleOf(expected.revision, revision);
  return events;
};

const staleOf = (expected: Revision, present: Revision | undefined): DomainError =>
  new DomainError(
    'stale',
    'revision-stale',
    present === undefined
      ? `There is nothing here yet, and so nothing at revision ${String(expected)}.`
      : `It is at revision ${String(present)} by now, no longer at ${String(expected)}: read it again and repeat the change.`,
  );

/** The refusal of a key that meant something else before. */
export const KEY_REUSED = {
  refusal: 'rejected',
  code: 'idempotency-key-reused',
  message: 'This Idempotency-Key was used before with another body: a new request needs a new key.',
} as const;

const GIVEN_UP = {
  kind: 'refused',
  error: new DomainError(
    'conflict',
    'claim-given-up',
    'This request took so long that what it had reserved was given to another one: repeat it with a new Idempotency-Key.',
  ),
} as const;

const refuseAll = (waiting: readonly Readonly<{ refuse: (error: unknown) => void }>[], error: unknown): void => {
  for (const { refuse } of waiting) refuse(error);
};

/**
 * What all lanes of a store may weigh before the longest unused are forgotten, and what is left then. A command remembered weighs 1,
 * some 85 bytes; whoever forgets a long stream that is still in use reads all of it again at its next command.
 */
const HEAVIEST = 250_000;
const KEPT = 200_000;
/** Of every lane: its state, however short the stream. */
const OF_A_LANE = 10;

type Kept = Readonly<{ idle: boolean; weight: number }>;

/** The lanes of one store. */
class Lanes {
  readonly #store: EventStore;
  readonly #byDecider = new Map<object, Map<StreamName, Kept>>();
  /** Least recently used first, with the weight counted for each and how to forget it. */
  readonly #recent = new Map<Kept, Readonly<{ weight: number; forget: () => void }>>();
  #weight = 0;

  constructor(store: EventStore) {
    this.#store = store;
  }

  of<State, E extends DomainEvent>(decider: Decider<State, E, never>, stream: StreamName): Lane<State, E> {
    const lanes = this.#byDecider.get(decider) ?? new Map<StreamName, Kept>();
    this.#byDecider.set(decider, lanes);
    // Under a decider stand lanes of that decider only.
    const lane = (lanes.get(stream) as Lane<State, E> | undefined) ?? new Lane<State, E>(this.#store, decider, stream);
    lanes.set(stream, lane);
    this.#used(lane, () => lanes.delete(stream));
    return lane;
  }

  #used(lane: Kept, forget: () => void): void {
    this.#drop(lane);
    this.#recent.set(lane, { weight: lane.weight, forget });
    this.#weight += lane.weight;
    if (this.#weight > HEAVIEST) this.#forgetOldest(lane);
  }

  #forgetOldest(lane: Kept): void {
    for (const [oldest, kept] of this.#recent) {
      if (this.#weight <= KEPT) return;
      if (!oldest.idle || oldest === lane) continue;
      this.#drop(oldest);
      kept.forget();
    }
  }

  #drop(lane: Kept): void {
    this.#weight -= this.#recent.get(lane)?.weight ?? 0;
    this.#recent.delete(lane);
  }
}

const lanesOf = new WeakMap<EventStore, Lanes>();

const laneOf = <State, E extends DomainEvent>(
  store: EventStore,
  decider: Decider<State, E, never>,
  stream: StreamName,
): Lane<State, E> => {
  const lanes = lanesOf.get(store) ?? new Lanes(store);
  lanesOf.set(store, lanes);
  return lanes.of(decider, stream);
};
