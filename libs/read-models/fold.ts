import { type Category, categoryOf, NO_STREAM, type Recorded, type Revision, type StreamName } from '#libs/event-sourcing/event';
import { isStreamFact } from '#libs/event-sourcing/stream-facts';
import { type Part, type Projection } from './projection.ts';

/**
 * How far one source stream has been folded into one document. While `waiting` is there the part is quarantined: its events wait,
 * in order, from the one that could not be folded, and `error` says why.
 */
export type PartState = Readonly<{
  stream: StreamName;
  revision: Revision;
  state: unknown;
  waiting?: readonly Recorded[];
  error?: string;
}>;

/**
 * What a read model keeps per id. `row` is JSON text as queries see it, null for "not, or no longer, a row": a removed document
 * stays, or an older redelivered event would bring it back. `version` counts the writes and guards them.
 */
export type Document = Readonly<{
  id: string;
  parts: Readonly<Record<string, PartState>>;
  row: string | null;
  version: number;
}>;

/** A document as it is stored; equal bytes in `parts` and `row` mean equal documents. */
export type Encoded = Document & Readonly<{ partsText: string; flagged: boolean }>;

/**
 * A stream that a projection no longer follows, and the revision it could not take.
 * - `gap`: events before it are missing
 * - `unreadable`: the projection cannot tell which documents it concerns
 */
export type Alarm = Readonly<{ stream: StreamName; revision: Revision; kind: 'gap' | 'unreadable'; reason: string }>;

/** One event and the documents that it concerns in one part. */
export type Touch = Readonly<{ event: Recorded; part: string; documents: readonly string[] }>;

export type Routed = Readonly<{ touches: readonly Touch[]; heads: ReadonlyMap<StreamName, Revision>; alarms: readonly Alarm[] }>;

/** A projection with what folding needs at hand. */
export type Plan = Readonly<{
  projection: Projection;
  parts: readonly string[];
  byCategory: ReadonlyMap<Category, readonly (readonly [name: string, part: Part<unknown>])[]>;
}>;

export const planOf = (projection: Projection): Plan => {
  const byCategory = new Map<Category, (readonly [string, Part<unknown>])[]>();
  for (const [name, part] of Object.entries(projection.parts)) {
    const known = byCategory.get(part.category);
    if (known) known.push([name, part]);
    else byCategory.set(part.category, [[name, part]]);
  }
  return { projection, parts: Object.keys(projection.parts), byCategory };
};

export const categoriesOf = (plan: Plan): readonly Category[] => [...plan.byCategory.keys()];

const NOTHING: readonly string[] = [];
const asList = (ids: string | readonly string[] | undefined): readonly string[] =>
  ids === undefined ? NOTHING : typeof ids === 'string' ? [ids] : ids;

const messageOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

/** How far each stream has been taken. `of` answers undefined where the next event is trusted. */
export interface Heads {
  of(stream: StreamName): Revision | undefined;
  move(stream: StreamName, revision: Revision): void;
}

/** For events that follow a log position without a hole: the position stands for the heads. */
export const NO_HEADS = (): undefined => undefined;

/**
 * Which documents each event touches. Gaps are judged per stream, since a stream may concern several documents: `headOf` is the
 * last revision taken (undefined: not known, the next one is trusted), and a revision beyond the next stops the stream.
 */
export const route = (
  plan: Plan,
  events: readonly Recorded[],
  headOf: (stream: StreamName) => Revision | undefined,
  isStopped?: (stream: StreamName) => boolean,
): Routed => {
  const heads = new Map<StreamName, Revision>();
  const of = (stream: StreamName): Revision | undefined => heads.get(stream) ?? headOf(stream);
  const move = (stream: StreamName, revision: Revision): void => {
    heads.set(stream, revision);
  };
  return { ...routeMoving(plan, events, { of, move }, isStopped), heads };
};

/** The same over heads that are kept elsewhere, and moved on. */
export const routeMoving = (
  plan: Plan,
  events: readonly Recorded[],
  heads: Heads,
  isStopped: (stream: StreamName) => boolean = () => false,
): Omit<Routed, 'heads'> => {
  const touches: Touch[] = [];
  const alarms = new Map<StreamName, Alarm>();
  for (const event of events) {
    const { stream, revision } = event;
    const concerned = plan.byCategory.get(categoryOf(stream));
    if (!concerned || (alarms.size > 0 && alarms.has(stream)) || isStopped(stream)) continue;
    const head = heads.of(stream);
    if (head !== undefined && revision <= head) continue;
    if (head !== undefined && revision > head + 1) {
      const reason =
        head === NO_STREAM
          ? `the stream begins at revision ${String(revision)} instead of 0`
          : `revision ${String(revision)} follows revision ${String(head)}`;
      alarms.set(stream, { stream, revision, kind: 'gap', reason });
      continue;
    }
    if (!isStreamFact(event))
      try {
        for (const [part, { document }] of concerned) {
          const documents = asList(document(event));
          if (documents.length > 0) touches.push({ event, part, documents });
        }
      } catch (error) {
        const reason = `the document of ${event.type} cannot be told: ${messageOf(error)}`;
        alarms.set(stream, { stream, revision, kind: 'unreadable', reason });
        continue;
      }
    heads.move(stream, revision);
  }
  if (alarms.size === 0) return { touches, alarms: [] };
  return { touches: touches.filter(({ event }) => !isBeyond(alarms, event)), alarms: [...alarms.values()] };
};

/** An event that names documents in one part and throws in the next counts as not taken in either. */
const isBeyond = (alarms: ReadonlyMap<StreamName, Alarm>, { stream, revision }: Recorded): boolean => {
  const alarm = alarms.get(stream);
  return alarm !== undefined && revision >= alarm.revision;
};

const emptyDocument = (id: string): Document => ({ id, parts: {}, row: null, version: 0 });

const withPart = (plan: Plan, document: Document, name: string, state: PartState): Document => {
  if (document.parts[name]) return { ...document, parts: { ...document.parts, [name]: state } };
  // Declared order, whichever stream spoke first: the bytes must not tell how the streams interleaved.
  const parts: Record<string, PartState> = {};
  for (const known of plan.parts) {
    const there = known === name ? state : document.parts[known];
    if (there) parts[known] = there;
  }
  return { ...document, parts };
};

const quarantined = (before: PartState | undefined, event: Recorded, error: unknown): PartState => ({
  stream: before?.stream ?? event.stream,
  revision: before?.revision ?? NO_STREAM,
  state: before?.state,
  waiting: [event],
  error: messageOf(error),
});

/** The part after the event; undefined when the event is older than what the part has reached. */
const advanced = (plan: Plan, document: Document, { part: name, event }: Touch): PartState | undefined => {
  const before = document.parts[name];
  if (before?.waiting) {
    const last = before.waiting.findLast(({ stream }) => stream === event.stream) ?? before;
    if (last.stream === event.stream && event.revision <= last.revision) return undefined;
    return { ...before, waiting: [...before.waiting, event] };
  }
  if (before && before.stream === event.stream && event.revision <= before.revision) return undefined;
  try {
    if (before && before.stream !== event.stream)
      throw new Error(`part "${name}" of ${document.id} belongs to ${before.stream}, and ${event.stream} writes to it`);
    const state = plan.projection.parts[name]?.evolve(before?.state, event);
    // The text that is there already: one of a million events must not keep its own copy.
    return { stream: before ? before.stream : event.stream, revision: event.revision, state };
  } catch (error) {
    return quarantined(before, event, error);
  }
};

/** Folds one event into one document; the same document when the event is older than what its part has reached. */
const step = (plan: Plan, document: Document, touch: Touch): Document => {
  const state = advanced(plan, document, touch);
  return state ? withPart(plan, document, touch.part, state) : document;
};

/** A document in memory, and whether it differs from the stored one; mutable, since a rebuild folds millions of events. */
export type Held = {
  readonly id: string;
  parts: Record<string, PartState>;
  row: string | null;
  version: number;
  changed: boolean;
};

export const held = ({ id, parts, row, version }: Document): Held => ({ id, parts: { ...parts }, row, version, changed: false });

/** Folds the touches into the working set, rows left as they were; answers those that changed for the first time. */
export const foldInto = (plan: Plan, working: Map<string, Held>, touches: readonly Touch[]): readonly Held[] => {
  const changed: Held[] = [];
  for (const touch of touches)
    for (const id of touch.documents) {
      let document = working.get(id);
      if (!document) {
        document = held(emptyDocument(id));
        working.set(id, document);
      }
      const state = advanced(plan, document, touch);
      if (!state) continue;
      if (document.parts[touch.part]) document.parts[touch.part] = state;
      else document.parts = { ...withPart(plan, document, touch.part, state).parts };
      if (document.changed) continue;
      document.changed = true;
      changed.push(document);
    }
  return changed;
};

/**
 * The row of the parts, both as text. @throws what `row` throws, or TypeError for a state that is not JSON.
 * A document with a quarantined part keeps computing its row from what was folded before.
 */
export const encode = (plan: Plan, document: Document): Encoded => {
  const states: Record<string, unknown> = {};
  for (const [name, { state }] of Object.entries(document.parts)) states[name] = state;
  const row = plan.projection.row(states, document.id);
  if (row && row.id !== document.id) throw new Error(`the row of ${document.id} says that its id is ${row.id}`);
  const { id, parts, version } = document;
  return encoded({ id, parts, row: row ? JSON.stringify(row) : null, version });
};

const encoded = ({ id, parts, row, version }: Document): Encoded => {
  const flagged = Object.values(parts).some(({ waiting }) => waiting !== undefined);
  return { id, parts, row, version, partsText: JSON.stringify(parts), flagged };
};

/** Event by event, so that the one whose row cannot be computed is found and waits in its part. */
const encodeCarefully = (plan: Plan, before: Document, touches: readonly Touch[]): Encoded => {
  let document = before;
  for (const touch of touches) {
    const after = step(plan, document, touch);
    if (after === document) continue;
    try {
      document = after.parts[touch.part]?.waiting ? after : encode(plan, after);
    } catch (error) {
      document = withPart(plan, document, touch.part, quarantined(document.parts[touch.part], touch.event, error));
    }
  }
  return encoded(document);
};

/** `touches` are those of this document since `before`, in order. */
export const encodeFrom = (
  plan: Plan,
  before: Document | undefined,
  after: Document,
  touches: () => readonly Touch[],
): Encoded => {
  try {
    return encode(plan, after);
  } catch {
    return encodeCarefully(plan, before ?? emptyDocument(after.id), touches());
  }
};

/** Every document that the touches change, with its row. `loaded` holds those that exist. */
export const fold = (plan: Plan, loaded: ReadonlyMap<string, Document>, touches: readonly Touch[]): readonly Encoded[] => {
  const working = new Map([...loaded].map(([id, document]) => [id, held(document)]));
  return foldInto(plan, working, touches).map((document) => {
    const own = (): readonly Touch[] => touches.filter(({ documents }) => documents.includes(document.id));
    return encodeFrom(plan, loaded.get(document.id), document, own);
  });
};

/** The document with its waiting events folded again, each as `presently` gives it; what still cannot be folded waits on. */
export const foldWaiting = (
  plan: Plan,
  document: Document,
  presently: (event: Recorded) => Recorded = (event) => event,
): Encoded => {
  const touches: Touch[] = [];
  let before = document;
  for (const [name, part] of Object.entries(document.parts)) {
    const { waiting, error: _error, ...folded } = part;
    if (!waiting) continue;
    touches.push(...waiting.map((event) => ({ event: presently(event), part: name, documents: [document.id] })));
    before =
      folded.revision === NO_STREAM
        ? { ...before, parts: Object.fromEntries(Object.entries(before.parts).filter(([other]) => other !== name)) }
        : withPart(plan, before, name, folded);
  }
  touches.sort((a, b) => a.event.position - b.event.position);
  let after = before;
  for (const touch of touches) after = step(plan, after, touch);
  return encodeFrom(plan, before, after, () => touches);
};

export type Loaded = Readonly<{ documents: ReadonlyMap<string, Document>; heads: ReadonlyMap<StreamName, Revision> }>;
export type Projected = Readonly<{
  documents: readonly Encoded[];
  heads: ReadonlyMap<StreamName, Revision>;
  alarms: readonly Alarm[];
}>;

/** Folds a batch: the changed documents, the heads its streams have reached, and the streams that had to be stopped. */
export const project = (projection: Projection, events: readonly Recorded[], loaded: Loaded): Projected => {
  const plan = planOf(projection);
  const { touches, heads, alarms } = route(plan, events, (stream) => loaded.heads.get(stream) ?? NO_STREAM);
  return { documents: fold(plan, loaded.documents, touches), heads, alarms };
};
