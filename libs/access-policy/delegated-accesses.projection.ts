import { type DelegatedAccessEvent } from '#libs/published/acting';
import { part, projection } from '#libs/read-models/projection';
import { delegatedAccessAfter, type DelegatedAccessRow } from './delegated-access.ts';

export const delegatedAccesses = projection({
  name: 'delegated-accesses',
  version: 1,
  parts: {
    access: part<DelegatedAccessEvent, DelegatedAccessRow>('access-control.delegatedAccess', {
      document: ({ data }) => data.delegatedAccessId,
      evolve: delegatedAccessAfter,
    }),
  },
  row: ({ access }): DelegatedAccessRow | undefined => access,
  indexes: [
    ['userId', 'status'],
    ['tenantId', 'requestedAt'],
  ],
});
