import { type Asked, formOf, invitedRows, usageOf } from './keys.ts';

/** A body that a route takes, so that what is refused is refused for the ids. */
export type Sample = Asked & Readonly<{ headers?: Readonly<Record<string, string>> }>;

/** A body with an id in it, and the list in which a tenant has such things. */
export type SampleWithId = Readonly<{ route: string; of: string; asked: (id: string) => Asked }>;

const at = (method: string, path: string): string => `${method} /api/v1/tenants/{tenantId}/${path}`;

const NOBODYS = '0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f';

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
  // Nothing comes of them, where they are admitted: there is no such role, and no such format.
  [at('POST', 'invitations/upload')]: {
    form: () => formOf({ file: invitedRows('nobody.yet@example.com', `custom:${NOBODYS}`) }),
    query: { onFaults: 'none' },
  },
  [at('POST', 'imports/upload')]: { form: () => formOf({ files: usageOf(NOBODYS) }, { format: NOBODYS }) },
};

const invited = (id: string) => ({ email: 'nobody.yet@example.com', name: 'X', role: `custom:${id}` });

export const SAMPLES_WITH_IDS: readonly SampleWithId[] = [
  {
    route: at('POST', 'linked-accounts'),
    of: 'data-sources',
    asked: (dataSourceId) => ({ body: { dataSourceId, accountId: '999999999999' } }),
  },
  {
    route: at('POST', 'linked-accounts/unlink'),
    of: 'data-sources',
    asked: (dataSourceId) => ({ body: { dataSourceId, accountId: '999999999999', from: '2026-01-01' } }),
  },
  { route: at('POST', 'customer-links'), of: 'users', asked: (userId) => ({ body: { userId } }) },
  {
    route: at('POST', 'contracts/{contractId}/status'),
    of: 'contracts',
    asked: (supersede) => ({ body: { to: 'active', reason: 'X', supersede } }),
  },
  {
    route: at('POST', 'delegated-accesses'),
    of: 'users',
    asked: (userId) => ({ body: { role: 'support', hours: 1, reason: 'X', userId } }),
  },
  { route: at('PATCH', 'users/{userId}'), of: 'roles', asked: (id) => ({ body: { role: `custom:${id}` } }) },
  { route: at('POST', 'users'), of: 'roles', asked: (id) => ({ body: { ...invited(id), password: 'a long enough password' } }) },
  { route: at('POST', 'invitations'), of: 'roles', asked: (id) => ({ body: invited(id) }) },
  {
    route: at('POST', 'invitations/bulk'),
    of: 'roles',
    asked: (id) => ({ body: { invitations: [invited(id)], onFaults: 'none' } }),
  },
  {
    route: at('POST', 'invitations/upload'),
    of: 'roles',
    asked: (id) => ({
      form: () => formOf({ file: invitedRows('nobody.yet@example.com', `custom:${id}`) }),
      query: { onFaults: 'none' },
    }),
  },
];
