import { describe, expect, it } from '@jest/globals';
import { type ApiDocs, joinedApiDocs } from './joined-api-docs.ts';

describe('the joined API docs', () => {
  const retry = { put: { operationId: 'retry', parameters: [{ name: 'name', in: 'path' }] } };
  const joined = joinedApiDocs<ApiDocs>(
    { info: { title: 'own' }, paths: { '/health/ready': { get: { operationId: 'ready' } } }, components: {} },
    new Map([
      [
        'tenants',
        {
          info: { title: 'Tributary' },
          tags: [],
          paths: { '/health/ready': {}, '/api/v1/tenants': { get: {} }, '/api/v1/operations/reactions/{name}/retry': retry },
          components: { schemas: { Problem: { type: 'object' }, Tenant: {} }, securitySchemes: { bearer: {} } },
        },
      ],
      [
        'contracts',
        {
          paths: { '/metrics': {}, '/api/v1/contracts': { get: {} }, '/api/v1/operations/reactions/{name}/retry': {} },
          components: { schemas: { Problem: { type: 'other' }, Contract: {} } },
        },
      ],
    ]),
  );

  it('have the gateway’s routes and each service’s own', () => {
    expect(joined.info).toEqual({ title: 'Tributary' });
    expect(Object.keys(joined.paths)).toEqual([
      '/health/ready',
      '/api/v1/tenants',
      '/api/v1/contracts',
      '/api/v1/services/{service}/operations/reactions/{name}/retry',
    ]);
    expect(joined.paths['/health/ready']).toEqual({ get: { operationId: 'ready' } });
  });

  it('have the operators’ routes once, for every service', () => {
    expect(joined.paths['/api/v1/services/{service}/operations/reactions/{name}/retry']).toEqual({
      put: {
        operationId: 'retry',
        parameters: [
          { name: 'service', in: 'path', required: true, schema: { type: 'string', enum: ['tenants', 'contracts'] } },
          { name: 'name', in: 'path' },
        ],
      },
    });
  });

  it('have everything that they refer to, the first of a name', () => {
    expect(joined.components).toEqual({
      schemas: { Problem: { type: 'object' }, Tenant: {}, Contract: {} },
      securitySchemes: { bearer: {} },
    });
  });
});
