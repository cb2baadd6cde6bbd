import { type Faults, type Route } from './documented.ts';

/** An answer as it came over the wire. */
export type Came = Readonly<{
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
  /** As they came, where that is no text. */
  bytes?: Buffer;
}>;

const PROBLEM = 'application/problem+json';

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * What is wrong with an answer by the documents of its route: a failure of the platform's own, a status, header, media type or field
 * that is not described. Empty when nothing is. A 503 that the route documents is an answer like any other.
 */
export const verdict = ({ operation }: Route, { status, headers, text }: Came, faults: Faults): string => {
  if (status === 500 || (status > 500 && !operation.responses[String(status)])) return `answers ${String(status)}`;
  const response = operation.responses[String(status)];
  if (!response) return `answers ${String(status)}, which is not documented`;
  for (const name of Object.keys(response.headers ?? {}))
    if (headers[name.toLowerCase()] === undefined) return `answers ${String(status)} without the header ${name}`;
  if (!response.content) return text === '' ? '' : `answers ${String(status)} with a body, which is not documented`;
  const mediaType = String(headers['content-type'] ?? '').replace(/;.*/, '');
  if (status >= 400 && mediaType !== PROBLEM && !response.content[mediaType])
    return `answers ${String(status)} as "${mediaType}" instead of ${PROBLEM}`;
  const schema = response.content[mediaType]?.schema;
  if (!schema) return `answers ${String(status)} as "${mediaType}", which is not documented`;
  const isJson = /^application\/(.+\+)?json$/.test(mediaType);
  const body = isJson ? parsed(text) : text;
  if (isJson && body === undefined) return `answers ${String(status)} with a body that is no JSON`;
  const wrong = faults(schema, body);
  return wrong === '' ? '' : `answers ${String(status)} outside its schema: ${wrong}`;
};
