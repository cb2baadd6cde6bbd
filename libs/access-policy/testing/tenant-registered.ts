import { currency } from '#libs/money/currency';
import { type TenantId } from '#libs/published/ids';
import { type TenantEvent, type Tier } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';

type Registered = Extract<TenantEvent, { type: 'TenantRegistered' }>;

const TIERS: readonly Tier[] = ['distributor', 'reseller', 'endCustomer'];

/** A tenant as its own service tells of it; the path leads to it, and its tier is that of its depth unless told otherwise. */
export const tenantRegistered = (path: readonly TenantId[], told: Partial<Registered['data']> = {}): Registered => {
  const tenantId = path.at(-1);
  if (tenantId === undefined) throw new Error('A path leads to a tenant');
  return {
    type: 'TenantRegistered',
    data: {
      tenantId,
      path,
      tier: TIERS[path.length - 1] ?? 'endCustomer',
      name: tenantId,
      customerCode: null,
      primaryDomain: null,
      currency: currency('USD'),
      registeredAt: '2026-01-01T00:00:00.000Z' as Instant,
      ...told,
    },
  };
};
