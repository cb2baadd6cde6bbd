import { type DataSourceId, type ImportId, type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type UsageMonthEvent } from '#libs/published/ingestion';
import { type AutoAssignmentEvent, type LinkedAccountEvent } from '#libs/published/tenants';
import { part, projection } from '#libs/read-models/projection';
import { assign, type Holdings, release } from '#libs/time/intervals';
import { type Instant, type Month } from '#libs/time/time';
import { type Holder, type Taker, type UsedAccount } from './account-days.ts';

/** Who takes in the accounts of one data source that nobody holds, on which days. */
export type AutomaticLinkRow = Readonly<{
  id: DataSourceId;
  holdings: Holdings<Taker>;
  /** Everybody who has or had it on for a day, and all above them. */
  holders: readonly TenantId[];
}>;

const sameTaker = (a: Taker, b: Taker): boolean => a.id === b.id && a.exclude.join('\n') === b.exclude.join('\n');

const everybodyIn = (holdings: Holdings<Holder>): readonly TenantId[] => [
  ...new Set(holdings.flatMap(({ holder }) => holder.path)),
];

/** A document per data source. */
export const automaticLinks = projection({
  name: 'health-automatic-links',
  version: 2,
  parts: {
    source: part<AutoAssignmentEvent, Holdings<Taker>>('tenants.autoAssignment', {
      document: ({ data }) => data.dataSourceId,
      evolve: (holdings = [], event) => {
        switch (event.type) {
          case 'AutoAssignmentTurnedOn': {
            const { tenantId: id, path, from, exclude } = event.data;
            return assign(holdings, { from, to: null }, { id, path, exclude }, sameTaker);
          }
          case 'AutoAssignmentTurnedOff': {
            const { tenantId, from } = event.data;
            return release(holdings, { from, to: null }, ({ id }) => id === tenantId);
          }
        }
      },
    }),
  },
  row: ({ source: holdings }, id): AutomaticLinkRow | undefined =>
    holdings && { id: id as DataSourceId, holdings, holders: everybodyIn(holdings) },
  indexes: [],
  elements: ['holders'],
});

/** Whose one account of one data source is by explicit links. */
export type AccountLinkRow = Readonly<{
  id: string;
  dataSourceId: DataSourceId;
  accountId: LinkedAccountId;
  holdings: Holdings<Holder>;
  /** Everybody who holds or held it for a day, and all above them. */
  holders: readonly TenantId[];
}>;

type LinkPart = Pick<AccountLinkRow, 'dataSourceId' | 'accountId' | 'holdings'>;

const sameHolder = (a: Holder, b: Holder): boolean => a.id === b.id;

/** A document per account of a data source. */
export const accountLinks = projection({
  name: 'health-account-links',
  version: 2,
  parts: {
    account: part<LinkedAccountEvent, LinkPart | undefined>('tenants.linkedAccount', {
      document: ({ data }) => `${data.dataSourceId}~${data.accountId}`,
      evolve: (before, event) => {
        const { dataSourceId, accountId, tenantId: id, from } = event.data;
        const held = before?.holdings ?? [];
        const holdings =
          event.type === 'LinkedAccountLinked'
            ? assign(held, { from, to: event.data.to }, { id, path: event.data.path }, sameHolder)
            : release(held, { from, to: null }, (holder) => holder.id === id);
        return { dataSourceId, accountId, holdings };
      },
    }),
  },
  row: ({ account }, id): AccountLinkRow | undefined => account && { id, ...account, holders: everybodyIn(account.holdings) },
  indexes: [['dataSourceId']],
  elements: ['holders'],
});

/** The accounts in the serving usage of one data source and month. */
export type UsedAccountsRow = Readonly<{
  id: string;
  dataSourceId: DataSourceId;
  month: Month;
  importId: ImportId;
  importedAt: Instant;
  accounts: readonly UsedAccount[];
  /** It took the place of other usage. */
  restates: boolean;
}>;

type SlicePart = Omit<UsedAccountsRow, 'id'> & Readonly<{ contentHash: string }>;

/** A document per slice: an import replaces it whole. */
export const usedAccounts = projection({
  name: 'health-used-accounts',
  version: 1,
  parts: {
    slice: part<UsageMonthEvent, SlicePart>('ingestion.usageMonth', {
      document: ({ data }) => `${data.dataSourceId}~${data.month}`,
      evolve: (before, { data: { dataSourceId, month, importId, importedAt, accounts, contentHash } }) => {
        const restates = before !== undefined && before.contentHash !== contentHash;
        return { dataSourceId, month, importId, importedAt, accounts, contentHash, restates };
      },
    }),
  },
  row: ({ slice }, id): UsedAccountsRow | undefined => {
    if (!slice) return undefined;
    const { contentHash: _hash, ...row } = slice;
    return { id, ...row };
  },
  indexes: [['dataSourceId', 'month']],
});
