import { randomUUID } from 'node:crypto';
import { type CommandId, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { currency } from '#libs/money/currency';
import { type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type TenantEvent } from '#libs/published/tenants';

/** A tenant as its own service would tell of it: a distributor, or a reseller below one. */
export const registeredTenant = async ({ running }: TestPlatform, parent?: TenantId): Promise<TenantId> => {
  const tenantId = randomUUID() as TenantId;
  const registeredAt = running.platform.clock.now();
  const event: TenantEvent = {
    type: 'TenantRegistered',
    data: {
      tenantId,
      path: parent ? [parent, tenantId] : [tenantId],
      tier: parent ? 'reseller' : 'distributor',
      name: 'Somebody',
      customerCode: null,
      currency: currency('USD'),
      primaryDomain: null,
      registeredAt,
    },
  };
  const metadata = {
    commandId: randomUUID() as CommandId,
    bodyHash: '',
    principal: { id: 'test' },
    tenant: null,
    time: registeredAt,
  };
  await running.platform.store.append(`tenants.tenant-${tenantId}` as StreamName, [event], NO_STREAM, metadata);
  return tenantId;
};
