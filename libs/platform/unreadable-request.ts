import { STATUS_CODES } from 'node:http';
import { problemBody } from './problem.ts';
import { securityHeaders } from './security-headers.ts';

/** What is no HTTP request at all gets its problem document, too; there is no request whose reply could carry it. */
export const refusalOfUnreadable = (code: string | undefined): string => {
  const problem =
    code === 'HPE_HEADER_OVERFLOW'
      ? { status: 431, code: 'headers-too-large', detail: 'Address and headers are longer than 16 KiB.', ours: false }
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? { status: 408, code: 'request-timeout', detail: 'The request did not arrive in time.', ours: false }
        : { status: 400, code: 'malformed-request', detail: 'This is no HTTP request.', ours: false };
  const body = JSON.stringify(problemBody(problem, ''));
  return [
    `HTTP/1.1 ${String(problem.status)} ${STATUS_CODES[problem.status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    ...Object.entries(securityHeaders('/')).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');
};
