import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Category, type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type DataSourceId, type TenantId } from '#libs/published/ids';
import { type HealthStatus, type SourceHealthEvent } from '#libs/published/ingestion';
import { type AutoAssignmentEvent, type LinkedAccountEvent, type SourceDataEvent } from '#libs/published/tenants';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Day, dayOf } from '#libs/time/time';
import { autoAssignments } from '../auto-assignment/auto-assignments.projection.ts';
import { customerList } from '../customer-list/customer-list.projection.ts';
import { linkedAccounts } from '../linked-accounts/linked-accounts.projection.ts';
import { sourceOwners } from '../linked-accounts/sources.projection.ts';
import { HEALTH_STATUSES, isWorse, rollUp, type SourceData, sourceData, worstOf } from '../source-data/source-data.ts';

const NAME = 'tenants.on-source-health-changed';

type Telling = SourceHealthEvent | LinkedAccountEvent | AutoAssignmentEvent | SourceDataEvent;

const TYPES: readonly string[] = [
  'SourceHealthChanged',
  'LinkedAccountLinked',
  'LinkedAccountUnlinked',
  'AutoAssignmentTurnedOn',
  'AutoAssignmentTurnedOff',
  'SourceDataRolledUp',
] satisfies Telling['type'][];

const isTelling = (event: Recorded): event is Recorded<Telling> => TYPES.includes(event.type);

/**
 * Rolls the health of data sources up the tree, tenant by tenant: each knows the worst of its own sources, and asks its direct
 * customers for the worst of theirs. A link that ends by its date is seen with the next event about the tenant or the source.
 */
export const onSourceHealthChanged = (store: EventStore, readModels: ReadModels): Consumer => {
  /** @param found what there is now, given what was told last */
  const tell = async (event: Recorded, tenantId: TenantId, found: (before: SourceData) => Promise<SourceData>): Promise<void> => {
    const tenant = await readModels.of(tenantTree).get(tenantId);
    if (!tenant) return;
    const { state } = await present(store, sourceData, tenantId);
    const decision = rollUp(tenant, await found(state), event.metadata.time);
    if (decision(state).length === 0) return;
    await handle(store, sourceData, tenantId, decision, { command: reactionCommand(NAME, event, sourceData.stream(tenantId)) });
  };
  return {
    name: NAME,
    categories: ['ingestion.sourceHealth', 'tenants.linkedAccount', 'tenants.autoAssignment', 'tenants.sourceData'] as Category[],
    onFailure: 'park',
    target: ({ stream }) => stream,
    handle: async (event, signal) => {
      if (!isTelling(event)) return;
      if (event.type === 'SourceDataRolledUp') {
        const parentId = event.data.path.at(-2);
        if (parentId === undefined) return;
        await tell(event, parentId, async ({ own, status }) => ({
          own,
          status: isWorse(event.data.status, status) ? event.data.status : worstOf([own, await worstBelow(readModels, parentId)]),
        }));
        return;
      }
      const today = dayOf(event.metadata.time);
      for (const tenantId of await concerned(event, readModels, today)) {
        signal.throwIfAborted();
        await tell(event, tenantId, async () => {
          const own = worstOf(await ownStatuses(readModels, tenantId, today));
          return { own, status: worstOf([own, await worstBelow(readModels, tenantId)]) };
        });
      }
    },
  };
};

const worstBelow = async (readModels: ReadModels, parentId: TenantId): Promise<HealthStatus> => {
  const customers = readModels.of(customerList);
  for (const sourceData of HEALTH_STATUSES.slice(0, -1))
    if ((await customers.find({ filter: { parentId, sourceData }, limit: 1 })).items.length > 0) return sourceData;
  return 'Not available';
};

const concerned = async (
  { type, data }: Recorded<Exclude<Telling, SourceDataEvent>>,
  readModels: ReadModels,
  today: Day,
): Promise<ReadonlySet<TenantId>> => {
  switch (type) {
    case 'SourceHealthChanged': {
      const { dataSourceId, tenantId } = data;
      const links = await readModels
        .of(linkedAccounts)
        .aggregate({ filter: { dataSourceId, until: { gt: today } }, groupBy: ['tenantId'] });
      const automatic = await readModels.of(autoAssignments).get(dataSourceId);
      const holders = links.flatMap(({ group: [holder] }) => (typeof holder === 'string' ? [holder as TenantId] : []));
      return new Set([tenantId, ...holders, ...(automatic?.holders ?? [])]);
    }
    case 'LinkedAccountLinked':
      return new Set([data.tenantId, ...data.takenFrom]);
    case 'LinkedAccountUnlinked':
    case 'AutoAssignmentTurnedOn':
    case 'AutoAssignmentTurnedOff':
      return new Set([data.tenantId]);
  }
};

/** Of a source above, what concerns only accounts of others does not count. */
const ownStatuses = async (readModels: ReadModels, tenantId: TenantId, today: Day): Promise<readonly HealthStatus[]> => {
  const [owned, links, automatic] = await Promise.all([
    readModels.of(sourceOwners).all({ ownerId: tenantId }),
    readModels.of(linkedAccounts).aggregate({ filter: { tenantId, until: { gt: today } }, groupBy: ['dataSourceId'] }),
    readModels.of(autoAssignments).all({ holders: { has: tenantId } }),
  ]);
  const taken = automatic.filter(({ holdings }) =>
    holdings.some(({ holder, to }) => holder.id === tenantId && (to === null || to > today)),
  );
  const serving = new Set<DataSourceId>([
    ...links.flatMap(({ group: [id] }) => (typeof id === 'string' ? [id as DataSourceId] : [])),
    ...taken.map(({ id }) => id),
  ]);
  for (const { id } of owned) serving.delete(id);
  const above = serving.size > 0 ? await readModels.of(sourceOwners).all({ id: { in: [...serving] } }) : [];
  return [...owned.map(({ status }) => status), ...above.map(({ statusBelow }) => statusBelow)];
};
