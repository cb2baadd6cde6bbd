import { describe, expect, it } from '@jest/globals';
import { type TenantId } from '#libs/published/ids';
import { type Key, keysOf, unusedLike } from './keys.ts';
import { type Came, faultOf, marksIn } from './matrix.ts';
import { listOf, routesOf } from './routes.ts';

const came = (status: number, code?: string, text = ''): Came => ({ status, code, text });
const notFound = came(404, 'tenant-not-found', '{}');

describe('an answer about a tenant', () => {
  it('is right where it is what the policy says', () => {
    expect(faultOf('allowed', came(200), notFound)).toBeUndefined();
    expect(faultOf('allowed', came(400, 'invalid'), notFound)).toBeUndefined();
    expect(faultOf('allowed', came(404, 'contract-not-found'), notFound)).toBeUndefined();
    expect(faultOf('denied', came(403, 'not-permitted'), notFound)).toBeUndefined();
    expect(faultOf('hidden', notFound, notFound)).toBeUndefined();
  });

  it('is a fault where it is not', () => {
    expect(faultOf('allowed', came(403), notFound)).toMatch('refused, though allowed');
    expect(faultOf('allowed', notFound, notFound)).toMatch('refused, though allowed');
    expect(faultOf('denied', came(200), notFound)).toMatch('though denied');
    expect(faultOf('denied', notFound, notFound)).toMatch('though denied');
    expect(faultOf('hidden', came(200), notFound)).toMatch('though hidden');
    expect(faultOf('hidden', came(403), notFound)).toMatch('though hidden');
    expect(faultOf(undefined, came(500), undefined)).toMatch('failure');
  });

  it('tells that a tenant is there where it differs in anything from one about none', () => {
    expect(faultOf('hidden', came(404, 'tenant-not-found', '{"more":1}'), notFound)).toMatch('not answered like');
  });

  it('leaks a tenant that it names, in whatever case, or whose id it has', () => {
    const tenants = [
      { mark: 'Qdist', id: 'd1' as TenantId },
      { mark: 'Qsibl', id: 's1' as TenantId },
    ];
    expect(marksIn('{"email":"qdist.user1@example.com"}', tenants)).toEqual(['Qdist']);
    expect(marksIn('{"id":"s1"}', tenants)).toEqual(['Qsibl']);
    expect(marksIn('{"name":"Qcust"}', tenants)).toEqual([]);
  });
});

describe('what somebody calls things by', () => {
  const keys = keysOf('Qdist', 100_000_000_000);
  it('has counterparts of the same length that nobody has', () => {
    const unused = unusedLike(keys);
    for (const [kind, value] of Object.entries(unused)) {
      expect(value).toHaveLength(keys[kind as Key].length);
      expect(Object.values(keys)).not.toContain(value);
    }
  });
});

describe('the routes of the document', () => {
  const [route] = routesOf({
    paths: {
      '/api/v1/tenants/{tenantId}/things/{thingId}': {
        get: {
          parameters: [
            { name: 'tenantId', in: 'path' },
            { name: 'thingId', in: 'path' },
            { name: 'ownerId', in: 'query', schema: { format: 'uuid' } },
            { name: 'cursor', in: 'query', schema: { type: 'string' } },
            { name: 'email', in: 'query', schema: { type: 'string' } },
            { name: 'status', in: 'query', schema: { type: 'string', enum: ['open'] } },
          ],
          requestBody: { content: { 'multipart/form-data': {} } },
          security: [{}],
          'x-requires': { permission: 'tenants:read', on: 'tenant' },
          'x-in-person': 'person',
        },
      },
    },
  });

  it('say who may call them and where they take ids, and what things are called by', () => {
    expect(route).toMatchObject({
      method: 'GET',
      ids: ['thingId'],
      queryIds: ['ownerId'],
      queryTexts: ['email'],
      isList: true,
      isPublic: false,
      presence: 'person',
      takes: 'files',
    });
    expect(route && listOf(route, 'thingId')).toBe('/api/v1/tenants/{tenantId}/things');
  });
});
