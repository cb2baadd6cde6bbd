import { randomUUID } from 'node:crypto';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';

/** A tenant as its own service would tell of it: a distributor, or a reseller below one. */
export const registeredTenant = async (platform: TestPlatform, parent?: TenantId): Promise<TenantId> => {
  const tenantId = randomUUID() as TenantId;
  await platform.happened(`tenants.tenant-${tenantId}`, tenantRegistered(parent ? [parent, tenantId] : [tenantId]));
  return tenantId;
};
