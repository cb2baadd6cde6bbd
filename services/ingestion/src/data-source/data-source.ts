import { type Claim } from '#libs/event-sourcing/claims';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision } from '#libs/event-sourcing/event';
import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type DataSourceEvent } from '#libs/published/ingestion';
import { type Instant } from '#libs/time/time';

/** What an owner says about a source and may change. */
export type Settings = Readonly<{ name: string; scheduleHours: number | null; ownPublishers: readonly string[] }>;

/** `revision` is the source's own: that of the last event that changed it, its ETag. */
export type RegisteredSource = Settings &
  Readonly<{
    id: DataSourceId;
    tenantId: TenantId;
    path: readonly TenantId[];
    managementAccountId: ManagementAccountId;
    registeredAt: Instant;
    revision: Revision;
  }>;

/** Undefined until it is registered. */
export type DataSource = RegisteredSource | undefined;

export const dataSource = decider<DataSource, DataSourceEvent, DataSourceId>(
  'ingestion.dataSource',
  undefined,
  (state, { type, data }, revision) => {
    switch (type) {
      case 'DataSourceRegistered': {
        const { dataSourceId: id, ...source } = data;
        return { id, ...source, revision };
      }
      case 'DataSourceChanged': {
        const { name, scheduleHours, ownPublishers } = data;
        return state && { ...state, name, scheduleHours, ownPublishers, revision };
      }
    }
  },
);

type Owner = Readonly<{ id: TenantId; path: readonly TenantId[] }>;

export const register =
  (id: DataSourceId, owner: Owner, managementAccountId: ManagementAccountId, settings: Settings, registeredAt: Instant) =>
  (state: DataSource): DataSourceEvent[] => {
    if (state) return [];
    const { id: tenantId, path } = owner;
    return [
      {
        type: 'DataSourceRegistered',
        data: { dataSourceId: id, tenantId, path, managementAccountId, ...settings, registeredAt },
      },
    ];
  };

/** What is left out stays. */
export const change =
  (changed: Partial<Settings>) =>
  (state: DataSource): DataSourceEvent[] => {
    const { id, name, scheduleHours, ownPublishers } = registered(state);
    const before: Settings = { name, scheduleHours, ownPublishers };
    const after: Settings = { ...before, ...changed };
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [{ type: 'DataSourceChanged', data: { dataSourceId: id, ...after } }];
  };

/** @throws DomainError `not-found` */
export const registered = (state: DataSource): RegisteredSource => {
  if (!state) throw notThere();
  return state;
};

export const notThere = (): DomainError =>
  new DomainError('not-found', 'data-source-not-found', 'There is no such data source in this tenant.');

const TAKEN = 'management-account-taken';

/** A tree has at most one data source per management account. */
export const claimOfAccount = ([rootId]: readonly TenantId[], account: ManagementAccountId): Claim => ({
  service: 'ingestion',
  kind: 'managementAccount',
  scope: rootId ?? '',
  value: account,
  taken: {
    code: TAKEN,
    message: `The management account ${account} has a data source in this tree already.`,
    path: 'managementAccountId',
  },
});

/** Not a race but a rule: a management account that is taken stays so. */
export const asRule = (error: unknown): unknown =>
  error instanceof DomainError && error.code === TAKEN ? new DomainError('rejected', TAKEN, error.message, error.errors) : error;
