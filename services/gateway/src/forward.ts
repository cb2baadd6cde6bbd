import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type IncomingHttpHeaders } from 'node:http';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { type FastifyReplyFromHooks } from '@fastify/reply-from';
import { errorCode } from '#libs/platform/error-code';
import { type ProblemAnswer } from '#libs/platform/problem';
import { formatTraceparent, type Trace } from '#libs/platform/trace';
import { type Instance, type Instances } from './instances.ts';

/** Milliseconds that a service may take, to begin its answer and from one piece of it to the next. */
export type Patience = Readonly<{ usualMs: number; longMs: number }>;

export type Forwarded = Readonly<{
  instances: Instances;
  /** Where the service has it; the query goes along. */
  path: string;
  trace: Trace;
  patience: Patience;
  refuse: (problem: ProblemAnswer) => void;
}>;

/** A keyed command whose body is no longer is kept until it is answered: it can be said again to another process. */
const KEPT_BODY_BYTES = 1_048_576;

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** RFC 9110, 7.6.1: they concern one connection. `expect` has been answered by the time anything is passed on. */
const OF_ONE_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
];

/** The request has not left this process when it fails so. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const TOO_LATE: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** Fastify's parser of bodies: a stream, unless the request may have to be said again. */
export const bodyOf = async (request: FastifyRequest, body: Readable): Promise<Readable | Buffer> =>
  isKeyed(request) && Number(request.headers['content-length'] ?? Infinity) <= KEPT_BODY_BYTES ? buffer(body) : body;

const isKeyed = ({ headers }: FastifyRequest): boolean => headers['idempotency-key'] !== undefined && !isUpload(headers);

const isUpload = (headers: IncomingHttpHeaders): boolean => headers['content-type']?.startsWith('multipart/') === true;

/**
 * Passes a request on to one of the service's processes and its answer back, both as they come. What surely was not begun, or may be
 * repeated without harm, goes to the next process when the connection fails; anything else is refused with what is known.
 */
export const forward = (request: FastifyRequest, reply: FastifyReply, forwarded: Forwarded): void => {
  const { instances, path, patience, refuse } = forwarded;
  const { body, headers, method, raw } = request;
  const tried = new Set<Instance>();
  const repeatable = SAFE.has(method) || (isKeyed(request) && !(body instanceof Readable));
  const timeout = isUpload(headers) || path.startsWith('/api/v1/operations/') ? patience.longMs : patience.usualMs;
  let broken = 0;

  const failed = (instance: Instance, error: Error): void => {
    // The caller has gone.
    if (reply.raw.destroyed) return;
    const code = errorCode(error.cause) ?? errorCode(error) ?? '';
    if (TOO_LATE.has(code)) return refuse(tooLate(instances));
    const neverSent = NEVER_SENT.has(code);
    if (neverSent) instances.passOver(instance);
    else broken += 1;
    const again = neverSent && broken === 0 ? !(body instanceof Readable && raw.readableDidRead) : repeatable;
    // A connection kept open may have been closed by the other side just then: once more even where there is no other process.
    const next = again ? (instances.next(tried) ?? (!neverSent && broken === 1 ? instance : undefined)) : undefined;
    if (next) send(next);
    else refuse(broken === 0 || SAFE.has(method) ? unavailable(instances) : unknownOutcome(instances));
  };

  const send = (instance: Instance): void => {
    tried.add(instance);
    // Lent, since a failed attempt destroys what it was given.
    if (body instanceof Readable) request.body = Readable.from(body.iterator({ destroyOnReturn: false }), { objectMode: false });
    const options: FastifyReplyFromHooks = {
      getUpstream: () => instance.url,
      timeout,
      rewriteRequestHeaders: (_, given) => requestHeaders(given, forwarded.trace, request),
      rewriteHeaders: withoutConnection,
      onError: (_, { error }) => {
        failed(instance, error);
      },
      ...(Buffer.isBuffer(body) ? { body, contentType: headers['content-type'] ?? 'application/octet-stream' } : {}),
    };
    try {
      reply.from(path, options);
    } catch {
      refuse({ status: 400, code: 'malformed-request', detail: 'This is no path of the API.', ours: false });
    }
  };

  const first = instances.next();
  if (first) send(first);
  else refuse(unavailable(instances));
};

const withoutConnection = <Headers extends IncomingHttpHeaders>(headers: Headers): Headers => {
  const kept = { ...headers };
  const named = [headers.connection ?? []].flat().flatMap((names) => names.toLowerCase().split(','));
  for (const name of [...OF_ONE_CONNECTION, ...named]) Reflect.deleteProperty(kept, name.trim());
  return kept;
};

const requestHeaders = (
  headers: IncomingHttpHeaders,
  trace: Trace,
  { ip, method }: Pick<FastifyRequest, 'ip' | 'method'>,
): IncomingHttpHeaders => {
  // Who asks, as far as this process knows; whatever else the caller said of it is theirs to say.
  const kept = { ...withoutConnection(headers), traceparent: formatTraceparent(trace), 'x-forwarded-for': ip };
  // Their bodies, which mean nothing, have not been read.
  if (SAFE.has(method)) Reflect.deleteProperty(kept, 'content-length');
  return kept;
};

const SOON = { 'retry-after': '1' };

const unavailable = ({ service }: Instances): ProblemAnswer => ({
  status: 503,
  code: 'service-unavailable',
  detail: `No process of ${service} answers at present; nothing was done. Try again.`,
  headers: SOON,
  ours: true,
});

const unknownOutcome = ({ service }: Instances): ProblemAnswer => ({
  status: 502,
  code: 'connection-lost',
  detail:
    `The connection to ${service} broke before it answered: whether the request was carried out is not known. ` +
    'Said again with the same Idempotency-Key it is carried out once.',
  headers: SOON,
  ours: true,
});

const tooLate = ({ service }: Instances): ProblemAnswer => ({
  status: 504,
  code: 'timed-out',
  detail: `${service} took too long to answer: whether the request was carried out is not known.`,
  ours: true,
});
