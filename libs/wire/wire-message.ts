import {
  type Category,
  categoryOf,
  type CommandId,
  type Metadata,
  type Principal,
  type Recorded,
  type StreamName,
  WAYS_OF_ACTING,
} from '#libs/event-sourcing/event';
import { type Instant } from '#libs/time/time';
import { publicEventNamed, publicEventOf, serviceOf } from './events.ts';

/** An event as a message on the bus: a CloudEvent 1.0 in binary mode, its data in Protobuf. `key` is the stream. */
export type WireMessage = Readonly<{ key: string; headers: Readonly<Record<string, string>>; value: Buffer }>;

/** What a client of the bus hands over. */
type Received = Readonly<{
  headers: Readonly<Record<string, string | Buffer | (string | Buffer)[] | undefined>>;
  value: Buffer | null;
}>;

const CONTENT_TYPE = 'application/protobuf';

/**
 * The hash of the command's body stays in the log.
 * @throws Error naming type, stream and revision for an event that is not public, or whose data its message cannot hold.
 */
export const encode = (event: Recorded, logId: string): WireMessage => {
  const { type, data, stream, revision, position, eventId, metadata } = event;
  const category = categoryOf(stream);
  const published = publicEventOf(category, type);
  if (!published) throw new Error(`${nameOf(event)} is no public event.`);
  try {
    const bytes = published.codec.encode(data);
    const { commandId, principal, tenant, time, traceparent } = metadata;
    return {
      key: stream,
      headers: {
        'content-type': CONTENT_TYPE,
        ce_specversion: '1.0',
        ce_id: eventId,
        ce_source: sourceOf(category),
        ce_type: published.name,
        ce_subject: stream,
        ce_time: time,
        ce_revision: String(revision),
        ce_position: String(position),
        ce_logid: logId,
        ce_commandid: commandId,
        ...headersOf(principal),
        ...(tenant === null ? {} : { ce_tenant: tenant }),
        ...(traceparent === undefined ? {} : { ce_traceparent: traceparent }),
      },
      value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    };
  } catch (error) {
    throw new Error(`${nameOf(event)} cannot be published: ${reasonOf(error)}.`, { cause: error });
  }
};

/**
 * The event as it was appended, but for its body's hash, which is empty; and the log that it comes from.
 * @throws Error naming type, stream and revision, as far as the message has them, for an unknown type and a broken value.
 */
export const decode = ({ headers, value }: Received): Readonly<{ event: Recorded; logId: string }> => {
  try {
    const name = textOf(headers, 'ce_type');
    const published = publicEventNamed(name);
    if (!published) throw new Error(`the type ${name} is not known here`);
    const contentType = textOf(headers, 'content-type');
    if (contentType !== CONTENT_TYPE) throw new Error(`its content-type is ${contentType}, not ${CONTENT_TYPE}`);
    if (value === null) throw new Error('it has no value');
    const event: Recorded = {
      type: published.type,
      data: published.codec.decode(value),
      stream: textOf(headers, 'ce_subject') as StreamName,
      revision: countOf(headers, 'ce_revision'),
      position: countOf(headers, 'ce_position'),
      eventId: textOf(headers, 'ce_id'),
      metadata: metadataOf(headers),
    };
    return { event, logId: textOf(headers, 'ce_logid') };
  } catch (error) {
    const [type, stream, revision] = ['ce_type', 'ce_subject', 'ce_revision'].map((header) => shownOf(headers, header));
    throw new Error(`${type} (${stream}, revision ${revision}) cannot be read: ${reasonOf(error)}.`, { cause: error });
  }
};

const metadataOf = (headers: Received['headers']): Metadata => {
  const traceparent = optionalText(headers, 'ce_traceparent');
  return {
    commandId: textOf(headers, 'ce_commandid') as CommandId,
    bodyHash: '',
    principal: principalIn(headers),
    tenant: optionalText(headers, 'ce_tenant') ?? null,
    time: textOf(headers, 'ce_time') as Instant,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
};

const headersOf = ({ id, onBehalfOf, actor, via, home }: Principal): Readonly<Record<string, string>> => ({
  ce_principalid: id,
  ...(onBehalfOf === undefined ? {} : { ce_onbehalfof: onBehalfOf }),
  ...(actor === undefined ? {} : { ce_actorid: actor.id }),
  ...(actor?.reason === undefined ? {} : { ce_actorreason: actor.reason }),
  ...(via === undefined ? {} : { ce_via: via }),
  ...(home === undefined ? {} : { ce_home: home }),
});

const principalIn = (headers: Received['headers']): Principal => {
  const [onBehalfOf, actorId, reason, said, home] = ['onbehalfof', 'actorid', 'actorreason', 'via', 'home'].map((name) =>
    optionalText(headers, `ce_${name}`),
  );
  const via = WAYS_OF_ACTING.find((way) => way === said);
  if (said !== undefined && via === undefined) throw new Error(`its header ce_via is "${said}", which is not known here`);
  return {
    id: textOf(headers, 'ce_principalid'),
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    ...(actorId === undefined ? {} : { actor: { id: actorId, ...(reason === undefined ? {} : { reason }) } }),
    ...(via === undefined ? {} : { via }),
    ...(home === undefined ? {} : { home }),
  };
};

const sourceOf = (category: Category): string => `/tributary/${serviceOf(category)}`;

const optionalText = (headers: Received['headers'], name: string): string | undefined => {
  const header = headers[name];
  if (Array.isArray(header)) throw new Error(`it has the header ${name} more than once`);
  return header?.toString();
};

const textOf = (headers: Received['headers'], name: string): string => {
  const text = optionalText(headers, name);
  if (text === undefined) throw new Error(`it has no header ${name}`);
  return text;
};

const countOf = (headers: Received['headers'], name: string): number => {
  const text = textOf(headers, name);
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new Error(`its header ${name} is "${text}", no number`);
  return count;
};

const shownOf = (headers: Received['headers'], name: string): string => headers[name]?.toString() ?? `no ${name}`;

const nameOf = ({ type, stream, revision }: Recorded): string => `${type} (${stream}, revision ${String(revision)})`;

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message.replace(/\.$/, '') : String(error));
