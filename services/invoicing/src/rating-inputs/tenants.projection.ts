import { type TenantId } from '#libs/published/ids';
import { type TenantEvent } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';
import { type RatedTenant } from '../rating/rating-input.ts';
import { type OneStream } from './one-stream.ts';

export type TenantInput = RatedTenant & OneStream;

export const tenantInputs = projection({
  name: 'invoicing-tenant-inputs',
  version: 3,
  parts: {
    tenant: part<TenantEvent, TenantInput>('tenants.tenant', {
      document: ({ data }) => data.tenantId,
      evolve: (tenant, { type, data, revision }) => {
        switch (type) {
          case 'TenantRegistered':
            return {
              id: data.tenantId,
              rootId: rootOf(data.path),
              path: data.path,
              tier: data.tier,
              name: data.name,
              currency: data.currency,
              changes: revision + 1,
            };
          case 'TenantProfileChanged':
            if (!tenant) throw new Error(`tenant ${data.tenantId} changed before it was registered`);
            return { ...tenant, name: data.name, changes: revision + 1 };
        }
      },
    }),
  },
  row: ({ tenant }): TenantInput | undefined => tenant,
  indexes: [['rootId', 'changes']],
  elements: ['path'],
});

const rootOf = (path: readonly TenantId[]): TenantId => {
  const [root] = path;
  if (root === undefined) throw new Error('a tenant without a path');
  return root;
};
