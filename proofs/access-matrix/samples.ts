/** A body that a route takes, so that what is refused is refused for the ids. */
export type Sample = Readonly<{ body: unknown; headers?: Readonly<Record<string, string>> }>;

/** A body with an id in it, and the list in which a tenant has such things. */
export type SampleWithId = Readonly<{ route: string; of: string; body: (id: string) => unknown }>;

const at = (method: string, path: string): string => `${method} /api/v1/tenants/{tenantId}/${path}`;

export const SAMPLES: Readonly<Record<string, Sample>> = {
  [at('PATCH', 'contacts/{contactId}')]: { body: { name: 'X' } },
  [at('PATCH', 'service-accounts/{serviceAccountId}')]: { body: { name: 'X' } },
  [at('PATCH', 'users/{userId}')]: { body: { childTenantRole: null } },
  [at('PATCH', 'customer-links/{userId}')]: { body: { role: 'support' } },
  [at('PUT', 'roles/{roleId}')]: { body: { name: 'X', permissions: ['tenants:read'] } },
  [at('PUT', 'auto-assignments/{dataSourceId}')]: { body: { exclude: ['*'] } },
  [at('PUT', 'contracts/{contractId}')]: { body: { name: 'X', start: '2021-01-01' }, headers: { 'if-match': '"0"' } },
  [at('POST', 'contracts/{contractId}/status')]: { body: { to: 'cancelled', reason: 'X' } },
  [at('POST', 'users/{userId}/impersonation')]: { body: { reason: 'X' } },
  [at('PATCH', 'data-sources/{dataSourceId}')]: { body: { name: 'X' } },
};

const invited = (id: string) => ({ email: 'nobody.yet@example.com', name: 'X', role: `custom:${id}` });

export const SAMPLES_WITH_IDS: readonly SampleWithId[] = [
  {
    route: at('POST', 'linked-accounts'),
    of: 'data-sources',
    body: (dataSourceId) => ({ dataSourceId, accountId: '999999999999' }),
  },
  {
    route: at('POST', 'linked-accounts/unlink'),
    of: 'data-sources',
    body: (dataSourceId) => ({ dataSourceId, accountId: '999999999999', from: '2026-01-01' }),
  },
  { route: at('POST', 'customer-links'), of: 'users', body: (userId) => ({ userId }) },
  {
    route: at('POST', 'contracts/{contractId}/status'),
    of: 'contracts',
    body: (supersede) => ({ to: 'active', reason: 'X', supersede }),
  },
  {
    route: at('POST', 'delegated-accesses'),
    of: 'users',
    body: (userId) => ({ role: 'support', hours: 1, reason: 'X', userId }),
  },
  { route: at('PATCH', 'users/{userId}'), of: 'roles', body: (id) => ({ role: `custom:${id}` }) },
  { route: at('POST', 'users'), of: 'roles', body: (id) => ({ ...invited(id), password: 'a long enough password' }) },
  { route: at('POST', 'invitations'), of: 'roles', body: invited },
  { route: at('POST', 'invitations/bulk'), of: 'roles', body: (id) => ({ invitations: [invited(id)], onFaults: 'none' }) },
];
