import { tenantTree, type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
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
import { inParts } from './in-parts.ts';
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
  const tell = async (
    event: Recorded,
    tenant: TenantTreeRow,
    found: (before: SourceData) => Promise<SourceData> | SourceData,
  ): Promise<void> => {
    const { state } = await present(store, sourceData, tenant.id);
    const decision = rollUp(tenant, await found(state), event.metadata.time);
    if (decision(state).length === 0) return;
    await handle(store, sourceData, tenant.id, decision, {
      command: reactionCommand(NAME, event, sourceData.stream(tenant.id)),
    });
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
        const parent = parentId === undefined ? undefined : await readModels.of(tenantTree).get(parentId);
        if (!parent) return;
        const below = event.data.status;
        await tell(event, parent, async ({ own, status }) => {
          if (isWorse(below, status)) return { own, status: below };
          // One as bad as all that was known changes nothing; of very many customers that change together most are.
          return { own, status: isWorse(status, below) ? worstOf([own, await worstBelow(readModels, parent.id)]) : status };
        });
        return;
      }
      const today = dayOf(event.metadata.time);
      // A source may serve the accounts of very many customers.
      await inParts(await concerned(event, readModels, today), signal, async (tenantIds) => {
        const [tenants, own, below] = await Promise.all([
          readModels.of(tenantTree).all({ id: { in: tenantIds } }),
          ownStatuses(readModels, tenantIds, today),
          statusesBelow(readModels, tenantIds),
        ]);
        const found = (tenantId: TenantId): SourceData => {
          const worst = worstOf(own(tenantId));
          return { own: worst, status: worstOf([worst, ...below(tenantId)]) };
        };
        await Promise.all(tenants.map((tenant) => tell(event, tenant, () => found(tenant.id))));
      });
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

type Statuses = (tenantId: TenantId) => readonly HealthStatus[];

const statusesBelow = async (readModels: ReadModels, tenantIds: readonly TenantId[]): Promise<Statuses> => {
  const rows = await readModels
    .of(customerList)
    .aggregate({ filter: { parentId: { in: tenantIds } }, groupBy: ['parentId', 'sourceData'] });
  return (tenantId) => rows.filter(({ group: [id] }) => id === tenantId).map(({ group: [, status] }) => status as HealthStatus);
};

/** Of a source above, what concerns only accounts of others does not count. */
const ownStatuses = async (readModels: ReadModels, tenantIds: readonly TenantId[], today: Day): Promise<Statuses> => {
  const filter = { tenantId: { in: tenantIds }, until: { gt: today } };
  const [owned, links, automatic] = await Promise.all([
    readModels.of(sourceOwners).all({ ownerId: { in: tenantIds } }),
    readModels.of(linkedAccounts).aggregate({ filter, groupBy: ['tenantId', 'dataSourceId'] }),
    Promise.all(tenantIds.map((tenantId) => readModels.of(autoAssignments).all({ holders: { has: tenantId } }))),
  ]);
  const serving = new Map<TenantId, Set<DataSourceId>>(tenantIds.map((tenantId) => [tenantId, new Set()]));
  for (const { group } of links) serving.get(group[0] as TenantId)?.add(group[1] as DataSourceId);
  for (const [index, tenantId] of tenantIds.entries())
    for (const { id, holdings } of automatic[index] ?? [])
      if (holdings.some(({ holder, to }) => holder.id === tenantId && (to === null || to > today)))
        serving.get(tenantId)?.add(id);
  const ids = new Set([...serving.values()].flatMap((one) => [...one]));
  const above = ids.size > 0 ? await readModels.of(sourceOwners).all({ id: { in: [...ids] } }) : [];
  return (tenantId) => [
    ...owned.filter(({ ownerId }) => ownerId === tenantId).map(({ status }) => status),
    ...above
      .filter(({ id, ownerId }) => ownerId !== tenantId && serving.get(tenantId)?.has(id) === true)
      .map(({ statusBelow }) => statusBelow),
  ];
};
