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

/** How somebody came to act as they did, where it was not simply as themselves. */
export const WAYS_OF_ACTING = ['switch', 'impersonation', 'delegated', 'key'] as const;
export type WayOfActing = (typeof WAYS_OF_ACTING)[number];

/** Who acted. */
export type Principal = Readonly<{
  /** The user (or service account, or part of the platform) whose powers were used. */
  id: string;
  /** The tenant whose context a user of an upstream tenant had switched into. */
  onBehalfOf?: string;
  /** The real person, where somebody acted as another user, and why they did. */
  actor?: Readonly<{ id: string; reason?: string }>;
  via?: WayOfActing;
  /** The tenant as whose user the real person acted, where it is not the one that the command is about. */
  home?: string;
}>;

/** The person behind an action: who a log names first. */
export const personOf = ({ id, actor }: Principal): string => actor?.id ?? id;

export type Metadata = Readonly<{
  commandId: CommandId;
  /** SHA-256 of the command's body: the same key with another body is refused. */
  bodyHash: string;
  principal: Principal;
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
