import { type TenantId } from '#libs/published/ids';
import { type CreationMode, type OnboardingEvent, type TenantEvent } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';
import { isSetUp } from './set-up.ts';

type InvitedTenantRow = Readonly<{ id: TenantId; path: readonly TenantId[] }>;

/** Who was invited and has not set up the account yet: what lists leave out. */
export const invitedTenants = projection({
  name: 'invited-tenants',
  version: 1,
  parts: {
    tenant: part<TenantEvent, (InvitedTenantRow & Readonly<{ mode: CreationMode }>) | undefined>('tenants.tenant', {
      document: ({ data }) => data.tenantId,
      evolve: (before, { type, data }) =>
        type === 'TenantRegistered' ? { id: data.tenantId, path: data.path, mode: data.mode ?? 'add' } : before,
    }),
    hadAdmin: part<OnboardingEvent, boolean>('tenants.onboarding', {
      document: ({ data }) => data.tenantId,
      evolve: (before = false, { type }) => before || type === 'CustomerAdminGained',
    }),
  },
  row: ({ tenant, hadAdmin = false }): InvitedTenantRow | undefined =>
    tenant && !isSetUp(tenant.mode, hadAdmin) ? { id: tenant.id, path: tenant.path } : undefined,
  indexes: [],
  elements: ['path'],
});
