import { type Currency } from '#libs/money/currency';
import { type TenantId } from '#libs/published/ids';
import { type CreationMode, type TenantEvent, type Tier } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';

/** A tenant and its place in the tree; `path` runs from its root to itself, so `{ path: { has: id } }` is the subtree of `id`. */
export type TenantTreeRow = Readonly<{
  id: TenantId;
  parentId: TenantId | null;
  rootId: TenantId;
  path: readonly TenantId[];
  tier: Tier;
  name: string;
  customerCode: string | null;
  currency: Currency;
  primaryDomain: string | null;
  mode: CreationMode;
}>;

const registered = (data: Extract<TenantEvent, { type: 'TenantRegistered' }>['data']): TenantTreeRow => ({
  id: data.tenantId,
  parentId: data.path.at(-2) ?? null,
  rootId: data.path[0] ?? data.tenantId,
  path: data.path,
  tier: data.tier,
  name: data.name,
  customerCode: data.customerCode,
  currency: data.currency,
  primaryDomain: data.primaryDomain,
  mode: data.mode ?? 'add',
});

/** The tree that every service judges reach by: one document per tenant. */
export const tenantTree = projection({
  name: 'tenant-tree',
  version: 3,
  parts: {
    tenant: part<TenantEvent, TenantTreeRow>('tenants.tenant', {
      document: ({ data }) => data.tenantId,
      evolve: (tenant, { type, data }) => {
        if (type === 'TenantRegistered') return registered(data);
        if (!tenant) throw new Error(`${type} before the tenant was registered`);
        return { ...tenant, name: data.name, customerCode: data.customerCode, primaryDomain: data.primaryDomain };
      },
    }),
  },
  row: ({ tenant }): TenantTreeRow | undefined => tenant,
  indexes: [['parentId', 'name'], ['name']],
  elements: ['path'],
});
