import { type Brand } from '#libs/brand';
import { type Instant } from '#libs/time/time';

/** What may stand in an event: JSON values only. `Date`, `bigint` and `Map` would not survive the store. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue | undefined };

/** A fact. `type` is the storage format: never derive it from a class name. */
export type DomainEvent<Type extends string = string, Data = unknown> = Readonly<{ type: Type; data: Data }>;

/** `<service>.<aggregateInCamelCase>-<id>`. */
export type StreamName = Brand<string, 'StreamName'>;

/** The part of a stream name before its id: `<service>.<aggregateInCamelCase>`. */
export type Category = Brand<string, 'Category'>;

/** Number of an event within its stream, from 0. `NO_STREAM` stands for "before the first". */
export type Revision = number;
export const NO_STREAM: Revision = -1;

/** Place of an event in its log's total order, growing, not always by one; 0 is before the first. Positions of different logs do not compare. */
export type Position = number;

export type CommandId = Brand<string, 'CommandId'>;

/** Who acted. `onBehalfOf` is the tenant whose context a user of an upstream tenant had switched into. */
type Actor = Readonly<{ id: string; onBehalfOf?: string }>;

export type Metadata = Readonly<{
  commandId: CommandId;
  /** SHA-256 of the command's body: the same key with another body is refused. */
  bodyHash: string;
  principal: Actor;
  /** The tenant the command was about; null for the platform itself. */
  tenant: string | null;
  /** Business time of the decision. */
  time: Instant;
  traceparent?: string;
}>;

/** An event as the store gives it back. */
export type Recorded<E extends DomainEvent = DomainEvent> = E &
  Readonly<{ stream: StreamName; revision: Revision; position: Position; eventId: string; metadata: Metadata }>;

export const streamName = (category: Category, id: string): StreamName => `${category}-${id}` as StreamName;

/** A service's name may hold a `-`, an aggregate's may not (camel case), an id may: the first `-` after the first `.` ends the category. */
const categoryEnd = (stream: StreamName): number => stream.indexOf('-', stream.indexOf('.'));

export const categoryOf = (stream: StreamName): Category => stream.slice(0, categoryEnd(stream)) as Category;

export const idOf = (stream: StreamName): string => stream.slice(categoryEnd(stream) + 1);
