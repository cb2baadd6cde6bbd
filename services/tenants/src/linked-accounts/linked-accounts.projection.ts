import { type DataSourceId, type LinkedAccountId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type LinkedAccountEvent } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';
import { assign, type Holdings, type Interval, release } from '#libs/time/intervals';
import { linkedAccountKey } from '../linked-account/linked-account.ts';

/** Of one account and one tenant: the days on which it is or was that tenant's. */
export type LinkRow = Readonly<{
  id: string;
  tenantId: TenantId;
  /** Of the tenant, from the root. */
  path: readonly TenantId[];
  parentId: TenantId | null;
  dataSourceId: DataSourceId;
  managementAccountId: ManagementAccountId;
  accountId: LinkedAccountId;
  /** Ascending, never empty. */
  intervals: readonly Interval[];
  /** First day on which it is for good no longer linked; `NO_END` where there is none. */
  until: string;
}>;

/** Stands for "without end" where days are compared as text: no day comes after it. */
export const NO_END = '9999-12-31';

type LinkPart = Omit<LinkRow, 'id' | 'intervals' | 'until' | 'parentId'> & Readonly<{ own: Holdings<'own'> }>;

const documentOf = (dataSourceId: DataSourceId, accountId: LinkedAccountId, tenantId: TenantId): string =>
  `${linkedAccountKey(dataSourceId, accountId)}~${tenantId}`;

/**
 * A document per account and tenant, so that a tenant's accounts can be listed and counted by the store: the account's one stream
 * writes to the document of every tenant that a link concerns, the one that gets the days and those that lose some.
 */
export const linkedAccounts = projection({
  name: 'linked-accounts',
  version: 2,
  parts: {
    account: part<LinkedAccountEvent, LinkPart | undefined>('tenants.linkedAccount', {
      document: (event) => {
        const { dataSourceId, accountId, tenantId } = event.data;
        const others = event.type === 'LinkedAccountLinked' ? event.data.takenFrom : [];
        return [tenantId, ...others].map((id) => documentOf(dataSourceId, accountId, id));
      },
      evolve: (before, event) => {
        switch (event.type) {
          case 'LinkedAccountLinked': {
            const { tenantId, path, dataSourceId, managementAccountId, accountId, from, to } = event.data;
            // A tenant's document begins with a link to that tenant; only later can another one take days from it.
            if (before && before.tenantId !== tenantId) return { ...before, own: release(before.own, { from, to }) };
            const own = assign(before?.own ?? [], { from, to }, 'own');
            return { tenantId, path, dataSourceId, managementAccountId, accountId, own };
          }
          case 'LinkedAccountUnlinked':
            return before && { ...before, own: release(before.own, { from: event.data.from, to: null }) };
        }
      },
    }),
  },
  row: ({ account }, id): LinkRow | undefined => {
    if (!account || account.own.length === 0) return undefined;
    const { own, ...link } = account;
    const intervals = own.map(({ from, to }) => ({ from, to }));
    return { id, ...link, parentId: link.path.at(-2) ?? null, intervals, until: intervals.at(-1)?.to ?? NO_END };
  },
  indexes: [
    ['tenantId', 'dataSourceId', 'accountId'],
    ['parentId', 'dataSourceId', 'accountId'],
    ['dataSourceId', 'accountId'],
  ],
  elements: ['path'],
});
