import fc from 'fast-check';
import { type OpenApi, type Parameter, parametersIn, type Route, type Schema } from './documented.ts';
import { type Json, type Memory, type Parameters } from './memory.ts';
import { mutated, odd, oddText, valuesOf } from './values.ts';

/** As it goes over the wire. `given` is the body where it is JSON; `who` sends it. */
export type Sent = Readonly<{
  who: string;
  method: string;
  parameters: Parameters;
  address: string;
  query: readonly (readonly [name: string, value: string])[];
  headers: Readonly<Record<string, string>>;
  body?: string | Buffer;
  given?: Json;
}>;

const BOUNDARY = 'requests-boundary';
const weighted = <T>(...of: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
  fc.oneof(...of.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** Half a character has no UTF-8: what is asked for is what can be sent. */
const segment = (text: string): string => encodeURIComponent(Buffer.from(text).toString());
const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

const addressOf = ({ path }: Pick<Route, 'path'>, parameters: Parameters): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => segment(parameters[name] ?? ''));

const placesOf = ({ path, operation }: Route, document: OpenApi, memory: Memory): fc.Arbitrary<Parameters> => {
  const names = parametersIn(path);
  if (names.length === 0) return fc.constant({});
  const schemas = new Map((operation.parameters ?? []).map((parameter) => [parameter.name, parameter.schema ?? {}]));
  const made = fc.record(
    Object.fromEntries(names.map((name) => [name, valuesOf(schemas.get(name) ?? {}, name, document, memory).map(asText)])),
  );
  const awry = fc.record(Object.fromEntries(names.map((name) => [name, oddText.map((text) => text.slice(0, 2_000) || ' ')])));
  const places = memory.places(path);
  if (places.length === 0) return weighted([6, made], [1, awry]);
  const known = fc.constantFrom(...places);
  const crossed = fc.tuple(known, known).map(([one, other]) => ({ ...one, [names[0] ?? '']: other[names[0] ?? ''] ?? '' }));
  const partly = fc
    .tuple(known, made, fc.constantFrom(...names))
    .map(([one, other, name]) => ({ ...one, [name]: other[name] ?? '' }));
  return weighted([14, known], [2, crossed], [2, partly], [1, made], [1, awry]);
};

const queriesOf = (parameters: readonly Parameter[], document: OpenApi, memory: Memory): fc.Arbitrary<Sent['query']> => {
  const each = parameters.map(({ name, schema = {}, required = false }) => {
    const valid = valuesOf(schema, name, document, memory).map(asText);
    const value = name === 'cursor' && memory.cursors.length > 0 ? fc.oneof(fc.constantFrom(...memory.cursors), oddText) : valid;
    const sort = fc.constantFrom('name', '-name', 'id', 'month', '-month', 'name,-id', '-', ',', 'constructor', 'name,name');
    const used = name === 'sort' ? fc.oneof(sort, valid) : value;
    const sane = used.map((text) => [[name, text]] as Sent['query']);
    const wrong = fc.tuple(odd.map(asText), fc.boolean()).map(([text, twice]): Sent['query'] => {
      const cut = text.slice(0, 3_000);
      return twice
        ? [
            [name, cut],
            [name, cut],
          ]
        : [[name, cut]];
    });
    return required
      ? weighted([12, sane], [1, wrong], [1, fc.constant([])])
      : weighted([14, fc.constant([])], [4, sane], [1, wrong]);
  });
  const extra = weighted<Sent['query']>([24, fc.constant([])], [1, oddText.map((text) => [[text.slice(0, 30), 'x']])]);
  return fc.tuple(...each, extra).map((parts) => parts.flat());
};

const asHeader = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1_000);

/** Each a field or none at all. */
const headersOf = (route: Route, memory: Memory, address: string): fc.Arbitrary<Readonly<Record<string, string>>> => {
  const none = fc.constant<Readonly<Record<string, string>>>({});
  const each = (route.operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'header')
    .map(({ name }) => {
      const field = (values: fc.Arbitrary<string>) => values.map((value) => ({ [name.toLowerCase()]: value }));
      const wrong = field(oddText.map(asHeader));
      if (name === 'If-Match') {
        const tag = memory.tag(address) ?? '"0"';
        const tags = field(weighted([6, fc.constant(tag)], [1, fc.constantFrom('*', '"999"', 'W/"1"', '"1", "2"', '"-1"', '3')]));
        return weighted([2, none], [6, tags], [1, wrong]);
      }
      if (name === 'Idempotency-Key') {
        const keys = field(weighted([3, fc.uuid()], [1, fc.constantFrom('a', 'b', 'c', 'k'.repeat(255), 'k'.repeat(256))]));
        return weighted([4, none], [4, keys], [1, wrong]);
      }
      return weighted([1, none], [1, wrong]);
    });
  const odds = weighted(
    [30, none],
    [1, oddText.map((text) => ({ traceparent: asHeader(text) }))],
    [1, fc.constantFrom('text/html', '*/*;q=0', ';;', 'application/xml').map((accept) => ({ accept }))],
  );
  return fc.tuple(...each, odds).map((fields) => Object.assign({}, ...fields) as Readonly<Record<string, string>>);
};

type Body = Readonly<{ body?: string; given?: Json; headers: Readonly<Record<string, string>> }>;

const JSON_TYPE = { 'content-type': 'application/json' };
const jsonBody = (given: Json): Body => ({ body: JSON.stringify(given), given, headers: JSON_TYPE });

/** Bodies that are not what they say, or that nobody asked for. */
const unreadable: fc.Arbitrary<Body> = fc.oneof(
  fc
    .constantFrom('{', '{"a":', '[1,', '"', 'undefined', '{a:1}', "{'a':1}", '{"a":1}{"b":2}', '\u0000', '{"a":1e999}', 'nul')
    .map((body) => ({ body, headers: JSON_TYPE })),
  fc
    .constantFrom('text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'nonsense', 'multipart/form-data', '')
    .map((type) => ({ body: '{"a":1}', headers: { 'content-type': type } })),
  fc.constantFrom<Body>(
    { headers: {} },
    { headers: JSON_TYPE },
    { body: '{}', headers: {} },
    { body: '{"a":'.repeat(200) + '1' + '}'.repeat(200), headers: JSON_TYPE },
    { body: JSON.stringify('x'.repeat(1_200_000)), headers: JSON_TYPE },
    { body: '{"name":"a","name":{"name":1}}', headers: JSON_TYPE },
  ),
);

const part = (name: string, content: string, file?: string): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file === undefined ? '' : `; filename="${file}"`}\r\n\r\n${content}\r\n`;

/** One file, as it is. */
export const uploadOf = (
  name: string,
  content: Buffer,
): Readonly<{ body: Buffer; headers: Readonly<Record<string, string>> }> => ({
  body: Buffer.concat([
    Buffer.from(part(name, '', 'file').slice(0, -'\r\n'.length)),
    content,
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]),
  headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
});

const uploads = (files: readonly string[]): fc.Arbitrary<Body> => {
  const file = fc
    .tuple(fc.constantFrom('files', 'files', 'files', 'file', '__proto__'), fc.constantFrom(...files, '', 'a,b\n1'), oddText)
    .map(([name, content, odd]) => part(name, content, `${odd.replace(/["\r\n\0]/g, '').slice(0, 50)}.csv`));
  const format = fc.constantFrom('auto', 'focus', 'aws-cur', 'FOCUS', '').map((value) => part('format', value));
  const expected = fc
    .constantFrom('[]', '{', 'null', '[null]', '[{"managementAccountId":"1","month":"2026-01"}]', '[{"month":5}]')
    .map((value) => part('expected', value));
  const end = fc.constantFrom(`--${BOUNDARY}--\r\n`, `--${BOUNDARY}--\r\n`, `--${BOUNDARY}--\r\n`, `--${BOUNDARY}`, '');
  const optional = (parts: fc.Arbitrary<string>): fc.Arbitrary<string> => weighted([2, parts], [3, fc.constant('')]);
  const mixed = fc
    .tuple(optional(format), optional(expected), fc.array(file, { minLength: 0, maxLength: 3 }), end)
    .map(([first, second, rest, last]) => `${first}${second}${rest.join('')}${last}`);
  const plain = fc
    .constantFrom(...files)
    .map((content) => `${part('format', 'focus')}${part('files', content, 'usage.csv')}--${BOUNDARY}--\r\n`);
  return weighted([2, plain], [3, mixed]).map((body) => ({
    body,
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
  }));
};

const bodiesOf = (route: Route, document: OpenApi, memory: Memory, files: readonly string[]): fc.Arbitrary<Body> => {
  const content = route.operation.requestBody?.content;
  const nothing = fc.constant<Body>({ headers: {} });
  if (!content) return route.method === 'GET' ? nothing : weighted([15, nothing], [1, odd.map(jsonBody)], [1, unreadable]);
  if (content['multipart/form-data']) return weighted([12, uploads(files)], [1, unreadable], [1, odd.map(jsonBody)]);
  const made = valuesOf((content['application/json']?.schema ?? {}) as Schema, '', document, memory);
  const bodies = memory.bodies(route.operation.operationId);
  const valid = bodies.length === 0 ? made : weighted([1, fc.constantFrom(...bodies)], [1, made]);
  return weighted([7, valid.map(jsonBody)], [6, mutated(valid).map(jsonBody)], [1, odd.map(jsonBody)], [1, unreadable]);
};

/** Requests of one route by one caller: valid ones, and ones with something wrong anywhere. */
export const requestsOf = (
  route: Route,
  callers: readonly string[],
  document: OpenApi,
  memory: Memory,
  files: readonly string[],
): fc.Arbitrary<Sent> => {
  const query = (route.operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
  // Most requests by those who may do most, or little would get past the guard.
  const who = fc.constantFrom(
    ...callers.flatMap((name, index) => Array<string>(index === 0 ? 6 : index === 1 ? 2 : 1).fill(name)),
  );
  return fc
    .tuple(placesOf(route, document, memory), queriesOf(query, document, memory), bodiesOf(route, document, memory, files), who)
    .chain(([parameters, asked, { headers, ...body }, name]) => {
      const address = addressOf(route, parameters);
      return headersOf(route, memory, address).map((fields) => ({
        who: name,
        method: route.method,
        parameters,
        address,
        query: asked,
        headers: { ...fields, ...headers },
        ...body,
      }));
    });
};

export const urlOf = ({ address, query }: Pick<Sent, 'address' | 'query'>): string => {
  if (query.length === 0) return address;
  return `${address}?${query.map(([name, value]) => `${segment(name)}=${segment(value)}`).join('&')}`;
};

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** For a person's shell; `$TOKEN` is the caller's. */
export const curlOf = (sent: Sent, url: string): string =>
  [
    `curl -i -X ${sent.method} ${quoted(url + urlOf(sent))}`,
    ...(sent.who === 'nobody' ? [] : ['-H "Authorization: Bearer $TOKEN"']),
    ...Object.entries(sent.headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(sent.body === undefined ? [] : [`--data-binary ${quoted(sent.body.toString())}`]),
  ].join(' ');

/** The same with one thing less, each way there is. */
export const smaller = function* (sent: Sent): Generator<Sent> {
  for (const [index] of sent.query.entries()) yield { ...sent, query: sent.query.filter((_, other) => other !== index) };
  for (const name of Object.keys(sent.headers))
    if (name !== 'content-type')
      yield { ...sent, headers: Object.fromEntries(Object.entries(sent.headers).filter(([other]) => other !== name)) };
  if (sent.given === undefined) return;
  for (const given of lesser(sent.given)) yield { ...sent, given, body: JSON.stringify(given) };
};

const lesser = function* (value: Json): Generator<Json> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    if (items.length > 3) yield items.slice(0, Math.floor(items.length / 2));
    for (const [index, item] of items.slice(0, 5).entries()) {
      yield items.filter((_, other) => other !== index);
      for (const less of lesser(item)) yield items.map((other, at) => (at === index ? less : other));
    }
    return;
  }
  const fields = Object.entries(value);
  for (const [name, field] of fields) {
    yield Object.fromEntries(fields.filter(([other]) => other !== name));
    for (const less of lesser(field))
      yield Object.fromEntries(fields.map(([other, kept]) => [other, other === name ? less : kept]));
  }
};
