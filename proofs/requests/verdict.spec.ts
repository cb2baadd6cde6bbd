import { describe, expect, it } from '@jest/globals';
import { faultsBy, type OpenApi, type Route, routesOf } from './documented.ts';
import { type Came, verdict } from './verdict.ts';

const problem = {
  content: {
    'application/problem+json': { schema: { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] } },
  },
};
const thing = {
  type: 'object',
  properties: {
    id: { type: 'string', format: 'uuid' },
    amount: { type: 'number' },
    within: { type: 'object', properties: { at: { type: 'string', format: 'date-time' } }, required: ['at'] },
  },
  required: ['id'],
};
const document: OpenApi = {
  paths: {
    '/things/{id}': {
      get: {
        operationId: 'thing',
        responses: {
          200: {
            headers: { ETag: {} },
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
          },
          404: problem,
          503: problem,
        },
      },
      delete: { operationId: 'drop', responses: { 204: {}, 500: problem } },
    },
  },
  components: { schemas: { Thing: thing } },
};
const [get, drop] = routesOf(document) as [Route, Route];
const faults = faultsBy(document);

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
const PROBLEM_TYPE = { 'content-type': 'application/problem+json' };
const id = '5f0c3a52-6a5c-4a57-9c6e-0d2f8a1b7c3d';
const good: Came = { status: 200, headers: { ...JSON_TYPE, etag: '"1"' }, text: JSON.stringify({ id, amount: 1 }) };
const judged = (came: Partial<Came>, route = get): string => verdict(route, { ...good, ...came }, faults);
const body = (value: unknown): Partial<Came> => ({ text: JSON.stringify(value) });

describe('the verdict on an answer', () => {
  it('finds nothing wrong with what the document says', () => {
    expect(judged({})).toBe('');
    expect(judged({ status: 404, headers: PROBLEM_TYPE, ...body({ code: 'gone' }) })).toBe('');
    expect(judged({ status: 204, headers: {}, text: '' }, drop)).toBe('');
  });

  it('takes a documented 503 for an answer like any other, and never a 500', () => {
    const failed = { headers: PROBLEM_TYPE, ...body({ code: 'x' }) };
    expect(judged({ status: 503, ...failed })).toBe('');
    expect(judged({ status: 503, ...failed }, drop)).toBe('answers 503');
    expect(judged({ status: 500, ...failed })).toBe('answers 500');
    expect(judged({ status: 500, ...failed }, drop)).toBe('answers 500');
  });

  it.each([
    ['a status that nobody documented', { status: 418 }, 'answers 418, which is not documented'],
    ['a header that is missing', { headers: JSON_TYPE }, 'answers 200 without the header ETag'],
    [
      'another media type',
      { headers: { ...good.headers, 'content-type': 'text/html' } },
      'as "text/html", which is not documented',
    ],
    ['a refusal that is no problem', { status: 404, headers: JSON_TYPE }, 'instead of application/problem+json'],
    ['a body that is no JSON', { text: '{' }, 'with a body that is no JSON'],
    ['a field that is missing', body({ amount: 1 }), "must have required property 'id'"],
    ['a field of another type', body({ id, amount: '1' }), '/amount must be number'],
    ['a field of another format', body({ id: '1' }), '/id must match format'],
    ['a field that nobody documented', body({ id, secret: 1 }), 'must NOT have additional properties'],
    ['a field further in', body({ id, within: { at: 'yesterday' } }), '/within/at must match format'],
  ])('finds %s', (_, came, found) => {
    expect(judged(came)).toContain(found);
  });

  it('finds a body where none is documented', () => {
    expect(judged({ status: 204, headers: JSON_TYPE, text: '{}' }, drop)).toBe(
      'answers 204 with a body, which is not documented',
    );
  });
});
