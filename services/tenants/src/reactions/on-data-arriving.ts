import { tenantTree, type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { type Category, type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type DataSourceId, type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type UsageMonthEvent } from '#libs/published/ingestion';
import { type AutoAssignmentEvent, type LinkedAccountEvent } from '#libs/published/tenants';
import { type ReadModels } from '#libs/read-models/read-model';
import { autoAssignments } from '../auto-assignment/auto-assignments.projection.ts';
import { linkedAccounts } from '../linked-accounts/linked-accounts.projection.ts';
import { sliceAccounts, sourceOwners } from '../linked-accounts/sources.projection.ts';
import { noteData, onboarding } from '../onboarding/onboarding.ts';
import { inParts } from './in-parts.ts';

const NAME = 'tenants.on-data-arriving';

type Telling = UsageMonthEvent | LinkedAccountEvent | AutoAssignmentEvent;

/**
 * Whose data has come: of accounts linked to a customer or taken in for it, or of a data source of its own. Usage may come before the
 * link or after it; each is looked at in the light of the other.
 */
export const onDataArriving = (store: EventStore, readModels: ReadModels): Consumer => ({
  name: NAME,
  categories: ['ingestion.usageMonth', 'tenants.linkedAccount', 'tenants.autoAssignment'] as Category[],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event, signal) => {
    if (!isTelling(event)) return;
    const note = async (tenant: TenantTreeRow): Promise<void> => {
      if ((await present(store, onboarding, tenant.id)).state.dataArrived) return;
      await handle(store, onboarding, tenant.id, noteData(tenant, event.data.dataSourceId, event.metadata.time), {
        command: reactionCommand(NAME, event, onboarding.stream(tenant.id)),
      });
    };
    // A source may hold the accounts of very many customers.
    await inParts(await concerned(event, store, readModels), signal, async (tenantIds) => {
      const customers = await readModels.of(tenantTree).all({ id: { in: tenantIds }, tier: 'endCustomer' });
      await Promise.all(customers.map(note));
    });
  },
});

const TYPES: readonly string[] = ['UsageImported', 'LinkedAccountLinked', 'AutoAssignmentTurnedOn'] satisfies Telling['type'][];
const isTelling = (event: Recorded): event is Recorded<Telling> => TYPES.includes(event.type);

const concerned = async (
  { type, data }: Recorded<Telling>,
  store: EventStore,
  readModels: ReadModels,
): Promise<ReadonlySet<TenantId>> => {
  switch (type) {
    case 'UsageImported':
      return holdersOf(
        readModels,
        data.dataSourceId,
        data.accounts.map(({ accountId }) => accountId),
      );
    case 'LinkedAccountLinked': {
      if ((await present(store, onboarding, data.tenantId)).state.dataArrived) return new Set();
      const slices = await readModels.of(sliceAccounts).all({ dataSourceId: data.dataSourceId });
      const isUsed = slices.some(({ accounts }) => accounts.some(({ accountId }) => accountId === data.accountId));
      return new Set(isUsed ? [data.tenantId] : []);
    }
    case 'AutoAssignmentTurnedOn': {
      const slices = await readModels.of(sliceAccounts).all({ dataSourceId: data.dataSourceId });
      const used = slices.flatMap(({ accounts }) => accounts.map(({ accountId }) => accountId));
      return holdersOf(readModels, data.dataSourceId, [...new Set(used)]);
    }
    case 'AutoAssignmentTurnedOff':
    case 'LinkedAccountUnlinked':
      return new Set();
  }
};

/** Whose these used accounts of a source are or were: by link, by taking in what is linked to nobody, or by owning the source. */
const holdersOf = async (
  readModels: ReadModels,
  dataSourceId: DataSourceId,
  used: readonly LinkedAccountId[],
): Promise<ReadonlySet<TenantId>> => {
  const [links, source, automatic] = await Promise.all([
    readModels.of(linkedAccounts).all({ dataSourceId, accountId: { in: used } }),
    readModels.of(sourceOwners).get(dataSourceId),
    readModels.of(autoAssignments).get(dataSourceId),
  ]);
  const linked = new Set(links.map(({ accountId }) => accountId));
  const takesIn = used.some((accountId) => !linked.has(accountId));
  const owner = source?.path.at(-1);
  return new Set([
    ...links.map(({ tenantId }) => tenantId),
    ...(takesIn ? (automatic?.holders ?? []) : []),
    ...(owner === undefined || used.length === 0 ? [] : [owner]),
  ]);
};
