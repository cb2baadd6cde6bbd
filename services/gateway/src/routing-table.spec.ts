import { describe, expect, it } from '@jest/globals';
import { RoutingTable, type Served } from './routing-table.ts';

const serving = (...paths: readonly string[]): Served => ({ paths: Object.fromEntries(paths.map((path) => [path, {}])) });

describe('which service serves a path', () => {
  const table = new RoutingTable(
    new Map([
      ['tenants', serving('/api/v1/tenants', '/api/v1/tenants/{tenantId}', '/health/ready', '/api/v1/operations/parked')],
      ['contracts', serving('/api/v1/tenants/{tenantId}/contracts/{contractId}', '/metrics', '/api/v1/tenants/{id}')],
      ['invoicing', serving('/api/v1/tenants/{tenantId}/contracts/latest', '/api/v1/tenants/{tenantId}/bills/{month}')],
    ]),
  );

  it.each([
    ['/api/v1/tenants', 'tenants'],
    ['/api/v1/tenants/t1', 'tenants'],
    ['/api/v1/tenants/t1/contracts/c1', 'contracts'],
    ['/api/v1/tenants/t1/contracts/latest', 'invoicing'],
    ['/api/v1/tenants/t1/bills/2026-01', 'invoicing'],
  ])('%s is of %s', (path, service) => {
    expect(table.ownerOf(path)).toBe(service);
  });

  it.each([
    ['that no template matches', '/api/v1/tenants/t1/users'],
    ['that ends early', '/api/v1'],
    ['that goes on', '/api/v1/tenants/t1/bills/2026-01/lines'],
    ['with nothing in the place of a parameter', '/api/v1/tenants/'],
    ['of the shell, which every service has', '/api/v1/operations/parked'],
    ['of the shell’s health', '/health/ready'],
  ])('a path %s is nobody’s', (_, path) => {
    expect(table.ownerOf(path)).toBeUndefined();
  });

  it('says which templates two services claim, whatever their parameters are called', () => {
    expect(table.disputed).toEqual(['/api/v1/tenants/{id} of tenants and contracts']);
  });
});
