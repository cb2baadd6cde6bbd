import { type DataSourceId, type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type AutoAssignmentEvent, type LinkedAccountEvent } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';
import { type AutoAssignment, type Link } from '../rating/rating-input.ts';
import { assign, type Holdings, release } from '#libs/time/intervals';
import { type OneStream } from './one-stream.ts';

type LinkPart = OneStream & Readonly<{ dataSourceId: DataSourceId; accountId: LinkedAccountId; holdings: Holdings<TenantId> }>;

/** One linked account of one data source, and whose it is since when. */
export type LinkInput = OneStream &
  Readonly<{ id: string; dataSourceId: DataSourceId; accountId: LinkedAccountId; links: readonly Link[] }>;

export const linkInputs = projection({
  name: 'invoicing-link-inputs',
  version: 2,
  parts: {
    account: part<LinkedAccountEvent, LinkPart>('tenants.linkedAccount', {
      document: ({ data }) => `${data.dataSourceId}~${data.accountId}`,
      evolve: (before, event) => {
        const { dataSourceId, accountId, rootId, tenantId, from } = event.data;
        const account = { dataSourceId, accountId, rootId, changes: event.revision + 1 };
        const holdings = before?.holdings ?? [];
        switch (event.type) {
          case 'LinkedAccountLinked':
            return { ...account, holdings: assign(holdings, { from, to: event.data.to }, tenantId) };
          case 'LinkedAccountUnlinked':
            return { ...account, holdings: release(holdings, { from, to: null }, (holder) => holder === tenantId) };
        }
      },
    }),
  },
  row: ({ account }, id): LinkInput | undefined =>
    account && {
      id,
      rootId: account.rootId,
      changes: account.changes,
      dataSourceId: account.dataSourceId,
      accountId: account.accountId,
      links: account.holdings.map(({ holder, from, to }) => ({
        dataSourceId: account.dataSourceId,
        accountId: account.accountId,
        tenantId: holder,
        from,
        to,
      })),
    },
  indexes: [['rootId', 'changes']],
});

type Taking = Readonly<{ tenantId: TenantId; exclude: readonly string[] }>;
type AutoAssignmentPart = OneStream & Readonly<{ dataSourceId: DataSourceId; holdings: Holdings<Taking> }>;

/** Who takes in the accounts of one data source that nobody holds, since when. */
export type AutoAssignmentInput = OneStream & Readonly<{ id: string; autoAssignments: readonly AutoAssignment[] }>;

export const autoAssignmentInputs = projection({
  name: 'invoicing-auto-assignment-inputs',
  version: 2,
  parts: {
    source: part<AutoAssignmentEvent, AutoAssignmentPart>('tenants.autoAssignment', {
      document: ({ data }) => data.dataSourceId,
      evolve: (before, event) => {
        const { dataSourceId, rootId, tenantId, from } = event.data;
        const source = { dataSourceId, rootId, changes: event.revision + 1 };
        const later = { from, to: null };
        const others = release(before?.holdings ?? [], later, (holder) => holder.tenantId === tenantId);
        switch (event.type) {
          case 'AutoAssignmentTurnedOn':
            return { ...source, holdings: assign(others, later, { tenantId, exclude: event.data.exclude }) };
          case 'AutoAssignmentTurnedOff':
            return { ...source, holdings: others };
        }
      },
    }),
  },
  row: ({ source }, id): AutoAssignmentInput | undefined =>
    source && {
      id,
      rootId: source.rootId,
      changes: source.changes,
      autoAssignments: source.holdings.map(({ holder, from, to }) => ({
        dataSourceId: source.dataSourceId,
        ...holder,
        from,
        to,
      })),
    },
  indexes: [['rootId', 'changes']],
});
