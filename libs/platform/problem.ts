import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { DomainError, type FieldError, type Refusal } from '#libs/event-sourcing/domain-error';
import { RevisionConflict } from '#libs/event-sourcing/event-store';
import { StorageError } from '#libs/sqlite/storage-error';
import { errorCode } from './error-code.ts';
import { PreconditionRequired } from './caller.ts';

/** An error as the caller sees it; `headers` go with it. `ours`: not the caller's doing, so the cause belongs in the log. */
export type ProblemAnswer = Readonly<{
  status: number;
  code: string;
  detail: string;
  errors?: readonly FieldError[];
  headers?: Readonly<Record<string, string>>;
  ours: boolean;
}>;

/** 401; the reason why a token does not count is never told. */
export class Unauthenticated extends Error {
  override readonly name = 'Unauthenticated';

  constructor(
    readonly code = 'access-token-needed',
    message = 'Log in at /api/v1/auth/login and send the access token as "Authorization: Bearer …".',
  ) {
    super(message);
  }
}

/** 403. */
export class Forbidden extends Error {
  override readonly name = 'Forbidden';

  constructor(
    message: string,
    readonly code = 'not-permitted',
  ) {
    super(message);
  }
}

/** 405: the path is known, and takes other methods. */
export class MethodNotAllowed extends Error {
  override readonly name = 'MethodNotAllowed';

  constructor(
    method: string,
    readonly allowed: readonly string[],
  ) {
    super(`There is no ${method} here, but ${allowed.join(', ')}.`);
  }
}

/** 429. */
export class TooManyAttempts extends Error {
  override readonly name = 'TooManyAttempts';

  constructor(
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

const STATUS: Readonly<Record<Refusal, number>> = {
  invalid: 400,
  'not-found': 404,
  conflict: 409,
  stale: 412,
  rejected: 422,
  unavailable: 503,
};

/** Codes for what Fastify and Nest refuse before any of our code runs. */
const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  400: 'malformed-request',
  404: 'route-not-found',
  405: 'method-not-allowed',
  406: 'not-acceptable',
  408: 'request-timeout',
  413: 'body-too-large',
  414: 'path-too-long',
  415: 'unsupported-media-type',
  416: 'range-not-satisfiable',
  417: 'expectation-failed',
  431: 'headers-too-large',
};

const UNEXPECTED = 'Something went wrong on our side. It has been logged under the trace id.';

export const problemOf = (error: unknown): ProblemAnswer => {
  if (error instanceof DomainError) {
    return {
      status: STATUS[error.refusal],
      code: error.code,
      detail: error.message,
      ...(error.errors.length > 0 ? { errors: error.errors } : {}),
      ...(error.refusal === 'unavailable' ? { headers: { 'retry-after': '1' } } : {}),
      ours: error.refusal === 'unavailable',
    };
  }
  if (error instanceof Unauthenticated) {
    const headers = { 'www-authenticate': 'Bearer realm="tributary"' };
    return { status: 401, code: error.code, detail: error.message, headers, ours: false };
  }
  if (error instanceof Forbidden) return { status: 403, code: error.code, detail: error.message, ours: false };
  if (error instanceof PreconditionRequired)
    return { status: 428, code: 'if-match-required', detail: error.message, ours: false };
  if (error instanceof MethodNotAllowed) {
    const headers = { allow: error.allowed.join(', ') };
    return { status: 405, code: 'method-not-allowed', detail: error.message, headers, ours: false };
  }
  if (error instanceof TooManyAttempts) {
    const headers = { 'retry-after': String(error.retryAfterSeconds) };
    return { status: 429, code: 'too-many-attempts', detail: error.message, headers, ours: false };
  }
  if (error instanceof RevisionConflict) {
    return { status: 409, code: 'lost-race', detail: 'Another writer was faster. Read again and repeat.', ours: false };
  }
  if (error instanceof StorageError && error.fault === 'full') {
    return {
      status: 507,
      code: 'storage-full',
      detail: 'There is no room left on the disk; nothing of this request was stored. Repeat it once there is.',
      ours: true,
    };
  }
  if (error instanceof StorageError) {
    const detail = 'The storage cannot be used at present; nothing of this request was stored. The cause is in the logs.';
    return { status: 503, code: 'storage-unavailable', detail, headers: { 'retry-after': '1' }, ours: true };
  }
  if (error instanceof Error && MALFORMED_MULTIPART.has(error.message)) {
    const detail = 'The body is not well-formed multipart/form-data, or it ends too early.';
    return { status: 400, code: 'malformed-request', detail, ours: false };
  }
  return problemOfFramework(error) ?? { status: 500, code: 'internal-error', detail: UNEXPECTED, ours: true };
};

/** The multipart parser's errors have neither a class nor a code: what it says of a body that is none is all there is. */
const MALFORMED_MULTIPART: ReadonlySet<string> = new Set([
  'Multipart: Boundary not found',
  'Unexpected end of multipart data',
  'Part terminated early due to unexpected end of multipart data',
  'Preamble terminated early due to unexpected end of multipart data',
]);

/** A 4xx of Fastify or Nest carries a sentence made for the caller; anything else of theirs is a 500 like ours. */
const problemOfFramework = (error: unknown): ProblemAnswer | undefined => {
  const { status, code, message } = frameworkError(error);
  if (code === 'FST_ERR_HANDLER_TIMEOUT' || status === 503) {
    const detail = 'The answer took too long, or the platform is stopping. Try again.';
    return { status: 503, code: 'timed-out', detail, headers: { 'retry-after': '1' }, ours: true };
  }
  if (status === undefined || status < 400 || status > 499) return undefined;
  return { status, code: CODE_OF_STATUS[status] ?? 'malformed-request', detail: message, ours: false };
};

const frameworkError = (error: unknown): Readonly<{ status: number | undefined; code: string | undefined; message: string }> => {
  if (!(error instanceof Error)) return { status: undefined, code: undefined, message: '' };
  const code = errorCode(error);
  if (error instanceof HttpException) return { status: error.getStatus(), code, message: error.message };
  const status =
    'statusCode' in error && typeof error.statusCode === 'number' && isOfFastify(code, error) ? error.statusCode : undefined;
  return { status, code, message: error.message };
};

/** A body that is no JSON comes as SyntaxError with a status; everything else of Fastify's has an FST code. */
const isOfFastify = (code: string | undefined, error: Error): boolean =>
  code?.startsWith('FST_') === true || error instanceof SyntaxError;

/** RFC 9457. */
export const problemBody = (
  { status, code, detail, errors }: ProblemAnswer,
  traceId: string,
): Readonly<Record<string, unknown>> => ({
  type: `urn:tributary:problem:${code}`,
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
  code,
  ...(errors ? { errors } : {}),
  traceId,
});
