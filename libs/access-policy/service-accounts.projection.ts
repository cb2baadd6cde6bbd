import { type ServiceAccountEvent } from '#libs/published/acting';
import { part, projection } from '#libs/read-models/projection';
import { serviceAccountAfter, type ServiceAccountRow } from './service-account.ts';

/** Asked on every request of a service account, so that a revoked key counts no longer at once. */
export const serviceAccounts = projection({
  name: 'service-accounts',
  version: 5,
  parts: {
    account: part<ServiceAccountEvent, ServiceAccountRow>('access-control.serviceAccount', {
      document: ({ data }) => data.serviceAccountId,
      evolve: (known, event) => serviceAccountAfter(known, event, event.revision),
    }),
  },
  row: ({ account }): ServiceAccountRow | undefined => account,
  indexes: [['tenantId', 'nameOrder']],
});
